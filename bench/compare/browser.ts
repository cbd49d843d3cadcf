/** A browser's part: one cookie jar, changed by answers in the order in which they arrive. */
import { Agent, request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const ANSWER_MS_MAX = 5_000;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Close the connections that are kept for the next request. */
export function closeConnections(): void {
  agent.destroy();
}

export class Browser {
  readonly #url: string;
  #jar: Map<string, string>;

  constructor(url: string, jar: ReadonlyMap<string, string> = new Map<string, string>()) {
    this.#url = url;
    this.#jar = new Map(jar);
  }

  /** A second holder of the same cookies as they are now. */
  copy(): Browser {
    return new Browser(this.#url, this.#jar);
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#jar;
  }

  get(path: string): Promise<Answer> {
    const cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = cookie === "" ? {} : { cookie };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { agent, headers }, (response) => {
        this.#keep(response.headers["set-cookie"] ?? []);
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => void (body += part));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
        response.on("error", reject);
      });
      sent.setTimeout(ANSWER_MS_MAX, () => sent.destroy(new Error("no answer within 5 s")));
      sent.on("error", reject);
      sent.end();
    });
  }

  #keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [pair = "", ...attributes] = line.split("; ");
      const cut = pair.indexOf("=");
      const name = pair.slice(0, cut);
      if (attributes.some(isOver)) this.#jar.delete(name);
      else this.#jar.set(name, pair.slice(cut + 1));
    }
  }
}

function isOver(attribute: string): boolean {
  const [name = "", value = ""] = attribute.split("=");
  if (name.toLowerCase() === "max-age") return Number(value) <= 0;
  return name.toLowerCase() === "expires" && Date.parse(value) <= Date.now();
}

/** A program without a browser that sends a copied cookie, and keeps what it is given. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import type { Answer } from "./fork-browser.ts";
import type { ForkSite } from "./fork-site.ts";

const COOKIE = "__Host-session";

export class Thief {
  readonly #site: ForkSite;
  readonly #userAgent: string;
  readonly #agent: Agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  #token: string;

  constructor(site: ForkSite, userAgent: string, token: string) {
    this.#site = site;
    this.#userAgent = userAgent;
    this.#token = token;
  }

  async use(): Promise<Answer> {
    const { host, hostname, port } = new URL(this.#site.url());
    const headers = {
      host,
      "user-agent": this.#userAgent,
      cookie: `${COOKIE}=${this.#token}`,
    };
    const options = { agent: this.#agent, host: "127.0.0.1", servername: hostname, port, headers };
    const sent = request({ ...options, path: "/me" }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    const set = response.headers["set-cookie"]?.find((line) => line.startsWith(`${COOKIE}=`));
    this.#token = set?.slice(COOKIE.length + 1, set.indexOf(";")) ?? this.#token;
    return JSON.parse(await text(response)) as Answer;
  }

  stop(): void {
    this.#agent.destroy();
  }
}

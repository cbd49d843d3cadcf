/** A client that writes raw HTTP/1 and keeps what it receives to the letter. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Ask } from "./types.ts";

/** Server and client share a process, so what has not come after this many turns never will. */
const PATIENCE_MS = 25;
const LAST_TURNS = 20;

/** Let what is due now happen: callbacks, closed sockets. */
export async function turns(count = 6): Promise<void> {
  for (let at = 0; at < count; at++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** One connection: what it has received, and how it ended. */
export class Wire {
  received: string = "";
  readonly ended: Promise<string>;
  readonly #socket: Socket;

  constructor(port: number, text: string, patienceMs: number = PATIENCE_MS) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (part: string) => void (this.received += part));
    this.ended = new Promise((resolve) => {
      const timer = setTimeout(() => {
        void turns(LAST_TURNS).then(() => {
          resolve("(no end within the client's patience)");
          this.#socket.destroy();
        });
      }, patienceMs);
      this.#socket.on("error", () => undefined);
      this.#socket.on("close", (failed) => {
        clearTimeout(timer);
        resolve(failed ? "(connection reset)" : "");
      });
      this.#socket.on("end", () => this.#socket.end());
    });
    // Not `end`: a server takes half a connection for a client that went away.
    this.#socket.write(text, "latin1");
  }

  leave(): void {
    this.#socket.destroy();
  }
}

export function requestText(ask: Ask, label: string, cookie: string, last: boolean): string {
  const { method = "GET", body = "", version = "1.1" } = ask;
  const headers: Record<string, string> = { Host: "example.test", "X-Label": label };
  if (last && version === "1.1") headers["Connection"] = "close";
  const sent = ask.cookie ?? cookie;
  if (sent !== "") headers["Cookie"] = sent;
  if (body !== "") headers["Content-Length"] = String(Buffer.byteLength(body));
  Object.assign(headers, ask.headers);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${ask.ask} HTTP/${version}\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Lines of an answer, with the server's own date left out: it is not the session's. */
export function responseLines(received: string, ended: string): string[] {
  const text = received.replaceAll(/^Date: [^\r]+ GMT\r?$/gm, "Date: now");
  const lines = text === "" ? [] : text.split(/\r?\n/);
  return ended === "" ? lines : [...lines, ended];
}

/** A browser's cookies, by name; what has expired at `now` is dropped. */
export class Jar {
  readonly #cookies: Map<string, string> = new Map<string, string>();

  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  take(lines: readonly string[], now: number): void {
    for (const line of lines) {
      const [, name = "", value = "", rest = ""] =
        /^set-cookie: ([^=]*)=([^;]*)(.*)$/i.exec(line) ?? [];
      if (name === "") continue;
      const [, expires] = /; Expires=([^;]+)/.exec(rest) ?? [];
      if (expires !== undefined && Date.parse(expires) <= now) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

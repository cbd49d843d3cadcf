/** One small application behind each adapter, on a real server of this machine. */
import { request } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Session } from "sojourn";
import { bodyOf } from "./bodies.ts";
import type { Part } from "./bodies.ts";
import { FRAMEWORKS } from "./frameworks.ts";
import type { Data, World } from "./world.ts";

export type Kind = keyof typeof FRAMEWORKS;
export const KINDS: readonly Kind[] = Object.keys(FRAMEWORKS) as Kind[];

export interface Call {
  readonly session: Session<Data>;
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** Sent one by one, each after the one before has left. */
  readonly chunks?: Chunks;
}

export type Chunks = Iterable<string> | AsyncIterable<string>;

export type Application = (call: Call) => Reply | Promise<Reply>;

export interface Running {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

const running: Running[] = [];

/** Stop what a test started. */
export async function stopServers(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.close()));
}

export async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const one: Running = {
    url: `http://127.0.0.1:${port}`,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Not with HTTP/2: its client closes the one connection.
        server.closeAllConnections?.();
      }),
  };
  running.push(one);
  return one;
}

export async function serve(
  kind: Kind,
  place: World,
  application: Application,
  more: Pick<Part, "options" | "http2"> = {},
): Promise<Running> {
  return listen(await FRAMEWORKS[kind]({ place, application, ...more }));
}

export interface Answered {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: readonly string[];
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  readonly host?: string;
}

/** Ask as a program does that may send any header. */
export function ask(url: string, how: Asking = {}): Promise<Answered> {
  const { method = "GET", headers = {}, body } = how;
  return new Promise((resolve, reject) => {
    const all: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(headers)) {
      all[name] = typeof value === "string" ? value : [...value];
    }
    if (how.host !== undefined) all["host"] = how.host;
    const req = request(url, { method, headers: all, agent: false }, (res) => {
      bodyOf(res).then(
        (text) =>
          resolve({
            status: res.statusCode ?? 0,
            statusText: res.statusMessage ?? "",
            headers: res.headers,
            cookies: res.headers["set-cookie"] ?? [],
            body: text,
          }),
        reject,
      );
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** What a page of the application's own sends with a form. */
export const SAME_ORIGIN = { "sec-fetch-site": "same-origin" } as const;

/** A browser's cookies for one host: set, renewed, deleted. */
export class Jar {
  readonly cookies: Map<string, string> = new Map<string, string>();

  /** Keep what an answer sets. */
  take(answer: Answered): Answered {
    for (const line of answer.cookies) {
      const [pair = "", ...attributes] = line.split("; ");
      const name = pair.slice(0, pair.indexOf("="));
      if (attributes.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(name.length + 1));
    }
    return answer;
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** Ask as this browser, from a page of the same origin. */
  async ask(url: string, how: Asking = {}): Promise<Answered> {
    const cookie = this.cookies.size === 0 ? {} : { cookie: this.header };
    return this.take(
      await ask(url, { ...how, headers: { ...SAME_ORIGIN, ...cookie, ...how.headers } }),
    );
  }
}

/** Sign in, read, write, sign out: what most tests need. */
export const notes: Application = async ({ session, url, method, body }) => {
  const { pathname } = url;
  if (pathname === "/login") {
    await session.login(url.searchParams.get("as") ?? "alice", { amr: ["pwd"] });
    return { status: 303, headers: { location: "/" } };
  }
  if (pathname === "/logout" && method === "POST") {
    await session.logout();
    return { status: 303, headers: { location: "/" } };
  }
  if (pathname === "/add") {
    await session.update((draft) => void (draft["notes"] = [...notesIn(draft), body]));
    return { body: "added" };
  }
  if (pathname === "/public") return { body: "public" };
  return { body: JSON.stringify({ subject: session.subject, notes: notesIn(session.data) }) };
};

function notesIn(data: Readonly<Data>): unknown[] {
  const { notes: list } = data;
  return Array.isArray(list) ? (list as unknown[]) : [];
}

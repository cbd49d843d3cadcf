/** One small application behind each adapter, on a real server of this machine. */
import { createServer, request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Session } from "sojourn";
import { sessions as expressSessions, sessionErrors } from "sojourn/express";
import type { SessionRequest } from "sojourn/express";
import { sessions as fetchSessions } from "sojourn/fetch";
import { sessions as nodeSessions } from "sojourn/node";
import type { Data, World } from "./world.ts";

export type Kind = "express" | "node" | "fetch";
export const KINDS: readonly Kind[] = ["express", "node", "fetch"];

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
  readonly chunks?: readonly string[];
}

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
        server.closeAllConnections();
      }),
  };
  running.push(one);
  return one;
}

export function serve(kind: Kind, place: World, application: Application): Promise<Running> {
  if (kind === "express") return listen(expressServer(place, application));
  return listen(kind === "node" ? nodeServer(place, application) : fetchServer(place, application));
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

async function send(res: ServerResponse, reply: Reply): Promise<void> {
  res.statusCode = reply.status ?? 200;
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    res.setHeader(name, typeof value === "string" ? value : [...value]);
  }
  if (reply.chunks === undefined) {
    res.end(reply.body ?? "");
    return;
  }
  for (const chunk of reply.chunks) {
    await new Promise<void>((resolve) => void res.write(chunk, () => resolve()));
  }
  res.end();
}

function callOf(req: IncomingMessage, session: Session<Data>, body: string): Call {
  const url = new URL(req.url ?? "/", "http://localhost");
  return { session, method: req.method ?? "GET", url, body };
}

function expressServer(place: World, application: Application): Server {
  const app = express();
  app.disable("x-powered-by");
  app.use(express.urlencoded({ extended: false }));
  app.use(express.text({ type: "text/plain" }));
  app.use(expressSessions(place.sessions));
  app.use(async (req, res) => {
    const { session } = req as unknown as SessionRequest<Data>;
    const body: unknown = req.body;
    const text = typeof body === "string" ? body : JSON.stringify(body ?? "");
    await send(res, await application(callOf(req, session, text)));
  });
  app.use(sessionErrors());
  return createServer(app);
}

function nodeServer(place: World, application: Application): Server {
  const withSession = nodeSessions(place.sessions);
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const session = await withSession(req, res);
    if (session === undefined) return;
    await send(res, await application(callOf(req, session, await bodyOf(req))));
  };
  return createServer((req, res) => {
    handle(req, res).catch(() => {
      res.statusCode = 500;
      res.end("error");
    });
  });
}

function fetchServer(place: World, application: Application): Server {
  const answer = fetchSessions(place.sessions, async (request, { session }) => {
    const { method, url } = request;
    const reply = await application({
      session,
      method,
      url: new URL(url),
      body: await request.text(),
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(reply.headers ?? {})) {
      for (const one of typeof value === "string" ? [value] : value) headers.append(name, one);
    }
    const stream = reply.chunks && streamOf(reply.chunks);
    return new Response(stream ?? reply.body ?? "", { status: reply.status ?? 200, headers });
  });
  return createServer((req, res) => {
    bridge(req, res, answer).catch(() => {
      res.statusCode = 500;
      res.end("error");
    });
  });
}

function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array> {
  const waiting = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const next = waiting.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(next));
    },
  });
}

type FetchAnswer = (request: Request, from: { remoteAddress: string }) => Promise<Response>;

/** What a runtime with the Fetch API does around a handler. */
async function bridge(
  req: IncomingMessage,
  res: ServerResponse,
  answer: FetchAnswer,
): Promise<void> {
  const { method = "GET", headers, socket } = req;
  const body = method === "GET" || method === "HEAD" ? null : await bodyOf(req);
  const url = `http://${headers.host ?? "localhost"}${req.url ?? "/"}`;
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === "object" ? value : [value ?? ""]).map((one): [string, string] => [name, one]),
  );
  const request = new Request(url, { method, headers: pairs, body });
  const response = await answer(request, { remoteAddress: socket.remoteAddress ?? "" });
  res.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") res.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
  for await (const chunk of response.body ?? []) res.write(chunk);
  res.end();
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

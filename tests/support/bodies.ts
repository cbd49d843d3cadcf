/** How the test applications read requests and write answers, on Node and with the Fetch API. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Session } from "sojourn";
import type { Application, Call, Chunks, Reply } from "./servers.ts";
import type { Data, World } from "./world.ts";

/** What a server is made of. */
export interface Part {
  readonly place: World;
  readonly application: Application;
  /** What every adapter takes, in a form that suits all. */
  readonly options?: {
    readonly activity?: () => boolean;
    readonly onRefusal?: () => never;
  };
  readonly http2?: boolean;
}

export function callOf(req: IncomingMessage, session: Session<Data>, body: string): Call {
  const url = new URL(req.url ?? "/", "http://localhost");
  return { session, method: req.method ?? "GET", url, body };
}

export async function bodyOf(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** Send with what every Node response has. */
export async function send(res: ServerResponse, reply: Reply): Promise<void> {
  res.statusCode = reply.status ?? 200;
  for (const [name, value] of Object.entries(headersOf(reply))) res.setHeader(name, value);
  if (reply.chunks === undefined) {
    res.end(reply.body ?? "");
    return;
  }
  for await (const chunk of reply.chunks) {
    await new Promise<void>((resolve) => void res.write(chunk, () => resolve()));
  }
  res.end();
}

/** Headers in the form that Node, Fastify and Koa take. */
export function headersOf(reply: Reply): Record<string, string | string[]> {
  const entries = Object.entries(reply.headers ?? {});
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

/** What a framework that pipes streams is given. */
export function nodeBodyOf(reply: Reply): string | Readable {
  return reply.chunks === undefined ? (reply.body ?? "") : Readable.from(reply.chunks);
}

export function responseOf(reply: Reply): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    for (const one of typeof value === "string" ? [value] : value) headers.append(name, one);
  }
  const { status = 200, chunks, body = "" } = reply;
  const empty = status === 204 || status === 304;
  const stream = chunks && streamOf(chunks);
  return new Response(empty ? null : (stream ?? body), { status, headers });
}

function streamOf(chunks: Chunks): ReadableStream<Uint8Array> {
  const source = Readable.from(chunks)[Symbol.asyncIterator]() as AsyncIterator<string>;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next();
      if (done === true) controller.close();
      else controller.enqueue(new TextEncoder().encode(value));
    },
  });
}

type FetchAnswer = (request: Request, from: { remoteAddress: string }) => Promise<Response>;

/** What a runtime with the Fetch API does around a handler. */
export async function bridge(
  req: IncomingMessage,
  res: ServerResponse,
  answer: FetchAnswer,
): Promise<void> {
  const { remoteAddress = "" } = req.socket;
  const response = await answer(await requestOf(req), { remoteAddress });
  res.statusCode = response.status;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") res.setHeader(name, value);
  }
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
  for await (const chunk of response.body ?? []) res.write(chunk);
  res.end();
}

async function requestOf(req: IncomingMessage): Promise<Request> {
  const { method = "GET", headers: given, url = "/" } = req;
  const body = method === "GET" || method === "HEAD" ? null : await bodyOf(req);
  const host = String(given.host ?? given[":authority"] ?? "localhost");
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of [value].flat()) headers.append(name, one);
  }
  const scheme = "encrypted" in req.socket ? "https" : "http";
  return new Request(`${scheme}://${host}${url}`, { method, headers, body });
}

/** Bodies of any type as they came. */
export function parseAsText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
}

export function sendByFastify(reply: FastifyReply, answer: Reply): void {
  void reply
    .code(answer.status ?? 200)
    .headers(headersOf(answer))
    .send(nodeBodyOf(answer));
}

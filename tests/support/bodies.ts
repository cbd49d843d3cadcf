/** Bodies as the test applications read and write them, on Node and with the Fetch API. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { Reply } from "./servers.ts";

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
  for (const chunk of reply.chunks) {
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
  const stream = reply.chunks && streamOf(reply.chunks);
  return new Response(stream ?? reply.body ?? "", { status: reply.status ?? 200, headers });
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
export async function bridge(
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

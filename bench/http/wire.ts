/**
 * A connection to an HTTP server without a network: Node's own parser, server and response on one
 * end of a pair of streams, a minimal client on the other. What is left out, system calls and the
 * client's share of the machine, is the same for every application and many times noisier than the
 * difference to be measured.
 */
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";

const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";
/** Frameworks spell it in two ways. */
const LENGTHS = ["Content-Length: ", "content-length: "];

export interface Wire {
  /** One request after the other, on one connection. @returns the whole response as text. */
  get(path: string, cookie: string): Promise<string>;
}

export function wireTo(listener: RequestListener): Wire {
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, listener);
  const [client, socket] = duplexPair({ highWaterMark: 1 << 20 });
  server.emit("connection", asSocket(socket));
  let received = "";
  let answer: ((response: string) => void) | undefined;
  client.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    if (!isWhole(received)) return;
    const response = received;
    received = "";
    answer?.(response);
  });
  return {
    get: (path, cookie) =>
      new Promise((resolve) => {
        answer = resolve;
        client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}${HEAD_END}`);
      }),
  };
}

/** What Node's server asks of a socket and a plain stream does not have. */
function asSocket(stream: Duplex): Duplex {
  const nothing = (): Duplex => stream;
  return Object.assign(stream, {
    remoteAddress: "127.0.0.1",
    setTimeout: nothing,
    setKeepAlive: nothing,
    setNoDelay: nothing,
    destroySoon: nothing,
  });
}

function isWhole(response: string): boolean {
  const head = response.indexOf(HEAD_END);
  if (head < 0) return false;
  const length = LENGTHS.map((name) => response.indexOf(name)).find((at) => at >= 0 && at < head);
  if (length === undefined) return response.endsWith(LAST_CHUNK);
  const expected = Number.parseInt(response.slice(length + "content-length: ".length), 10);
  return response.length >= head + HEAD_END.length + expected;
}

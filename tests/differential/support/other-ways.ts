/** Requests that are no HTTP/1 exchange: HTTP/2, and upgrades without a response. */
import { connect, createServer } from "node:http2";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { errorText } from "./text.ts";
import type { Ask, Incoming, Outgoing, Parts } from "./types.ts";

interface Receiver {
  onRequest(req: Http2ServerRequest, res: Http2ServerResponse): void;
}

interface Sent {
  readonly ask: Ask;
  readonly label: string;
  readonly cookie: string;
}

/** One request over HTTP/2 in clear text, with Node's compatibility API on the other side. */
export async function overHttp2(
  receiver: unknown,
  { ask, label, cookie }: Sent,
): Promise<string[]> {
  const server = createServer((req, res) => (receiver as Receiver).onRequest(req, res));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    const stream = client.request({
      ":path": ask.ask,
      ":method": ask.method ?? "GET",
      "x-label": label,
      ...(cookie === "" ? {} : { cookie }),
      ...ask.headers,
    });
    const lines: string[] = [];
    stream.on("response", (headers) => {
      for (const [name, value] of Object.entries(headers)) {
        const all = Array.isArray(value) ? value : [value];
        lines.push(...all.map((one) => `${name}: ${name === "date" ? "now" : String(one)}`));
      }
    });
    stream.setEncoding("utf8");
    stream.end(ask.body);
    for await (const part of stream) lines.push(`data ${String(part)}`);
    return lines;
  } finally {
    await new Promise<void>((resolve) => client.close(resolve));
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

/** What WebSocket servers do: the middleware with something that is no response. */
export function overUpgrade(parts: Parts, req: Incoming, socket: unknown): void {
  const { world, middleware, handler } = parts;
  const end = (text: string): void => {
    world.log(text);
    (socket as Duplex).end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${text}`);
  };
  const bare = {} as Outgoing;
  try {
    middleware(req, bare, (error) => {
      if (error !== undefined && error !== null) return end(`failed ${errorText(error)}`);
      bare.end = end as unknown as Outgoing["end"];
      handler(req, bare, () => undefined);
    });
  } catch (error) {
    end(`thrown ${errorText(error)}`);
  }
}

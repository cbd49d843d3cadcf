/**
 * The moment before headers leave, on `node:http`: whoever writes first triggers `writeHead`, so
 * that is where the session's headers go in.
 */
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Exchange, ResponseHead } from "../sessions/exchange.ts";

type Fields = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Commit the exchange when the headers leave. A response that ends while changes are under way is
 * held until they are stored; one that streams has let its headers go.
 */
export function commitBeforeHeaders(
  exchange: Pick<Exchange, "working" | "commit" | "onWork">,
  res: ServerResponse,
): void {
  const { writeHead } = res;
  function commitAndWrite(
    status: number,
    reason?: string | Fields,
    fields?: Fields,
  ): ServerResponse {
    const given = typeof reason === "string" ? fields : reason;
    // Headers given to `writeHead` outrank those set before: make all of them one set.
    if (given !== undefined) adopt(res, given);
    if (typeof reason === "string") res.statusMessage = reason;
    exchange.commit(new NodeHead(res));
    return writeHead.call(res, status);
  }
  res.writeHead = commitAndWrite as ServerResponse["writeHead"];
  exchange.onWork(() => holdEnd(exchange, res));
}

/** Let `end` wait for changes that the application did not await. */
function holdEnd(exchange: Pick<Exchange, "working">, res: ServerResponse): void {
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
  const held = (...args: unknown[]): ServerResponse => {
    const { working } = exchange;
    if (working === undefined || res.headersSent) return end(...args);
    void working.then(() => held(...args));
    return res;
  };
  res.end = held as ServerResponse["end"];
}

class NodeHead implements ResponseHead {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  get(name: string): string | readonly string[] | undefined {
    const value = this.#res.getHeader(name);
    return typeof value === "number" ? String(value) : value;
  }

  set(name: string, value: string): void {
    this.#res.setHeader(name, value);
  }

  addCookie(value: string): void {
    this.#res.appendHeader("set-cookie", value);
  }
}

/** `writeHead` takes an object, or a flat list of names and values. */
function adopt(res: ServerResponse, given: Fields): void {
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) res.setHeader(name, value);
    }
    return;
  }
  const flat = (given as unknown[]).flat() as OutgoingHttpHeader[];
  const seen = new Set<string>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = String(flat[index]);
    const value = flat[index + 1];
    if (value === undefined) continue;
    if (seen.has(name.toLowerCase())) res.appendHeader(name, value as string | string[]);
    else res.setHeader(name, value);
    seen.add(name.toLowerCase());
  }
}

/**
 * The moment before headers leave, on `node:http`: whoever writes first triggers `writeHead`, so
 * that is where the session's headers go in.
 */
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Exchange, ResponseHead } from "../sessions/exchange.ts";

type Fields = OutgoingHttpHeaders | OutgoingHttpHeader[];
type Outgoing = Pick<Exchange, "working" | "failure" | "commit" | "onWork">;

/**
 * Commit the exchange when the headers leave. A response that is written while changes are under
 * way is held until they are stored, so that their cookie can still go with it.
 */
export function commitBeforeHeaders(exchange: Outgoing, res: ServerResponse): void {
  const writeHead = res.writeHead.bind(res);
  res.writeHead = (status: number, reason?: string | Fields, fields?: Fields): ServerResponse => {
    const given = fields ?? (typeof reason === "string" ? undefined : reason);
    // Headers given to `writeHead` outrank those set before: make all of them one set.
    if (given !== undefined) adopt(res, given);
    if (typeof reason === "string") res.statusMessage = reason;
    // On Node everything in there is synchronous.
    void exchange.commit(new NodeHead(res));
    return writeHead(status);
  };
  exchange.onWork(() => hold(exchange, res));
}

const HELD = ["writeHead", "write", "end", "flushHeaders"] as const;
type Call = (...args: unknown[]) => unknown;

/**
 * Queue what the application writes while a change that it did not wait for is under way. When the
 * change fails the application's answer would be a lie: the problem is sent in its place.
 */
function hold(exchange: Outgoing, res: ServerResponse): void {
  const queue: (() => void)[] = [];
  const methods = res as unknown as Record<(typeof HELD)[number], Call>;
  for (const name of HELD) {
    const original = methods[name].bind(res);
    methods[name] = (...args) => {
      const { working } = exchange;
      if (res.headersSent || (working === undefined && queue.length === 0))
        return original(...args);
      queue.push(() => void original(...args));
      if (queue.length === 1) void settle(exchange, res, queue);
      return name === "write" ? true : res;
    };
  }
}

async function settle(
  exchange: Outgoing,
  res: ServerResponse,
  queue: (() => void)[],
): Promise<void> {
  while (exchange.working !== undefined) await exchange.working;
  const calls = queue.splice(0);
  const { failure } = exchange;
  try {
    if (failure === undefined) {
      for (const call of calls) call();
      return;
    }
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    res.writeHead(failure.status, failure.headers).end(failure.body);
  } catch (error) {
    // Node would have thrown this to the application, which has long gone on.
    res.destroy(error instanceof Error ? error : undefined);
  }
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

/** `writeHead` takes an object, a flat list of names and values, or a list of pairs. */
function adopt(res: ServerResponse, given: Fields): void {
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) res.setHeader(name, value);
    }
    return;
  }
  const list = given as unknown[];
  const pairs = list.every((entry) => Array.isArray(entry) && entry.length === 2);
  const flat = pairs ? list.flat(1) : list;
  const seen = new Set<string>();
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = String(flat[index]);
    const value = flat[index + 1] as string | readonly string[];
    if (seen.has(name.toLowerCase())) res.appendHeader(name, value);
    else res.setHeader(name, value);
    seen.add(name.toLowerCase());
  }
}

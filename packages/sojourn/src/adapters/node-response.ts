/**
 * The moment before headers leave, on `node:http`: whoever writes first triggers `writeHead`, so
 * that is where the session's headers go in.
 */
import type { ServerResponse } from "node:http";
import type { Exchange, ResponseHead } from "../sessions/exchange.ts";

type WriteHead = ServerResponse["writeHead"];
type End = ServerResponse["end"];

/**
 * Commit the exchange when the headers leave. A response that ends while changes are under way is
 * held until they are stored; one that streams has let its headers go, and development says so.
 */
export function commitBeforeHeaders(
  exchange: Pick<Exchange, "working" | "commit">,
  res: ServerResponse,
  head: ResponseHead,
): void {
  const { writeHead, end } = res;
  res.writeHead = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    // Headers given to `writeHead` itself outrank `setHeader`: make them one set first.
    const rest = args.slice(1).filter((value) => typeof value !== "string");
    const given = rest[0];
    if (given !== undefined) adopt(res, given);
    exchange.commit(head);
    const reason = typeof args[1] === "string" ? [args[1]] : [];
    return Reflect.apply(writeHead as (...a: unknown[]) => ServerResponse, this, [
      args[0],
      ...reason,
    ]);
  } as WriteHead;
  res.end = function (this: ServerResponse, ...args: unknown[]): ServerResponse {
    const { working } = exchange;
    if (working === undefined || res.headersSent) {
      return Reflect.apply(end as (...a: unknown[]) => ServerResponse, this, args);
    }
    void working.then(() =>
      Reflect.apply(res.end as (...a: unknown[]) => ServerResponse, this, args),
    );
    return this;
  } as End;
}

/** `writeHead` takes an object, a flat list of names and values, or a list of pairs. */
function adopt(res: ServerResponse, given: unknown): void {
  if (Array.isArray(given)) {
    const flat = given.flat() as unknown[];
    const seen = new Set<string>();
    for (let index = 0; index + 1 < flat.length; index += 2) {
      const name = String(flat[index]);
      const value = flat[index + 1] as string | readonly string[];
      if (seen.has(name.toLowerCase())) res.appendHeader(name, value);
      else res.setHeader(name, value);
      seen.add(name.toLowerCase());
    }
  } else {
    for (const [name, value] of Object.entries(
      given as Record<string, string | readonly string[]>,
    )) {
      if (value !== undefined) res.setHeader(name, value);
    }
  }
}

/** The moment before headers leave, on `node:http`. */
import type { ServerResponse } from "node:http";

type Head = [status: number, ...rest: unknown[]];
interface Writable {
  writeHead: (...head: unknown[]) => ServerResponse;
}

/**
 * Call `listener` once when the headers are about to be written. Headers given to `writeHead` are
 * set on the response before, so that the listener finds them there.
 */
export function beforeHeaders(res: ServerResponse, listener: () => void): void {
  const { writeHead } = res as unknown as Writable;
  let called = false;
  res.writeHead = function (this: ServerResponse, ...head: Head): ServerResponse {
    const rest = adoptHeaders(this, head);
    if (called) return Reflect.apply(writeHead, this, rest);
    called = true;
    Reflect.apply(listener, this, []);
    // The listener may have changed the status; the reason phrase would belong to the old one.
    const [status] = rest;
    const changed = typeof status === "number" && this.statusCode !== status;
    return Reflect.apply(writeHead, this, changed ? [this.statusCode] : rest);
  };
}

/** @returns status and reason phrase, if there is one. */
function adoptHeaders(res: ServerResponse, head: Head): unknown[] {
  const [status, second] = head;
  res.statusCode = status;
  if (head.length === 1) return head;
  const at = head.length > 1 && typeof second === "string" ? 2 : 1;
  const headers = head[at];
  if (Array.isArray(headers)) adoptList(res, headers);
  else if (headers) adoptObject(res, headers as Record<string, string>);
  return head.slice(0, at);
}

function adoptObject(res: ServerResponse, headers: Record<string, string>): void {
  for (const name of Object.keys(headers)) {
    if (name) res.setHeader(name, headers[name] as string);
  }
}

/** A list of pairs, or names and values in turn; in the latter a name may stand more than once. */
function adoptList(res: ServerResponse, headers: unknown[]): void {
  if (Array.isArray(headers[0])) {
    for (const [name, value] of headers as [string, string][]) {
      if (name) res.setHeader(name, value);
    }
    return;
  }
  if (headers.length % 2 !== 0) throw new TypeError("headers array is malformed");
  const list = headers as string[];
  for (let index = 0; index < list.length; index += 2) res.removeHeader(list[index] ?? "");
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index];
    if (name) res.appendHeader(name, list[index + 1] ?? "");
  }
}

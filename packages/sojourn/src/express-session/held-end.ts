/**
 * `res.end` that waits for the store. Headers and all of the body but a rest leave at once, and the
 * rest when the store has answered: the client sees the end of the response no sooner.
 */
import type { ServerResponse } from "node:http";

type Method = (...values: unknown[]) => unknown;

export class HeldEnd {
  readonly #res: ServerResponse;
  readonly #end: Method;
  readonly #write: Method;
  #chunk: unknown;
  #encoding: unknown;
  /** True until something of the chunk that `end` was given has left and nothing of it is held. */
  #whole = true;
  #result: unknown;

  constructor(res: ServerResponse, end: Method, write: Method) {
    this.#res = res;
    this.#end = end;
    this.#write = write;
  }

  give(chunk: unknown, encoding: unknown): void {
    this.#chunk = chunk;
    this.#encoding = encoding;
  }

  /** Nothing to wait for. */
  now(): unknown {
    return this.#end.call(this.#res, this.#chunk, this.#encoding);
  }

  /** The store has answered: send what is held. */
  finish(): void {
    if (!this.#whole) {
      this.#end.call(this.#res);
      return;
    }
    this.#result = this.now();
    this.#whole = false;
  }

  /** The store has been asked: send what need not wait. @returns what `end` returns. */
  begin(): unknown {
    if (!this.#whole) return this.#result;
    const res = this.#res;
    if (!res.headersSent) res.writeHead(res.statusCode);
    if (this.#chunk === null || this.#chunk === undefined) {
      this.#result = true;
    } else if (Number(res.getHeader("Content-Length")) > 0) {
      this.#split();
    } else {
      this.#result = this.#write.call(res, this.#chunk, this.#encoding);
      this.#whole = false;
    }
    return this.#result;
  }

  /** With a declared length a client is content with the last byte, so that one is held. */
  #split(): void {
    const chunk = this.#chunk;
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk as string, this.#encoding as BufferEncoding);
    this.#encoding = undefined;
    this.#chunk = bytes;
    if (bytes.length === 0) {
      this.#result = this.#write.call(this.#res, bytes, undefined);
      this.#whole = false;
      return;
    }
    this.#result = this.#write.call(this.#res, bytes.subarray(0, -1));
    this.#chunk = bytes.subarray(-1);
  }
}

/**
 * The way to the server: scripts by their hash, errors told as the store's, and no more commands
 * into a connection that has stopped answering. A command that is written cannot be called back:
 * a server that was stopped runs it when it goes on. So few are written.
 */
import { createHash } from "node:crypto";
import { StoreUnavailableError } from "../../engine/errors.ts";
import { bytesOption, TEXT } from "./client.ts";
import type { Argument, RedisClient, Sender } from "./client.ts";
import { replyCode, storeFault } from "./faults.ts";

/** A connection that owes answers and gave none for so long gets no more commands. */
const STALLED_MS = 1_000;
const BYTES = bytesOption(Buffer);

export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

/** @param flags `allow-oom` for what must work when memory is full; `no-writes` for reads. */
export function scriptOf(name: string, body: string, flags?: string): Script {
  const source = `#!lua${flags === undefined ? "" : ` flags=${flags}`}\n${body}\n`;
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}

export class Link {
  readonly #client: RedisClient & Sender;
  #owed = 0;
  /** When the connection last answered, or began to owe an answer. */
  #movedAt = 0;

  constructor(client: RedisClient) {
    this.#client = client as RedisClient & Sender;
  }

  get client(): RedisClient {
    return this.#client;
  }

  /** Replies of bytes, as arrays, numbers and `null`. */
  bytes(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#send(operation, args, BYTES);
  }

  /** Replies of texts. */
  text(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#send(operation, args, TEXT);
  }

  /** One script, one operation. A server that has forgotten the script is given it again. */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest: readonly Argument[] = [String(keys.length), ...keys, ...args];
    try {
      return await this.#raw(["EVALSHA", script.sha, ...rest], BYTES);
    } catch (error) {
      if (replyCode(error) !== "NOSCRIPT") throw storeFault(error, script.name);
    }
    return this.#send(script.name, ["EVAL", script.source, ...rest], BYTES);
  }

  async #send(
    operation: string,
    args: readonly Argument[],
    options: typeof TEXT,
  ): Promise<unknown> {
    try {
      return await this.#raw(args, options);
    } catch (error) {
      throw storeFault(error, operation);
    }
  }

  async #raw(args: readonly Argument[], options: typeof TEXT): Promise<unknown> {
    const now = performance.now();
    if (this.#owed === 0) this.#movedAt = now;
    else if (now - this.#movedAt > STALLED_MS) {
      throw new StoreUnavailableError(`the connection has not answered for ${STALLED_MS} ms`);
    }
    this.#owed += 1;
    try {
      return await this.#client.sendCommand(args, options);
    } finally {
      this.#owed -= 1;
      this.#movedAt = performance.now();
    }
  }
}

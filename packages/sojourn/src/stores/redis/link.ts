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
/** In which a server that lives answers what a busy process wrote late. */
const ANSWER_MS = 50;
export const BYTES: typeof TEXT = bytesOption(Buffer);

export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
  /** Too seldom to be remembered by its hash: it is always sent whole. */
  readonly seldom: boolean;
  /** Its keys may be read one after the other instead: it is not waited for where they move. */
  readonly apart?: true;
}

/** @param flags `allow-oom` for what must work when memory is full; `no-writes` for reads. */
export function scriptOf(name: string, body: string, flags?: string): Script {
  const source = `#!lua${flags === undefined ? "" : ` flags=${flags}`}\n${body}\n`;
  const sha = createHash("sha1").update(source).digest("hex");
  return { name, source, sha, seldom: false };
}

export function seldomScript(name: string, body: string, flags?: string): Script {
  return { ...scriptOf(name, body, flags), seldom: true };
}

/** Each command goes to the server that has its key: the second word of the command. */
export interface Commands {
  /** Replies of bytes, as arrays, numbers and `null`. */
  bytes(operation: string, args: readonly Argument[]): Promise<unknown>;
  /** Replies of texts. */
  text(operation: string, args: readonly Argument[]): Promise<unknown>;
  /** One script, one operation. A server that has forgotten the script is given it again. */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
}

interface Sent {
  readonly args: readonly Argument[];
  readonly options: typeof TEXT;
  readonly before?: readonly Argument[] | undefined;
}

/** One connection. */
export class Link implements Commands {
  readonly #client: RedisClient & Sender;
  #owed = 0;
  /** When the connection last answered, or began to owe an answer. */
  #movedAt = 0;
  #reading: Promise<void> | undefined;
  readonly #answered = (reply: unknown): unknown => {
    this.#moved();
    return reply;
  };

  constructor(client: RedisClient) {
    this.#client = client as RedisClient & Sender;
  }

  get client(): RedisClient {
    return this.#client;
  }

  bytes(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#send({ args, options: BYTES }, operation);
  }

  text(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#send({ args, options: TEXT }, operation);
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.evaluate(script, keys, args);
    } catch (error) {
      throw storeFault(error, script.name);
    }
  }

  /** As {@link run}, with errors as the driver tells them. */
  async evaluate(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    before?: readonly Argument[],
  ): Promise<unknown> {
    const rest: readonly Argument[] = [String(keys.length), ...keys, ...args];
    try {
      if (!script.seldom) return await this.send(["EVALSHA", script.sha, ...rest], BYTES, before);
    } catch (error) {
      if (replyCode(error) !== "NOSCRIPT") throw error;
    }
    return this.send(["EVAL", script.source, ...rest], BYTES, before);
  }

  /**
   * Errors as the driver tells them.
   *
   * @param before A command that holds for the next one alone; its answer is dropped.
   */
  send(
    args: readonly Argument[],
    options: typeof TEXT,
    before?: readonly Argument[],
  ): Promise<unknown> {
    return this.#send({ args, options, before });
  }

  /** @param operation Whose fault errors are told as. */
  #send(sent: Sent, operation?: string): Promise<unknown> {
    const now = performance.now();
    if (this.#owed === 0) this.#movedAt = now;
    else if (now - this.#movedAt > STALLED_MS) return this.#sendUnlessStalled(sent, operation);
    return this.#write(sent, operation);
  }

  async #sendUnlessStalled(sent: Sent, operation: string | undefined): Promise<unknown> {
    if (!(await this.#isStalled())) return this.#write(sent, operation);
    throw new StoreUnavailableError(`the connection has not answered for ${STALLED_MS} ms`);
  }

  /** With one reaction to the driver's promise: every strict verification waits for this one. */
  #write({ args, options, before }: Sent, operation: string | undefined): Promise<unknown> {
    this.#owed += 1;
    const failed = (error: unknown): never => {
      this.#moved();
      throw operation === undefined ? error : storeFault(error, operation);
    };
    try {
      if (before !== undefined) this.#client.sendCommand(before, TEXT).catch(() => undefined);
      return this.#client.sendCommand(args, options).then(this.#answered, failed);
    } catch (error) {
      return Promise.reject(error).catch(failed);
    }
  }

  #moved(): void {
    this.#owed -= 1;
    this.#movedAt = performance.now();
  }

  /** A process may have been too busy to read its answers, or even to ask: it does so first. */
  async #isStalled(): Promise<boolean> {
    const before = this.#movedAt;
    this.#reading ??= readOnce().finally(() => void (this.#reading = undefined));
    await this.#reading;
    return this.#owed > 0 && this.#movedAt === before;
  }
}

/** Whole turns of the event loop, in which sockets are written and read, and the way between. */
function readOnce(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => void setTimeout(resolve, ANSWER_MS));
  });
}

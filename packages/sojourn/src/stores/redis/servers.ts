/** What the store talks to: one server, or the primaries of a cluster. */
import type { Argument, Overrides, RedisClient } from "./client.ts";
import { bounded, hangUp, untilReady } from "./connecting.ts";
import { Durable } from "./durable.ts";
import type { Wait, Written } from "./durable.ts";
import { storeFault } from "./faults.ts";
import { Link } from "./link.ts";
import type { Commands, Script } from "./link.ts";

/** A server that has some of the hash tags. */
export interface Primary {
  readonly address: string;
  readonly link: Link;
  readonly buckets: readonly number[];
  /** True for the one that has the record of the installation. */
  readonly main: boolean;
}

/** The bucket whose server must answer, or any server; absent: all of them. */
export type Part = number | "any" | undefined;

/** So long is waited for a server that need not answer. */
const BRIEFLY_MS = 250;

/** @returns `undefined` where a server that need not answer has not done so. */
export async function unlessNeeded<Value>(
  answer: Promise<Value>,
  part: Part,
  buckets: readonly number[],
): Promise<Value | undefined> {
  if (part === undefined || (part !== "any" && buckets.includes(part))) return answer;
  return bounded(answer, BRIEFLY_MS, "health").catch(() => undefined);
}

export interface Servers extends Commands {
  /** True when all keys are in one place: a command may name several hash tags. */
  readonly together: boolean;
  /** False when what was learnt at {@link open} may not hold any more. */
  readonly isReady: boolean;
  /** As `run`, on a connection that then waits until the write is safe. */
  durably(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    wait: Wait,
  ): Promise<Written>;
  open(): Promise<void>;
  /**
   * Every primary, as it is now; of those that need not be there, the ones that can be reached.
   *
   * @throws {StoreUnavailableError} when a bucket that is needed has none.
   */
  primaries(part?: Part): Promise<readonly Primary[]>;
  /** A client for one of them that tells of writes to what it tracks; not connected. */
  dial(address: string): RedisClient;
  /** Leave clients as they were found. */
  close(): Promise<void>;
}

const CONNECTED_MS = 3_000;
/** The driver refuses to tell of writes where it keeps replies itself. */
const NO_CACHE = { clientSideCache: undefined };
/** Writes to what is tracked are told by the connection that reads. */
export const TRACKING: Overrides = { ...NO_CACHE, RESP: 3, emitInvalidate: true };

export class OneServer implements Servers {
  readonly together = true;
  readonly #client: RedisClient;
  readonly #link: Link;
  readonly #buckets: readonly number[];
  readonly #durable: Durable;
  readonly #onReady: () => void;
  #opened = false;
  #connected = false;
  /** Why there is no connection. */
  #error: unknown;
  /** An emitter of errors without a listener ends the process. */
  readonly #onError = (error: unknown): void => void (this.#error = error);

  /** @param onReady Called after each reconnect: it may be another server. */
  constructor(client: RedisClient, buckets: number, onReady: () => void) {
    this.#client = client;
    this.#link = new Link(client);
    this.#buckets = Array.from({ length: buckets }, (_, bucket) => bucket);
    this.#durable = new Durable(() => client.duplicate());
    this.#onReady = () => {
      this.#connected = true;
      onReady();
    };
    client.on("ready", this.#onReady);
    client.on("error", this.#onError);
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  bytes(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#link.bytes(operation, args);
  }

  text(operation: string, args: readonly Argument[]): Promise<unknown> {
    return this.#link.text(operation, args);
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return this.#link.run(script, keys, args);
  }

  durably(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    wait: Wait,
  ): Promise<Written> {
    return this.#durable.run(wait, (link) => link.run(script, keys, args));
  }

  async open(): Promise<void> {
    if (this.#client.isReady) return;
    const trying = this.#client.isOpen;
    this.#opened ||= !trying;
    try {
      // Who goes on trying has told why it had to.
      if (trying && this.#error !== undefined) await Promise.reject(this.#error);
      await untilReady(this.#client, CONNECTED_MS);
    } catch (error) {
      // Advice on options helps whoever was never connected.
      throw storeFault(error, this.#connected ? "reconnect" : "connect");
    }
  }

  primaries(): Promise<readonly Primary[]> {
    return Promise.resolve([{ address: "", link: this.#link, buckets: this.#buckets, main: true }]);
  }

  dial(): RedisClient {
    return this.#client.duplicate(TRACKING);
  }

  async close(): Promise<void> {
    this.#client.off("ready", this.#onReady);
    this.#durable.close();
    if (this.#opened) await hangUp(this.#client);
    this.#client.off("error", this.#onError);
  }
}

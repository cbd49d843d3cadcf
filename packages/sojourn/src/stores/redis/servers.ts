/** What the store talks to: one server, or the primaries of a cluster. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Argument, Overrides, RedisClient } from "./client.ts";
import { storeFault } from "./faults.ts";
import { Link } from "./link.ts";
import type { Commands, Script } from "./link.ts";

/** A server that has some of the hash tags. */
export interface Primary {
  readonly address: string;
  readonly link: Link;
  readonly buckets: readonly number[];
}

export interface Servers extends Commands {
  /** True when all keys are in one place: a command may name several hash tags. */
  readonly together: boolean;
  /** False when what was learnt at {@link open} may not hold any more. */
  readonly isReady: boolean;
  open(): Promise<void>;
  /** Every primary, as it is now. @throws {StoreUnavailableError} when a bucket has none. */
  primaries(): Promise<readonly Primary[]>;
  /** A client for one of them that tells of writes to what it tracks; not connected. */
  dial(address: string): RedisClient;
  /** Leave clients as they were found. */
  close(): Promise<void>;
}

/** The driver refuses to tell of writes where it keeps replies itself. */
const NO_CACHE = { clientSideCache: undefined };
/** Writes to what is tracked are told by the connection that reads. */
export const TRACKING: Overrides = { ...NO_CACHE, RESP: 3, emitInvalidate: true };

export class OneServer implements Servers {
  readonly together = true;
  readonly #client: RedisClient;
  readonly #link: Link;
  readonly #buckets: readonly number[];
  readonly #onReady: () => void;
  #opened = false;
  /** An emitter of errors without a listener ends the process; calls tell of them anyway. */
  readonly #onError = (): void => undefined;

  /** @param onReady Called after each reconnect: it may be another server. */
  constructor(client: RedisClient, buckets: number, onReady: () => void) {
    this.#client = client;
    this.#link = new Link(client);
    this.#buckets = Array.from({ length: buckets }, (_, bucket) => bucket);
    this.#onReady = onReady;
    client.on("ready", onReady);
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

  async open(): Promise<void> {
    if (this.#client.isOpen) return;
    try {
      await this.#client.connect();
      this.#opened = true;
    } catch (error) {
      throw storeFault(error, "connect");
    }
  }

  primaries(): Promise<readonly Primary[]> {
    return Promise.resolve([{ address: "", link: this.#link, buckets: this.#buckets }]);
  }

  dial(): RedisClient {
    return this.#client.duplicate(TRACKING);
  }

  async close(): Promise<void> {
    this.#client.off("ready", this.#onReady);
    if (this.#opened && this.#client.isOpen) await this.#client.close();
    this.#client.off("error", this.#onError);
  }
}

/** A driver goes on trying to connect for ever: here its first error is enough. */
export async function firstTry<Value>(
  client: RedisClient,
  connecting: Promise<Value>,
  ms: number,
): Promise<Value> {
  let stop = (): void => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    client.on("error", reject);
    stop = () => void client.off("error", reject);
  });
  try {
    return await bounded(Promise.race([connecting, failed]), ms, "connect");
  } finally {
    stop();
    connecting.catch(() => undefined);
  }
}

/** A stopped server answers nothing and closes nothing. @throws {StoreUnavailableError} */
export async function bounded<Value>(
  waiting: Promise<Value>,
  ms: number,
  operation: string,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new StoreUnavailableError(`${operation}: no answer within ${ms} ms`);
    timer = setTimeout(() => reject(error), ms).unref();
  });
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
    waiting.catch(() => undefined);
  }
}

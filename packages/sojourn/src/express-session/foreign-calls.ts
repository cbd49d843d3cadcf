/**
 * Calls of an express-session store as promises that always settle. Such stores answer through a
 * callback, through a promise or both, twice, late, never, or by throwing: the first answer counts,
 * silence is `StoreUnavailableError`, and trouble is never taken for "no session" (invariant I7).
 */
import { StoreUnavailableError } from "../engine/errors.ts";

/** What of an express-session store is needed. `touch` and `all` are not. */
export interface ForeignStore {
  get(sid: string, callback: (error?: unknown, session?: unknown) => void): unknown;
  set(sid: string, session: object, callback: (error?: unknown) => void): unknown;
  destroy(sid: string, callback: (error?: unknown) => void): unknown;
  on?(event: string, listener: () => void): unknown;
}

/** Writes that were given up and may still arrive, by key. */
export type LateWrites = Map<string, Promise<void>>;

type Callback = (error?: unknown, value?: unknown) => void;

interface Call {
  readonly operation: "get" | "set" | "destroy";
  readonly key: string;
  /** Parameters before the callback. */
  readonly given: number;
  begin(callback: Callback): unknown;
}

export class ForeignCalls {
  readonly #store: ForeignStore;
  readonly #timeoutMs: number;
  readonly #late: LateWrites;
  #connected = true;

  constructor(store: ForeignStore, timeoutMs: number, late: LateWrites) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
    this.#late = late;
    // The events by which express-session's stores say so themselves: no need to wait for silence.
    store.on?.("disconnect", () => void (this.#connected = false));
    store.on?.("connect", () => void (this.#connected = true));
  }

  /** @returns `undefined` when there is nothing under the key. */
  async get(key: string): Promise<unknown> {
    const begin = (callback: Callback): unknown => this.#store.get(key, callback);
    const value = await this.#ask({ operation: "get", key, given: 1, begin });
    return value ? value : undefined;
  }

  async set(key: string, value: object): Promise<void> {
    const begin = (callback: Callback): unknown => this.#store.set(key, value, callback);
    await this.#ask({ operation: "set", key, given: 2, begin });
  }

  async destroy(key: string): Promise<void> {
    const begin = (callback: Callback): unknown => this.#store.destroy(key, callback);
    await this.#ask({ operation: "destroy", key, given: 1, begin });
  }

  /** Resolves when no write that was given up can arrive any more, as far as can be awaited. */
  settled(key: string): Promise<void> {
    return this.#late.get(key) ?? Promise.resolve();
  }

  #ask(call: Call): Promise<unknown> {
    if (!this.#connected) {
      return Promise.reject(unavailable(call, new Error("the store says it is disconnected")));
    }
    // A method that declares a callback may return a promise of nothing before it answers.
    const byCallback = this.#store[call.operation].length > call.given;
    const answer = answerOf(call, byCallback);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        if (call.operation !== "get") this.#expectLate(call.key, answer);
        reject(unavailable(call, new Error(`no answer within ${this.#timeoutMs} ms`)));
      }, this.#timeoutMs);
      answer.finally(() => clearTimeout(timer)).then(resolve, reject);
    });
  }

  #expectLate(key: string, answer: Promise<unknown>): void {
    const late = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#timeoutMs);
      timer.unref();
      answer.then(
        () => resolve(),
        () => resolve(),
      );
    });
    const forgotten = late.finally(() => {
      if (this.#late.get(key) === forgotten) this.#late.delete(key);
    });
    this.#late.set(key, forgotten);
  }
}

function answerOf(call: Call, byCallback: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      // A file that is not there: what express-session takes for "no session", too.
      if (call.operation === "get" && codeOf(cause) === "ENOENT") resolve(undefined);
      else reject(unavailable(call, cause));
    };
    try {
      const returned = call.begin((error, value) => (error ? fail(error) : resolve(value)));
      if (!isThenable(returned)) return;
      returned.then((value) => {
        if (!byCallback || value !== undefined) resolve(value);
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}

function unavailable(call: Call, cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`express-session store: ${call.operation}`, { cause });
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}

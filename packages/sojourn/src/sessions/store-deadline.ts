/** A store that does not answer is a store that cannot answer: no request waits for it for ever. */
import { SojournError, StoreUnavailableError } from "../engine/errors.ts";
import { ForwardingStore } from "../engine/forwarding-store.ts";
import type { StoreOperation } from "../engine/forwarding-store.ts";
import type { SessionStore, Timers } from "../engine/ports.ts";
import { Breaker } from "./breaker.ts";
import { Deadlines } from "./deadlines.ts";

/** No request waits for these: they may take their time. */
const UNBOUNDED: ReadonlySet<StoreOperation> = new Set([
  "query",
  "count",
  "scan",
  "sweep",
  "purgeSubject",
]);

export interface StoreDeadline {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Told what a store threw that is none of our errors. */
  readonly report: (error: unknown) => void;
}

/**
 * The same store, but a call that is not answered within `timeoutMs`, or throws what is none of
 * our errors, fails with {@link StoreUnavailableError}. A write that was given up may still happen.
 * After several such calls in a row the next fail at once, for half a second at a time.
 */
export class BoundedStore extends ForwardingStore {
  readonly #deadline: StoreDeadline;
  readonly #breaker: Breaker;
  readonly #deadlines: Deadlines;

  constructor(store: SessionStore, deadline: StoreDeadline) {
    super(store);
    this.#deadline = deadline;
    this.#breaker = new Breaker(deadline.timers);
    this.#deadlines = new Deadlines(deadline.timers, deadline.timeoutMs);
  }

  protected override through<Result>(
    operation: StoreOperation,
    run: () => Promise<Result>,
  ): Promise<Result> {
    return UNBOUNDED.has(operation) ? run() : this.#bounded(operation, run);
  }

  #bounded<Result>(operation: StoreOperation, run: () => Promise<Result>): Promise<Result> {
    const [breaker, deadlines] = [this.#breaker, this.#deadlines];
    const { timeoutMs, report } = this.#deadline;
    if (!breaker.admits()) {
      return Promise.reject(unavailable(operation, "not asked: it has not answered for a while"));
    }
    // One promise, and one reaction to the store's: strict verification waits here every time.
    return new Promise((resolve, reject) => {
      const wait = deadlines.begin(() => {
        breaker.unanswered();
        reject(unavailable(operation, `no answer within ${timeoutMs} ms (option storeTimeoutMs)`));
      });
      const failed = (error: unknown): void => {
        if (!deadlines.end(wait)) return;
        breaker.answered();
        if (error instanceof SojournError) return reject(error);
        report(error);
        reject(new StoreUnavailableError(operation, { cause: error }));
      };
      try {
        Promise.resolve(run()).then((result) => {
          if (!deadlines.end(wait)) return;
          breaker.answered();
          resolve(result);
        }, failed);
      } catch (error) {
        failed(error);
      }
    });
  }
}

function unavailable(operation: string, why: string): StoreUnavailableError {
  return new StoreUnavailableError(operation, { cause: new Error(why) });
}

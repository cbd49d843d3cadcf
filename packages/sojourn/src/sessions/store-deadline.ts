/** A store that does not answer is a store that cannot answer: no request waits for it for ever. */
import { SojournError, StoreUnavailableError } from "../engine/errors.ts";
import { ForwardingStore } from "../engine/forwarding-store.ts";
import type { StoreOperation } from "../engine/forwarding-store.ts";
import type { SessionStore, Timers } from "../engine/ports.ts";
import { Breaker } from "./breaker.ts";

/** No request waits for these: they may take their time. */
const UNBOUNDED: ReadonlySet<StoreOperation> = new Set(["query", "count", "sweep", "purgeSubject"]);

export interface StoreDeadline {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Told what a store threw that is none of our errors. */
  readonly report: (error: unknown) => void;
}

const LATE: unique symbol = Symbol("late");

/**
 * The same store, but a call that is not answered within `timeoutMs`, or throws what is none of
 * our errors, fails with {@link StoreUnavailableError}. A write that was given up may still happen.
 * After several such calls in a row the next fail at once, for half a second at a time.
 */
export class BoundedStore extends ForwardingStore {
  readonly #deadline: StoreDeadline;
  readonly #breaker: Breaker;

  constructor(store: SessionStore, deadline: StoreDeadline) {
    super(store);
    this.#deadline = deadline;
    this.#breaker = new Breaker(deadline.timers);
  }

  protected override through<Result>(
    operation: StoreOperation,
    run: () => Promise<Result>,
  ): Promise<Result> {
    return UNBOUNDED.has(operation) ? run() : this.#bounded(operation, run);
  }

  async #bounded<Result>(operation: StoreOperation, run: () => Promise<Result>): Promise<Result> {
    const breaker = this.#breaker;
    const { timers, timeoutMs, report } = this.#deadline;
    if (!breaker.admits()) {
      throw unavailable(operation, "not asked: it has not answered for a while");
    }
    let cancel: (() => void) | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      cancel = inTwoParts(timers, timeoutMs, () => resolve(LATE));
    });
    try {
      const result = await Promise.race([run(), late]);
      if (result !== LATE) {
        breaker.answered();
        return result;
      }
    } catch (error) {
      breaker.answered();
      if (error instanceof SojournError) throw error;
      report(error);
      throw new StoreUnavailableError(operation, { cause: error });
    } finally {
      cancel?.();
    }
    breaker.unanswered();
    throw unavailable(operation, `no answer within ${timeoutMs} ms (option storeTimeoutMs)`);
  }
}

/**
 * A process that was busy for longer than the whole span finds every deadline past before it has
 * read one answer. It has the second part of the span to read them.
 */
function inTwoParts(timers: Timers, ms: number, run: () => void): () => void {
  const first = Math.ceil(ms / 2);
  let cancel = timers.after(first, () => void (cancel = timers.after(ms - first, run)));
  return () => cancel();
}

function unavailable(operation: string, why: string): StoreUnavailableError {
  return new StoreUnavailableError(operation, { cause: new Error(why) });
}

/** A store that does not answer is a store that cannot answer: no request waits for it for ever. */
import { SojournError, StoreUnavailableError } from "../engine/errors.ts";
import type { SessionStore, Timers } from "../engine/ports.ts";
import { Breaker } from "./breaker.ts";
import { overlay } from "./store-overlay.ts";

/** What requests wait for, be it by way of the keeper. A sweep or a search may take its time. */
const BOUNDED = [
  "installation",
  "subjectEpoch",
  "create",
  "find",
  "replace",
  "patchData",
  "touch",
  "revoke",
  "revokeSubject",
  "listBySubject",
  "apply",
  "health",
] as const satisfies readonly (keyof SessionStore)[];

export interface StoreDeadline {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Told what a store threw that is none of our errors. */
  readonly report: (error: unknown) => void;
}

type Call = (...args: unknown[]) => unknown;
const LATE: unique symbol = Symbol("late");

/**
 * The same store, but a call that is not answered within `timeoutMs`, or throws what is none of
 * our errors, fails with {@link StoreUnavailableError}. A write that was given up may still happen.
 * After several such calls in a row the next fail at once, for half a second at a time.
 */
export function withDeadline(store: SessionStore, deadline: StoreDeadline): SessionStore {
  const breaker = new Breaker(deadline.timers);
  const bounded = BOUNDED.map((name) => [name, boundedCall(store, name, { ...deadline, breaker })]);
  return overlay(store, Object.fromEntries(bounded) as Partial<SessionStore>);
}

function boundedCall(
  store: SessionStore,
  name: (typeof BOUNDED)[number],
  { timers, timeoutMs, report, breaker }: StoreDeadline & { readonly breaker: Breaker },
): Call {
  return async (...args) => {
    if (!breaker.admits()) {
      throw unavailable(name, "not asked: it has not answered for a while");
    }
    let cancel: (() => void) | undefined;
    const late = new Promise<typeof LATE>((resolve) => {
      cancel = inTwoParts(timers, timeoutMs, () => resolve(LATE));
    });
    try {
      const result = await Promise.race([(store[name] as Call).apply(store, args), late]);
      if (result !== LATE) {
        breaker.answered();
        return result;
      }
    } catch (error) {
      breaker.answered();
      if (error instanceof SojournError) throw error;
      report(error);
      throw new StoreUnavailableError(name, { cause: error });
    } finally {
      cancel?.();
    }
    breaker.unanswered();
    throw unavailable(name, `no answer within ${timeoutMs} ms (option storeTimeoutMs)`);
  };
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

function unavailable(name: string, why: string): StoreUnavailableError {
  return new StoreUnavailableError(name, { cause: new Error(why) });
}

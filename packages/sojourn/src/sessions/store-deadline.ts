/** A store that does not answer is a store that cannot answer: no request waits for it for ever. */
import { SojournError, StoreUnavailableError } from "../engine/errors.ts";
import type { SessionStore, Timers } from "../engine/ports.ts";

/** What requests wait for. A sweep, an import or a search may take its time. */
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
  "health",
] as const satisfies readonly (keyof SessionStore)[];

export interface StoreDeadline {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Told what a store threw that is none of our errors. */
  readonly report: (error: unknown) => void;
}

type Call = (...args: unknown[]) => unknown;

/**
 * The same store, but a call that is not answered within `timeoutMs`, or throws what is none of
 * our errors, fails with {@link StoreUnavailableError}. A write that was given up may still happen.
 */
export function withDeadline(store: SessionStore, deadline: StoreDeadline): SessionStore {
  const bounded = new Map<PropertyKey, Call>(
    BOUNDED.map((name) => [name, boundedCall(store, name, deadline)]),
  );
  return new Proxy(store, {
    get(target, name) {
      const call = bounded.get(name);
      if (call !== undefined) return call;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value as Call).bind(target) : value;
    },
  });
}

function boundedCall(
  store: SessionStore,
  name: (typeof BOUNDED)[number],
  { timers, timeoutMs, report }: StoreDeadline,
): Call {
  return async (...args) => {
    let cancel: (() => void) | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      cancel = timers.after(timeoutMs, () => {
        const cause = new Error(`no answer within ${timeoutMs} ms (option storeTimeoutMs)`);
        reject(new StoreUnavailableError(name, { cause }));
      });
    });
    try {
      return await Promise.race([(store[name] as Call).apply(store, args), late]);
    } catch (error) {
      if (error instanceof SojournError) throw error;
      report(error);
      throw new StoreUnavailableError(name, { cause: error });
    } finally {
      cancel?.();
    }
  };
}

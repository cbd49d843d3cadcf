/** A session store whose calls are timed, for metrics and traces. */
import type { SessionStore } from "sojourn";

export interface StoreCall {
  readonly operation: string;
  /** By `performance.now()`. */
  readonly beganAt: number;
  readonly ms: number;
  readonly failed: boolean;
}

const TIMED: ReadonlySet<string | symbol> = new Set([
  "subjectEpoch",
  "create",
  "find",
  "replace",
  "patchData",
  "touch",
  "revoke",
  "revokeSubject",
  "listBySubject",
  "query",
  "count",
  "sweep",
  "apply",
  "purgeSubject",
  "health",
] satisfies (keyof SessionStore)[]);

type Method = (...values: readonly unknown[]) => unknown;

/** The same store. @param done Told of every call when it ends; must not throw. */
export function timedStore(store: SessionStore, done: (call: StoreCall) => void): SessionStore {
  const wrapped = new Map<string | symbol, Method>();
  return new Proxy(store, {
    get(target, name) {
      const known = wrapped.get(name);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const method = (member as Method).bind(target);
      const made = TIMED.has(name) ? timed(String(name), method, done) : method;
      wrapped.set(name, made);
      return made;
    },
  });
}

function timed(operation: string, method: Method, done: (call: StoreCall) => void): Method {
  return async (...values) => {
    const beganAt = performance.now();
    let failed = true;
    try {
      const result = await method(...values);
      failed = false;
      return result;
    } finally {
      done({ operation, beganAt, ms: performance.now() - beganAt, failed });
    }
  };
}

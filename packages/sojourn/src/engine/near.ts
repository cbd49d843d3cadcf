/** What lies between a process and its store, and may answer in its place: hints, never a store. */
import type { SessionRef, StoredSession } from "./ports.ts";

/** A session as it is kept near. */
export interface NearSession {
  readonly stored: StoredSession;
  /** What whoever peeked has found out about `stored`: his to read and write, gone with it. */
  note: unknown;
}

/**
 * What a store that keeps sessions near adds. A session from here may only be answered as active
 * and without a successor; whoever wants to judge more asks `find`, which always asks the store.
 */
export interface NearSessions {
  /**
   * As last read, unless changed since, or proven fresh longer ago than the bound. No I/O.
   *
   * @param boundMs Instead of the near-cache's own bound: for `storeDown: degraded` alone.
   */
  peek(ref: SessionRef, boundMs?: number): NearSession | undefined;
  /** S: what is older than this is not answered, in milliseconds. */
  readonly boundMs: number;
  /** The `askedAt` of the last proof of freshness; `-Infinity` before the first. */
  readonly provenAt: number;
  /** Now, by the clock of `provenAt`, in milliseconds. */
  monotonic(): number;
  /**
   * Over a store with a {@link SharedCache}: what another process read, if nothing was told of it
   * since; bounded as `peek` is. One look-up there. Never rejects: trouble is `undefined`.
   */
  recall?(ref: SessionRef): Promise<StoredSession | undefined>;
}

/** A cache between several processes and their store: a hint for near-caches, and never a store. */
export interface SharedCache {
  /** How long a value may lie there, in milliseconds. */
  readonly ttlMs: number;
  /** What `recall` gives was read from the store no longer ago than this when it was asked for. */
  readonly ageMs: number;
  /** As some process read it; it may have changed since. Never rejects: trouble is `undefined`. */
  recall(ref: SessionRef): Promise<StoredSession | undefined>;
}

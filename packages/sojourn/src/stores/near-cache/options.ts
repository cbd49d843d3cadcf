/** What a near-cache is told, and what is wrong with it. */
import type { ConfigProblem } from "../../engine/errors.ts";
import { isWholeWithin, mixUp, unknownOptions } from "../../engine/given.ts";
import type { SessionStore } from "../../engine/ports.ts";

export interface NearCacheOptions {
  /** S of invariant I3: how old a proof of freshness may be. 1–60000 milliseconds. */
  readonly stalenessMs: number;
  /** Sessions kept at most; default 100 000. */
  readonly maxSessions?: number;
  /** Memory they may take, estimated; default 256 MiB. */
  readonly maxBytes?: number;
  /** The clock that the store's proofs carry. Default `performance.now()`. */
  readonly monotonic?: () => number;
}

const OPTIONS: readonly (keyof NearCacheOptions)[] = [
  "stalenessMs",
  "maxSessions",
  "maxBytes",
  "monotonic",
];
const STALENESS_MS_MAX = 60_000;
export const SESSIONS_MAX_DEFAULT: number = 100_000;
export const BYTES_MAX_DEFAULT: number = 268_435_456;

/** Everything that is wrong, at once. */
export function problemsOf(store: unknown, options: unknown): readonly ConfigProblem[] {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const problems = [...storeProblems(store), ...unknownOptions(given, OPTIONS, "NearCache.")];
  const { stalenessMs, maxSessions = 1, maxBytes = 1, monotonic } = given;
  const check = (fits: boolean, option: string, message: string): void => {
    if (!fits) problems.push({ path: `NearCache.${option}`, message });
  };
  const span = `whole milliseconds from 1 to ${STALENESS_MS_MAX}`;
  check(isWholeWithin(stalenessMs, 1, STALENESS_MS_MAX), "stalenessMs", span);
  check(isWholeWithin(maxSessions, 1, Infinity), "maxSessions", "a whole number, at least 1");
  check(isWholeWithin(maxBytes, 1, Infinity), "maxBytes", "a whole number, at least 1");
  const clock = monotonic === undefined || typeof monotonic === "function";
  check(clock, "monotonic", "takes a function");
  return [...problems, ...tierProblems(store, stalenessMs)];
}

/** A shared cache may not lag further than what is kept here. */
function tierProblems(store: unknown, stalenessMs: unknown): readonly ConfigProblem[] {
  const { tier } = (store ?? {}) as Partial<SessionStore>;
  if (tier === undefined || typeof stalenessMs !== "number" || tier.ttlMs <= stalenessMs) return [];
  const message = `at least ${tier.ttlMs}, the ttlMs of the shared cache below, or lower that one`;
  return [{ path: "NearCache.stalenessMs", message }];
}

function storeProblems(given: unknown): readonly ConfigProblem[] {
  const path = "NearCache.store";
  const store = given as Partial<SessionStore> | null | undefined;
  if (typeof store?.find !== "function" || store.capabilities === undefined) {
    const mixed = mixUp(given, { class: "new NAME(…)", text: "new SqliteStore({ path })" });
    return [{ path, message: `takes a session store${mixed}` }];
  }
  if (store.near !== undefined) return [{ path, message: "keeps sessions near already" }];
  if (store.capabilities.tail !== "lossy") return [];
  const { name } = store.capabilities;
  const message = `${name} cannot tell what other processes change: it must be asked every time`;
  return [{ path, message }];
}

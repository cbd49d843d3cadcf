/** Replays of one process: for one that stands alone, and for tests. */
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import { isWholeWithin } from "../../engine/given.ts";
import type { ReplayCache } from "../../engine/replays.ts";

export interface MemoryReplaysOptions {
  /** How many at once; default 100 000, some 10 MB. */
  readonly max?: number;
}

const MAX = 100_000;
const MAX_MAX = 10_000_000;

/**
 * A bounded cache in memory. A full one refuses: to forget what is not over would let it be
 * replayed. Several processes need one that they share, like `RedisReplays`.
 *
 * @throws {ConfigError} for a `max` that is none.
 */
export function memoryReplays({ max = MAX }: MemoryReplaysOptions = {}): ReplayCache {
  if (!isWholeWithin(max, 1, MAX_MAX)) {
    throw new ConfigError([{ path: "max", message: `takes a whole number from 1 to ${MAX_MAX}` }]);
  }
  /** In the order of claims, which is about that of their ends. */
  const ends: Map<string, number> = new Map();
  return {
    claim(key, untilAt, now) {
      if ((ends.get(key) ?? -Infinity) > now) return false;
      forgetOver(ends, now);
      if (ends.size >= max) throw new StoreUnavailableError(`${max} proofs are remembered`);
      ends.delete(key);
      ends.set(key, untilAt);
      return true;
    },
  };
}

/** From the oldest claim to the first that is not over: each is looked at about once. */
function forgetOver(ends: Map<string, number>, now: number): void {
  for (const [key, untilAt] of ends) {
    if (untilAt > now) return;
    ends.delete(key);
  }
}

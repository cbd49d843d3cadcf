/** Set-ups of stores that lose sessions, and that an operator may accept by name. */
import type { RedisRisk } from "sojourn/stores/redis";

export type Risk = RedisRisk;

const KNOWN = {
  eviction: true,
  "no-aof": true,
  "rdb-only": true,
  "stale-primary": true,
  sentinels: true,
} as const;

/** Every name there is, or this does not compile. */
export const RISKS: readonly Risk[] = Object.keys(
  KNOWN satisfies Readonly<Record<Risk, true>>,
) as Risk[];

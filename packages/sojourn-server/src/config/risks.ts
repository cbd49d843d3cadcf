/** Set-ups of stores that lose sessions, and that an operator may accept by name. */
import type { RedisRisk } from "sojourn/stores/redis";

export type Risk = RedisRisk;

/** Every name there is, or this does not compile. */
const KNOWN: Readonly<Record<Risk, true>> = {
  eviction: true,
  "no-aof": true,
  "rdb-only": true,
  "stale-primary": true,
  sentinels: true,
};

export const RISKS: readonly Risk[] = Object.keys(KNOWN) as Risk[];

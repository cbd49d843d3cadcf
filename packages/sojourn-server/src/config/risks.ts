/** What is refused because sessions are lost or come back, and an operator may accept by name. */
import type { RedisRisk } from "sojourn/stores/redis";

/** `revived-sessions`: a restore where nothing knows what ended since. */
export type Risk = RedisRisk | "revived-sessions";

const OF_REDIS = {
  eviction: true,
  "no-aof": true,
  "rdb-only": true,
  "stale-primary": true,
  sentinels: true,
} as const;

/** Every name there is, or this does not compile. */
const REDIS_RISKS: readonly RedisRisk[] = Object.keys(
  OF_REDIS satisfies Readonly<Record<RedisRisk, true>>,
) as RedisRisk[];

export const RISKS: readonly Risk[] = [...REDIS_RISKS, "revived-sessions"];

/** Those that the store itself is told of. */
export function redisRisks(accepted: readonly Risk[]): readonly RedisRisk[] {
  return REDIS_RISKS.filter((risk) => accepted.includes(risk));
}

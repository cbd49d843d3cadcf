/** Which servers the store refuses, and which of them may be accepted by name. */
import { ConfigError } from "../../engine/errors.ts";
import { SlotMovingError } from "./faults.ts";
import { sentinelProblems } from "./sentinel-facts.ts";
import type { ServerFacts } from "./server.ts";

/** Set-ups that lose sessions or revocations, accepted by name. */
export type RedisRisk = "eviction" | "no-aof" | "rdb-only" | "stale-primary" | "sentinels";
export const RISKS: readonly RedisRisk[] = [
  "eviction",
  "no-aof",
  "rdb-only",
  "stale-primary",
  "sentinels",
];

const MAJOR_MIN = 7;
/** A primary that nobody follows any more goes on acknowledging for so long. */
const REPLICAS_LAG_MAX_S = 10;

export interface Fitness {
  readonly accepted: readonly RedisRisk[];
  /** True where another server takes over, or has done so: a replica is nobody's mistake there. */
  readonly handsOver: boolean;
}

/**
 * @throws {ConfigError} with every reason not to keep sessions there.
 * @throws {SlotMovingError} for a replica whose primary will be known in a moment.
 */
export function requireFit(facts: ServerFacts, { accepted, handsOver }: Fitness): void {
  if (facts.role === "replica" && handsOver) {
    throw new SlotMovingError("connect: the server is a replica by now; its primary is looked for");
  }
  const messages: string[] = [];
  if (Number.parseInt(facts.version, 10) < MAJOR_MIN) {
    messages.push(
      `the server is Redis ${facts.version}; use Redis 7.0 or newer, or Valkey 8 or newer`,
    );
  }
  if (facts.role === "replica") messages.push("the server is a replica; connect to the primary");
  for (const [risk, message] of risksOf(facts)) {
    if (accepted.includes(risk)) continue;
    messages.push(`${message}, or accept it with acceptRisks: ["${risk}"]`);
  }
  if (messages.length === 0) return;
  throw new ConfigError(messages.map((message) => ({ path: "store", message })));
}

function risksOf(facts: ServerFacts): (readonly [RedisRisk, string])[] {
  const { policy, aof, settings, sentinel } = facts;
  const risks: (readonly [RedisRisk, string])[] = [];
  if (policy !== "noeviction") {
    risks.push([
      "eviction",
      `maxmemory-policy is ${policy}: a full server would drop live sessions; run ` +
        "CONFIG SET maxmemory-policy noeviction",
    ]);
  }
  if (!aof && settings?.rdb === true) {
    risks.push([
      "rdb-only",
      "there are snapshots (RDB) but no append-only file: a restart revives what was revoked " +
        "after the last snapshot; run CONFIG SET appendonly yes",
    ]);
  } else if (!aof) {
    risks.push([
      "no-aof",
      "the append-only file is off: a restart forgets revocations or everybody; run " +
        "CONFIG SET appendonly yes",
    ]);
  }
  const stale = stalePrimary(facts);
  if (stale !== undefined) risks.push(["stale-primary", stale]);
  for (const problem of sentinel === undefined ? [] : sentinelProblems(sentinel)) {
    risks.push(["sentinels", problem]);
  }
  return risks;
}

/** A primary that lost its replicas, and the others' trust, would go on acknowledging writes. */
function stalePrimary(facts: ServerFacts): string | undefined {
  const { failsOver, asksForReplicas, settings } = facts;
  if (!failsOver) return undefined;
  if (!asksForReplicas) {
    return (
      "min-replicas-to-write is 0: a primary that is cut off goes on acknowledging revocations " +
      "that the next one does not know; run CONFIG SET min-replicas-to-write 1"
    );
  }
  const lag = settings?.minReplicasLagS ?? 0;
  if (lag <= REPLICAS_LAG_MAX_S) return undefined;
  return (
    `min-replicas-max-lag is ${lag} s: a primary that is cut off goes on acknowledging for so ` +
    `long; run CONFIG SET min-replicas-max-lag ${REPLICAS_LAG_MAX_S}`
  );
}

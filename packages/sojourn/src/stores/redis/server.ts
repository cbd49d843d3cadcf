/** What the server is and how it is set up. What of it the store refuses is in `risks.ts`. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Link } from "./link.ts";
import { pairsOf } from "./reply.ts";
import type { SentinelFacts } from "./sentinel-facts.ts";

export interface ServerFacts {
  /** Of Redis: Valkey tells the one that it behaves like. */
  readonly version: string;
  /** Changes whenever the process is another one: restart, failover. */
  readonly runId: string;
  readonly role: "primary" | "replica";
  /** The server's own time. */
  readonly nowAt: number;
  readonly policy: string;
  readonly aof: boolean;
  /** True when every write is on disk before it is answered. */
  readonly fsyncAlways: boolean;
  /** Replicas that are connected, or that Sentinels know. */
  readonly replicas: number;
  /** True when another server may become the primary. */
  readonly failsOver: boolean;
  /** `undefined` where `CONFIG` is forbidden. */
  readonly settings: ServerSettings | undefined;
  /** Replicas without which it takes no writes are asked for. Known without `CONFIG`. */
  readonly asksForReplicas: boolean;
  readonly sentinel: SentinelFacts | undefined;
  readonly lagMs: number;
}

interface ServerSettings {
  /** Snapshots are made. */
  readonly rdb: boolean;
  readonly minReplicasLagS: number;
}

const SECTIONS = ["server", "memory", "persistence", "replication"] as const;
const ASKED = ["appendfsync", "save", "min-replicas-max-lag"] as const;

/** Three questions at most; what Sentinels know costs two round trips more. */
export async function serverFacts(link: Link): Promise<ServerFacts> {
  const info = parseInfo(String(await link.text("health", ["INFO", ...SECTIONS])));
  const config = await configOf(link);
  // The primary is known: that none of them answers just now is no reason to refuse it.
  const sentinel = await link.client.sentinelFacts?.().catch(() => undefined);
  const aof = info.get("aof_enabled") === "1";
  const connected = Number(info.get("connected_slaves") ?? 0);
  const fact = (name: string): string => info.get(name) ?? "unknown";
  return {
    version: fact("redis_version"),
    runId: fact("run_id"),
    role: info.get("role") === "slave" ? "replica" : "primary",
    // Every server since Redis 6.2 tells its time.
    nowAt: Math.floor(Number(info.get("server_time_usec")) / 1000),
    policy: fact("maxmemory_policy"),
    aof,
    fsyncAlways: aof && config?.get("appendfsync") === "always",
    replicas: Math.max(connected, sentinel?.replicas ?? 0),
    failsOver: connected > 0 || link.client.sentinelFacts !== undefined,
    settings: config && {
      rdb: config.get("save") !== "",
      minReplicasLagS: Number(config.get("min-replicas-max-lag")),
    },
    asksForReplicas: info.has("min_slaves_good_slaves"),
    sentinel,
    lagMs: 0,
  };
}

/** Unknown where `CONFIG` is forbidden: then nothing is claimed. */
async function configOf(link: Link): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return pairsOf(await link.text("health", ["CONFIG", "GET", ...ASKED]));
  } catch (error) {
    if (error instanceof StoreUnavailableError && !error.retryable) return undefined;
    throw error;
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return facts;
}

/** What the server is and how it is set up, and which set-ups the store refuses. */
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import type { Link } from "./link.ts";

/** Set-ups that lose sessions, accepted by name. */
export type RedisRisk = "eviction" | "no-aof";
export const RISKS: readonly RedisRisk[] = ["eviction", "no-aof"];

const MAJOR_MIN = 7;

export interface ServerFacts {
  readonly version: string;
  /** Changes whenever the process is another one: restart, failover. */
  readonly runId: string;
  readonly role: "primary" | "replica";
  readonly startedAt: number;
  /** The server's own time. */
  readonly nowAt: number;
  readonly policy: string;
  readonly aof: boolean;
  /** True when every write is on disk before it is answered. */
  readonly fsyncAlways: boolean;
  readonly lagMs: number;
}

export async function serverFacts(link: Link): Promise<ServerFacts> {
  const info = parseInfo(String(await link.text("health", ["INFO", "everything"])));
  const nowAt = Math.floor(Number(info.get("server_time_usec") ?? Date.now() * 1000) / 1000);
  const aof = info.get("aof_enabled") === "1";
  return {
    version: info.get("redis_version") ?? "unknown",
    runId: info.get("run_id") ?? "unknown",
    role: info.get("role") === "slave" ? "replica" : "primary",
    startedAt: nowAt - Number(info.get("uptime_in_seconds") ?? 0) * 1000,
    nowAt,
    policy: info.get("maxmemory_policy") ?? "unknown",
    aof,
    fsyncAlways: aof && (await fsync(link)) === "always",
    lagMs: 0,
  };
}

/** Unknown where `CONFIG` is forbidden: then nothing is claimed. */
async function fsync(link: Link): Promise<string> {
  try {
    const reply = await link.text("health", ["CONFIG", "GET", "appendfsync"]);
    const pair = Array.isArray(reply) ? (reply as unknown[]) : Object.values(reply as object);
    return String(pair.at(-1));
  } catch (error) {
    if (error instanceof StoreUnavailableError && !error.retryable) return "unknown";
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

/** @throws {ConfigError} with every reason not to keep sessions there. */
export function requireFit(facts: ServerFacts, accepted: readonly RedisRisk[]): void {
  const problems: ConfigProblem[] = [];
  const refuse = (message: string): void => void problems.push({ path: "store", message });
  if (Number.parseInt(facts.version, 10) < MAJOR_MIN) {
    refuse(`the server is Redis ${facts.version}; use Redis 7.0 or newer, or Valkey 8 or newer`);
  }
  if (facts.role === "replica") {
    refuse("the server is a replica; connect to the primary");
  }
  if (facts.policy !== "noeviction" && !accepted.includes("eviction")) {
    refuse(
      `maxmemory-policy is ${facts.policy}: a full server would drop live sessions; run ` +
        'CONFIG SET maxmemory-policy noeviction, or accept it with acceptRisks: ["eviction"]',
    );
  }
  if (!facts.aof && !accepted.includes("no-aof")) {
    refuse(
      "the append-only file is off: a restart forgets revocations or everybody; run " +
        'CONFIG SET appendonly yes, or accept it with acceptRisks: ["no-aof"]',
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

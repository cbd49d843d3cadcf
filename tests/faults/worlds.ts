/** The engines of the fault suite, each started anew for a run. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kill } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  startCluster,
  startPgBouncer,
  startPostgres,
  startPostgresStandby,
  startRedis,
  startSentinel,
  startTcpProxy,
} from "../../tools/engines.mjs";
import { until } from "../../tools/engines/process.mjs";
import { ask } from "../../tools/engines/resp.mjs";
import type { StoreSpec } from "./messages.ts";
import type { World } from "./strike.ts";

export interface WorldOptions {
  /** S. Default 0: every verify asks the store. */
  readonly stalenessMs?: number;
}

/** An engine: what can be done to it, and how it is started. */
export interface Engine {
  readonly traits: readonly string[];
  start(options: WorldOptions): Promise<World>;
}

const TIMEOUT_MS = 1_000;
/** Less than the hour that clocks jump by. */
const IDLE_MS = 1_800_000;
/** Slots that move at a time. */
const RESHARDED_SLOTS = 400;
const AOF = ["--appendonly", "yes", "--appendfsync", "everysec"];

function specOf(kind: string, url: string, { stalenessMs = 0 }: WorldOptions): StoreSpec {
  const secret = randomBytes(32).toString("base64url");
  const spans = { stalenessMs, timeoutMs: TIMEOUT_MS, idleMs: IDLE_MS };
  return { kind, url, ...spans, secret };
}

async function redis(options: WorldOptions): Promise<World> {
  const server = await startRedis({ args: AOF });
  const world = await behindProxy("redis", server, options);
  return { ...world, command: (...words) => ask(server, ...words) };
}

async function postgres(options: WorldOptions): Promise<World> {
  return behindProxy("postgres", await startPostgres(), options);
}

async function behindProxy(
  engine: "redis" | "postgres",
  server: Awaited<ReturnType<typeof startRedis | typeof startPostgres>>,
  options: WorldOptions,
): Promise<World> {
  const network = await startTcpProxy(server);
  return {
    engine,
    store: specOf(engine, network.url, options),
    server,
    network,
    stop: async () => {
      network.stop();
      await server.stop();
    },
  };
}

async function pgbouncer(options: WorldOptions): Promise<World> {
  const server = await startPostgres();
  const pool = await startPgBouncer(server);
  return {
    engine: "pgbouncer",
    store: specOf("postgres", pool.url, options),
    server,
    acts: { "restart-pool": () => pool.restart() },
    stop: async () => {
      await pool.stop();
      await server.stop();
    },
  };
}

/** How long a replica hears nothing before its primary dies: what was acknowledged then is lost. */
const UNHEARD_MS = 1_000;
const PROMOTED_AFTER_MS = 500;

/** Whoever runs it promotes the standby and points the applications' address to it. */
async function postgresStandby(options: WorldOptions): Promise<World> {
  const primary = await startPostgres();
  const replication = await startTcpProxy(primary);
  const standby = await startPostgresStandby(replication);
  let network = await startTcpProxy(primary);
  const promote = async (): Promise<void> => {
    replication.cut();
    await sleep(UNHEARD_MS);
    kill(primary.pid, "SIGKILL");
    replication.stop();
    network.stop();
    await sleep(PROMOTED_AFTER_MS);
    await standby.promote();
    network = await startTcpProxy(standby, { port: network.port });
  };
  return {
    engine: "postgres-standby",
    store: specOf("postgres", network.url, options),
    acts: { failover: promote },
    stop: async () => {
      network.stop();
      replication.stop();
      await Promise.all([primary.stop(), standby.stop()]);
    },
  };
}

/** Its replicas are cut off and cannot come back; it goes on acknowledging. */
async function unheard(primary: { readonly port: number }): Promise<void> {
  await ask(primary, "ACL", "SETUSER", "default", "-psync", "-sync");
  await ask(primary, "CLIENT", "KILL", "TYPE", "replica");
  await sleep(UNHEARD_MS);
}

/** Two replicas, three Sentinels. */
async function redisSentinel(options: WorldOptions): Promise<World> {
  const group = await startSentinel({ args: AOF });
  const hosts = group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const takenOver = (from: { readonly port: number }): Promise<void> =>
    until("a replica takes over", async () => (await group.primary()).port !== from.port);
  const lose = async (): Promise<void> => {
    const primary = await group.primary();
    await unheard(primary);
    kill(primary.pid, "SIGKILL");
    await takenOver(primary);
    await primary.restart();
  };
  /** It hangs, another takes over, and it wakes with what only it has. */
  const hang = async (): Promise<void> => {
    const primary = await group.primary();
    await unheard(primary);
    kill(primary.pid, "SIGSTOP");
    await takenOver(primary);
    kill(primary.pid, "SIGCONT");
  };
  const switchOver = async (): Promise<void> => {
    const primary = await group.primary();
    await ask(group.sentinels[0] ?? primary, "SENTINEL", "FAILOVER", group.name);
    await takenOver(primary);
  };
  return {
    engine: "redis-sentinel",
    store: specOf("redis-sentinel", `redis-sentinel://${hosts}/${group.name}`, options),
    acts: { failover: lose, hang, "sentinel-failover": switchOver },
    stop: () => group.stop(),
  };
}

/** Three primaries, a replica each. */
async function redisCluster(options: WorldOptions): Promise<World> {
  const cluster = await startCluster({ args: AOF });
  const reshard = async (): Promise<void> => {
    const [from, to] = await cluster.owners();
    if (from === undefined || to === undefined) throw new Error("the cluster has no two primaries");
    await cluster.moveSlots(from.node, to.node, RESHARDED_SLOTS);
  };
  /** In agreement: a replica takes over without a loss. */
  const switchOver = async (): Promise<void> => {
    for (const { node } of await cluster.owners()) await cluster.failover(node);
  };
  const lose = async (): Promise<void> => {
    const [owner] = await cluster.owners();
    if (owner === undefined) throw new Error("the cluster has no primary");
    await unheard(owner.node);
    kill(owner.node.pid, "SIGKILL");
    await until("a replica takes over", async () => {
      const owners = await cluster.owners();
      return owners.length === 3 && owners.every(({ node }) => node !== owner.node);
    });
    await owner.node.restart();
  };
  return {
    engine: "redis-cluster",
    store: specOf("redis-cluster", cluster.urls.join(","), options),
    acts: { reshard, "switch-over": switchOver, failover: lose },
    stop: () => cluster.stop(),
  };
}

async function sqlite(options: WorldOptions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-faults-"));
  return {
    engine: "sqlite",
    store: specOf("sqlite", join(folder, "sessions.db"), options),
    stop: async () => rmSync(folder, { recursive: true }),
  };
}

const SERVER = ["server", "own-time"];

export const worlds: Readonly<Record<string, Engine>> = {
  sqlite: { traits: ["file"], start: sqlite },
  redis: { traits: ["redis", "one-process", "network", ...SERVER], start: redis },
  postgres: { traits: ["network", ...SERVER], start: postgres },
  pgbouncer: { traits: ["pool", ...SERVER], start: pgbouncer },
  "postgres-standby": { traits: ["failover", "own-time"], start: postgresStandby },
  "redis-sentinel": {
    traits: ["failover", "hang", "sentinel-failover", "own-time"],
    start: redisSentinel,
  },
  "redis-cluster": {
    traits: ["failover", "reshard", "switch-over", "own-time"],
    start: redisCluster,
  },
};

/** The engines of the fault suite, each started anew for a run. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPgBouncer, startPostgres, startRedis, startTcpProxy } from "../../tools/engines.mjs";
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
const AOF = ["--appendonly", "yes", "--appendfsync", "everysec"];

function specOf(kind: string, url: string, { stalenessMs = 0 }: WorldOptions): StoreSpec {
  const secret = randomBytes(32).toString("base64url");
  const spans = { stalenessMs, timeoutMs: TIMEOUT_MS, idleMs: IDLE_MS };
  return { kind, url, ...spans, secret };
}

async function redis(options: WorldOptions): Promise<World> {
  const server = await startRedis({ args: AOF });
  const network = await startTcpProxy(server);
  return {
    engine: "redis",
    store: specOf("redis", network.url, options),
    server,
    network,
    command: (...words) => ask(server, ...words),
    stop: async () => {
      network.stop();
      await server.stop();
    },
  };
}

async function postgres(options: WorldOptions): Promise<World> {
  const server = await startPostgres();
  const network = await startTcpProxy(server);
  return {
    engine: "postgres",
    store: specOf("postgres", network.url, options),
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
};

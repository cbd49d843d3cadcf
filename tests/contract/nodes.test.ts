/** Several nodes, each with its own connections to one real engine: the public face. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSessions } from "sojourn";
import type { Sessions, SessionStore, Standing } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { SqliteStore } from "sojourn/stores/sqlite";
import { ManualClock } from "sojourn/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { startPgBouncer, startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";
import { clusterWorld } from "../support/redis-cluster-world.ts";
import { redisWorld } from "../support/redis-world.ts";
import { sentinelWorld } from "../support/sentinel-world.ts";

const NODES = 4;
const HOUR_MS = 3_600_000;

type OpenStore = () => SessionStore;

async function postgres(pooled: boolean): Promise<OpenStore> {
  const engine = await startPostgres();
  onTestFinished(() => engine.stop());
  const way = pooled ? await startPgBouncer(engine) : engine;
  if (pooled) onTestFinished(() => way.stop());
  return () => {
    const pool = poolTo(way.url, 8);
    onTestFinished(() => pool.end());
    return new PostgresStore({ pool });
  };
}

const ENGINES: readonly (readonly [string, () => Promise<OpenStore>])[] = [
  [
    "SQLite",
    () => {
      const folder = mkdtempSync(join(tmpdir(), "sojourn-nodes-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      return Promise.resolve(() => new SqliteStore({ path: join(folder, "sessions.db") }));
    },
  ],
  ["PostgreSQL", () => postgres(false)],
  ["PgBouncer", () => postgres(true)],
  [
    "Redis",
    async () => {
      const world = await redisWorld();
      onTestFinished(() => world.end());
      return () => world.store();
    },
  ],
  [
    "Redis behind Sentinels",
    async () => {
      const world = await sentinelWorld({ downAfterMs: 30_000 });
      onTestFinished(() => world.end());
      return () => world.store();
    },
  ],
  [
    "Redis Cluster",
    async () => {
      const world = await clusterWorld();
      onTestFinished(() => world.end());
      return () => world.store();
    },
  ],
];

interface House {
  readonly clock: ManualClock;
  /** Of each rotation that some node told of. */
  readonly hows: readonly string[];
  of(index: number): Sessions;
}

async function house(start: () => Promise<OpenStore>): Promise<House> {
  const open = await start();
  const clock = new ManualClock(Date.now());
  const secrets = [randomBytes(32).toString("base64url")];
  const hows: string[] = [];
  const nodes: Sessions[] = [];
  for (let count = 0; count < NODES; count += 1) {
    const store = open();
    onTestFinished(() => store.close());
    const sessions = createSessions({ secrets, store, clock, sweep: false, production: false });
    onTestFinished(() => sessions.close());
    sessions.events.on("session-rotated", ({ how }) => void hows.push(how));
    nodes.push(sessions);
  }
  const of = (index: number): Sessions => {
    const node = nodes[index % NODES];
    if (node === undefined) throw new Error("no such node");
    return node;
  };
  return { clock, hows, of };
}

function tokenIn(standing: Standing): string | undefined {
  if (standing.state !== "active") throw new Error(`the session is ${standing.state}`);
  return standing.successor;
}

describe.each(ENGINES)("nodes on %s", (_name, start) => {
  it("[RT-02] issue one successor for 100 requests at once, and confirm it once", async () => {
    const { clock, hows, of } = await house(start);
    const { token } = await of(0).open({ subject: "alice" });
    clock.advance(HOUR_MS);
    const present = (what: string): Promise<(string | undefined)[]> =>
      Promise.all(
        Array.from({ length: 100 }, async (_, index) =>
          tokenIn(await of(index).authenticate(what, { canSetToken: true })),
        ),
      );
    const given = await present(token);
    expect(new Set(given).size, "who lost gives the winner's").toBe(1);
    expect(given[0]).not.toBe(token);
    expect(hows).toEqual(["sealed"]);
    const successor = given[0] ?? "";
    await present(successor);
    expect(hows).toEqual(["sealed", "confirmed"]);
    expect((await of(1).authenticate(successor)).state).toBe("active");
  });
});

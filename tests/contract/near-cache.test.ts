/** What a near-cache lies over keeps its contract through it, and its own writes are seen near. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { MemoryStore } from "sojourn";
import type { SessionStore } from "sojourn";
import { NearCache } from "sojourn/stores/near-cache";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";

const STALENESS_MS = 60_000;
const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const directory = mkdtempSync(join(tmpdir(), "sojourn-near-"));
const redis = await startRedis();
const postgres = await startPostgres();
const pools = [poolTo(postgres.url), poolTo(postgres.url)];

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await Promise.all([redis.stop(), postgres.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

const memory = new MemoryStore();
const path = join(directory, "sessions.db");
const openRedis = (): SessionStore =>
  new RedisStore({
    client: createClient({ url: redis.url, disableOfflineQueue: true }),
    acceptRisks: ["no-aof"],
  });
const [first, second] = pools;
if (first === undefined || second === undefined) throw new Error("no pools");

/** Two processes, as far as the store can tell. */
const STORES: readonly (readonly [string, SessionStore, SessionStore])[] = [
  ["memory", memory, memory],
  ["SQLite", new SqliteStore({ path, tailPollMs: 20 }), new SqliteStore({ path, tailPollMs: 20 })],
  [
    "PostgreSQL",
    new PostgresStore({ pool: first, tailPollMs: 20 }),
    new PostgresStore({ pool: second, tailPollMs: 20 }),
  ],
  ["Redis", openRedis(), openRedis()],
];

/** Answers from near whatever it can, however strictly it was asked. */
function hasty(cache: NearCache): SessionStore {
  return new Proxy<SessionStore>(cache, {
    get: (target, name) => {
      if (name === "find") {
        return async (ref: { tenant: string; id: string }) =>
          cache.near.peek(ref) ?? (await cache.find(ref));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

describe.each(STORES)(
  `%s below a near-cache keeps the contract (seed ${seed})`,
  (name, own, other) => {
    const cache = new NearCache(own, { stalenessMs: STALENESS_MS });
    const away = new NearCache(other, { stalenessMs: STALENESS_MS });
    const now = name === "Redis" ? { now: Date.now() } : {};
    const strict = caseKit({ seed, peer: away, ...now });
    const alone = caseKit({ seed: seed + 1, ...now });

    beforeAll(async () => {
      await Promise.all([own.health(), other.health()]);
      // From here on it has heard of every change, and what it reads is kept.
      for (const one of [cache, away]) {
        await one.find({ tenant: "none", id: "none" });
        await vi.waitFor(() => expect(one.stats().frontierAgeMs).toBeDefined(), 5_000);
      }
    });

    afterAll(async () => {
      const { hits } = cache.stats();
      await Promise.all([cache.close(), away.close()]);
      expect(hits).toBeGreaterThan(50);
    });

    it.each(storeCasesFor(own.capabilities))("strictly asked: $name", ({ run }) =>
      run(cache, strict),
    );

    it.each(storeCasesFor(own.capabilities))("of its own writes, near: $name", ({ run }) =>
      run(hasty(cache), alone),
    );
  },
);

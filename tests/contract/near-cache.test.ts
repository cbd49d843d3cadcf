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
import type { StoreCase } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";

const STALENESS_MS = 60_000;
const PATIENCE_MS = 120_000;
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
          cache.near.peek(ref)?.stored ?? (await cache.find(ref));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** From here on it has heard of every change, and what it reads is kept. */
async function inPlace(cache: NearCache): Promise<void> {
  await cache.find({ tenant: "none", id: "none" });
  await vi.waitFor(() => expect(cache.stats().frontierAgeMs).toBeDefined(), 10_000);
}

/** The tail is not its own: it passes through. */
function casesFor(store: SessionStore): readonly StoreCase[] {
  return storeCasesFor(store.capabilities).filter(({ name }) => !name.startsWith("tail: "));
}

describe.each(STORES)(
  `%s keeps the contract below a near-cache (seed ${seed})`,
  (name, ...both) => {
    const [cache, peer] = both.map(
      (store) => new NearCache(store, { stalenessMs: STALENESS_MS }),
    ) as [NearCache, NearCache];
    const now = name === "Redis" ? { now: Date.now() } : {};
    const kit = caseKit({ seed, peer, ...now });

    beforeAll(() => Promise.all([inPlace(cache), inPlace(peer)]));
    afterAll(() => Promise.all([cache.close(), peer.close()]));

    it.each(casesFor(cache))("$name", ({ run }) => run(cache, kit), PATIENCE_MS);
  },
);

describe(`a process reads its own writes, near (seed ${seed})`, () => {
  const cache = new NearCache(new MemoryStore(), { stalenessMs: STALENESS_MS });
  const kit = caseKit({ seed });

  beforeAll(() => inPlace(cache));

  it.each(casesFor(cache))("$name", ({ run }) => run(hasty(cache), kit));

  it("and did so in what was just shown", async () => {
    expect(cache.stats().hits).toBeGreaterThan(50);
    await cache.close();
  });
});

/** Sojourn over express-session stores: the store contract, inside one process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisStore } from "connect-redis";
import { RedisStore as RedisStore9 } from "connect-redis9";
import pgSimple from "connect-pg-simple";
import session from "express-session";
import { Pool } from "pg";
import { createClient } from "redis";
import fileStore from "session-file-store";
import { fromExpressStore } from "sojourn/express-session";
import type { ForeignStore } from "sojourn/express-session";
import { caseKit, storeCases, storeCasesFor } from "sojourn/testing";
import { afterAll, describe, expect, it } from "vitest";
import { startPostgres, startRedis } from "../../tools/engines.mjs";

/** What such a store cannot do, and why. Every other case of the contract passes. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "query: finds sessions by their state as judged at the given instant": "no search",
  "query: finds sessions by subject, device and time of creation, bounds included and excluded":
    "no search",
  "query: pages newest first without gap or repetition, also while sessions come and go":
    "no search",
  "query: refuses a cursor of another query, or shows nothing that is not asked for": "no search",
  "tail: resumes after a position without loss or repetition":
    "changes are known to the process that makes them, and to no other",
};

interface Engine {
  readonly store: ForeignStore;
  stop(): Promise<void>;
}

async function redisStore(Store: typeof RedisStore | typeof RedisStore9): Promise<Engine> {
  const redis = await startRedis();
  const client = createClient({ url: redis.url });
  client.on("error", () => undefined);
  await client.connect();
  return {
    store: new Store({ client }),
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

const ENGINES: Readonly<Record<string, () => Engine | Promise<Engine>>> = {
  "MemoryStore of express-session": () => ({
    store: new session.MemoryStore(),
    stop: () => Promise.resolve(),
  }),
  "session-file-store": () => {
    const path = mkdtempSync(join(tmpdir(), "sojourn-file-store-"));
    const Store = fileStore(session);
    return {
      store: new Store({ path, retries: 0, reapInterval: -1, logFn: () => undefined }),
      stop: () => Promise.resolve(rmSync(path, { recursive: true, force: true })),
    };
  },
  "connect-redis on Redis": () => redisStore(RedisStore),
  "connect-redis 9 on Redis": () => redisStore(RedisStore9),
  "connect-pg-simple on PostgreSQL": async () => {
    const postgres = await startPostgres();
    const pool = new Pool({ connectionString: postgres.url });
    pool.on("error", () => undefined);
    const Store = pgSimple(session);
    const store = new Store({ pool, createTableIfMissing: true, pruneSessionInterval: false });
    return {
      store,
      async stop() {
        await store.close();
        await pool.end();
        await postgres.stop();
      },
    };
  },
};

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const quiet = { warn: () => undefined };

describe.each(Object.entries(ENGINES))(
  `%s keeps the store contract (seed ${seed})`,
  async (_name, start) => {
    const engine = await start();
    const store = fromExpressStore(engine.store, quiet);
    const peer = fromExpressStore(engine.store, quiet);
    const kit = caseKit({ seed, peer });

    afterAll(async () => {
      await store.close();
      await peer.close();
      await engine.stop();
    });

    it.each(storeCasesFor(store.capabilities))("$name", ({ run }) => run(store, kit));
  },
);

it("leaves out by name what such a store cannot do, and nothing else", () => {
  const store = fromExpressStore(new session.MemoryStore(), quiet);
  const kept = new Set(storeCasesFor(store.capabilities).map((one) => one.name));
  const missing = storeCases.map((one) => one.name).filter((name) => !kept.has(name));
  expect(missing).toEqual(Object.keys(LEFT_OUT));
});

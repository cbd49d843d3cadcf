/** Sojourn over express-session stores: the store contract, inside one process. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisStore } from "connect-redis";
import { RedisStore as RedisStore9 } from "connect-redis9";
import pgSimple from "connect-pg-simple";
import session from "express-session";
import { Pool } from "pg";
import { createClient } from "redis";
import fileStore from "session-file-store";
import { createSessions } from "sojourn";
import type { Sessions } from "sojourn";
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
  "tail: proves its freshness four times a second, however quiet it is":
    "what other processes write is told to nobody",
  "tail: proves nothing that it has not told: what was acknowledged before it was asked":
    "what other processes write is told to nobody",
  "tail: resumes after a position without loss or repetition":
    "changes are known to the process that makes them, and to no other",
};

/** Every change is a read and a write of a whole row or two: some cases make thousands. */
const CASE_MS = 120_000;
/** session-file-store syncs each write to the disk. */
const inMemory = existsSync("/dev/shm");

interface Engine {
  /** One of the store's objects on the engine: each is what another process has. */
  open(): ForeignStore;
  stop(): Promise<void>;
}

async function redisStore(Store: typeof RedisStore | typeof RedisStore9): Promise<Engine> {
  const redis = await startRedis();
  const client = createClient({ url: redis.url });
  client.on("error", () => undefined);
  await client.connect();
  return {
    open: () => new Store({ client }),
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

const ENGINES: Readonly<Record<string, () => Engine | Promise<Engine>>> = {
  "MemoryStore of express-session": () => {
    const store = new session.MemoryStore();
    const open = (): ForeignStore => Object.create(store) as ForeignStore;
    return { open, stop: () => Promise.resolve() };
  },
  "session-file-store": () => {
    const path = mkdtempSync(join(inMemory ? "/dev/shm" : tmpdir(), "sojourn-file-store-"));
    const Store = fileStore(session);
    const options = { path, retries: 0, reapInterval: -1, logFn: () => undefined };
    return {
      open: () => new Store(options),
      stop: () => Promise.resolve(rmSync(path, { recursive: true, force: true })),
    };
  },
  "connect-redis 10 on Redis": () => redisStore(RedisStore),
  "connect-redis 9 on Redis": () => redisStore(RedisStore9),
  "connect-pg-simple on PostgreSQL": async () => {
    const postgres = await startPostgres();
    const pool = new Pool({ connectionString: postgres.url });
    pool.on("error", () => undefined);
    const Store = pgSimple(session);
    const options = { pool, createTableIfMissing: true, pruneSessionInterval: false } as const;
    return {
      open: () => new Store(options),
      async stop() {
        await pool.end();
        await postgres.stop();
      },
    };
  },
};

const quiet = { warn: () => undefined };
const secrets = [createHash("sha256").update("of the test").digest()];

function sessionsOn(engine: Engine): Sessions {
  return createSessions({ store: fromExpressStore(engine.open(), quiet), secrets, sweep: false });
}

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

describe.each(Object.entries(ENGINES))(
  `%s keeps the store contract (seed ${seed})`,
  async (_name, start) => {
    const engine = await start();
    const foreign = engine.open();
    const store = fromExpressStore(foreign, quiet);
    const peer = fromExpressStore(foreign, quiet);
    const kit = caseKit({ seed, peer });

    afterAll(async () => {
      await store.close();
      await peer.close();
      await engine.stop();
    });

    it.each(storeCasesFor(store.capabilities))("$name", { timeout: CASE_MS }, ({ run }) =>
      run(store, kit),
    );

    it("serves sessions that a process that knows nothing of them goes on with", async () => {
      const [first, second] = [sessionsOn(engine), sessionsOn(engine)];
      const { session: opened, token } = await first.open({ subject: "alice", data: { a: 1 } });
      const standing = await second.authenticate(token);
      if (standing.state !== "active") throw new Error(`expected active, got ${standing.state}`);
      expect(standing.session.data).toEqual({ a: 1 });
      await standing.session.set("b", 2);
      expect((await first.find(opened.id ?? ""))?.data).toEqual({ a: 1, b: 2 });
      const news: string[] = [];
      second.watch(opened.id ?? "", ({ type }) => news.push(type));
      await second.subject("alice").revokeAll();
      await expect.poll(() => news.at(-1)).toBe("ended");
      expect(await first.authenticate(token)).toEqual({
        state: "ended",
        reason: "subject_revoked",
      });
      expect(await first.subject("alice").count()).toBe(0);
      await Promise.all([first.close(), second.close()]);
    });
  },
);

it("leaves out by name what such a store cannot do, and nothing else", () => {
  const store = fromExpressStore(new session.MemoryStore(), quiet);
  const kept = new Set(storeCasesFor(store.capabilities).map((one) => one.name));
  const missing = storeCases.map((one) => one.name).filter((name) => !kept.has(name));
  expect(missing).toEqual(Object.keys(LEFT_OUT));
});

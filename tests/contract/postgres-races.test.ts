/** Writers on many connections at once: what the locks of the PostgreSQL store are for. */
import { PostgresStore } from "sojourn/stores/postgres";
import { caseKit } from "sojourn/testing";
import type { RevokeResult, SessionRecord } from "sojourn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres } from "../../tools/engines.mjs";
import { poolTo } from "../support/postgres.ts";

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const kit = caseKit({ seed });
const engine = await startPostgres({ args: ["-c", "deadlock_timeout=50ms"] });
const pools = [poolTo(engine.url, 20), poolTo(engine.url, 20)] as const;
const stores = [
  new PostgresStore({ pool: pools[0] }),
  new PostgresStore({ pool: pools[1] }),
] as const;
const [one, two] = stores;

beforeAll(() => one.health());

afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await Promise.all(pools.map((pool) => pool.end()));
  await engine.stop();
});

const end = { reason: "revoked", at: kit.now + 1 } as const;

function storeAt(index: number): PostgresStore {
  return stores[index % 2] ?? one;
}

const LOCK_TIMEOUT = "55P03";

/** Again while it was given up for a lock, which on a busy machine says nothing: it was undone. */
async function patiently<Result>(write: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      const { cause } = error as { readonly cause?: { readonly code?: string } };
      if (cause?.code !== LOCK_TIMEOUT) throw error;
    }
  }
}

async function opened(tenant: string, changes: Partial<SessionRecord> = {}) {
  const record = kit.recordOf({ tenant, ...changes });
  const result = await one.create(record, { now: record.createdAt });
  expect(result.outcome).toBe("created");
  return record;
}

async function deadlocks(): Promise<number> {
  const [pool] = pools;
  await pool.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await pool.query<{ deadlocks: string }>(
    "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
  );
  return Number(rows[0]?.deadlocks);
}

describe(`40 connections to one PostgreSQL server (seed ${seed})`, () => {
  it("keep 400 writes to different keys of one session, all of them (I4)", async () => {
    const record = await opened(kit.tenant());
    const keys = Array.from({ length: 400 }, (_, index) => `key-${index}`);
    const results = await Promise.all(
      keys.map((key, index) => storeAt(index).patchData(record, [{ op: "set", key, value: key }])),
    );
    expect(results.every(({ outcome }) => outcome === "patched")).toBe(true);
    const found = await two.find(record);
    expect(found?.data).toEqual(Object.fromEntries(keys.map((key) => [key, key])));
    expect(found?.dataVersion).toBe(400);
  });

  it("never exceed a limit, and report each evicted session once", async () => {
    const tenant = kit.tenant();
    const limits = { max: 4, onLimit: "evict-idle" } as const;
    const records = Array.from({ length: 120 }, (_, index) =>
      kit.recordOf({ tenant, createdAt: kit.now + index }),
    );
    const results = await Promise.all(
      records.map((record, index) =>
        patiently(() => storeAt(index).create(record, { now: kit.now + 200, limits })),
      ),
    );
    const evicted = results.flatMap((result) =>
      result.outcome === "created" ? result.evicted : [],
    );
    expect(evicted.length).toBe(116);
    expect(new Set(evicted.map(({ record }) => record.id)).size).toBe(116);
    const live = await two.count({ tenant, subject: "alice" }, kit.now + 200);
    expect(live).toEqual({ count: 4, exact: true });
  });

  it("write nothing to a session once its revocation was acknowledged (I1, I2)", async () => {
    const tenant = kit.tenant();
    for (let round = 0; round < 40; round += 1) {
      const record = await opened(tenant, { subject: `user-${round}` });
      const acknowledged: RevokeResult[] = [];
      const late: string[] = [];
      const writer = async (index: number): Promise<void> => {
        const store = storeAt(index);
        for (let turn = 0; turn < 6; turn += 1) {
          const after = acknowledged.length > 0;
          const outcome = await write(store, record, index, turn);
          if (after && outcome !== "gone") late.push(outcome);
        }
      };
      const writers = Array.from({ length: 8 }, (_, index) => writer(index));
      acknowledged.push(await two.revoke(record, end, { now: end.at }));
      await Promise.all(writers);
      expect(late).toEqual([]);
      expect((await one.find(record))?.record.end).toEqual(end);
    }
  });

  it("never let a session live that was revoked with a tombstone while it was opened", async () => {
    const tenant = kit.tenant();
    for (let round = 0; round < 150; round += 1) {
      const record = kit.recordOf({ tenant, subject: null });
      const tombstoneUntil = kit.now + 3_600_000;
      const create = (): Promise<unknown> => one.create(record, { now: kit.now });
      const revoke = (): Promise<unknown> =>
        two.revoke(record, end, { now: end.at, tombstoneUntil });
      await Promise.all(kit.random.chance(0.5) ? [create(), revoke()] : [revoke(), create()]);
      const found = await one.find(record);
      expect(found?.record.state ?? "absent", `round ${round}`).not.toBe("active");
    }
  });

  it("report the end of every session that a revoke-all found open (I5)", async () => {
    const tenant = kit.tenant();
    for (let round = 0; round < 60; round += 1) {
      const subject = `user-${round}`;
      const records = Array.from({ length: 6 }, () => kit.recordOf({ tenant, subject }));
      const opening = records.map((record, index) =>
        storeAt(index).create(record, { now: kit.now }),
      );
      const revoked = await two.revokeSubject(tenant, subject, { now: end.at, end });
      const told = new Set(revoked.ended.map(({ record }) => record.id));
      for (const result of await Promise.all(opening)) {
        if (result.outcome !== "created") throw new Error(result.outcome);
        const below = result.record.epoch < revoked.epoch;
        expect(told.has(result.record.id), `round ${round}`).toBe(below);
        expect((await one.find(result.record))?.record.state).toBe(below ? "ended" : "active");
      }
    }
  });

  it("wait for each other in one order: no deadlock among batches, sweeps and revoke-alls", async () => {
    const tenant = kit.tenant();
    const before = await deadlocks();
    const records = await Promise.all(
      Array.from({ length: 300 }, (_, index) => opened(tenant, { subject: `user-${index % 10}` })),
    );
    const deltas = records.map((record) => ({
      kind: "session" as const,
      session: { record, data: {}, dataVersion: 0, subjectEpoch: 0 },
    }));
    const touching = Array.from({ length: 30 }, (_, index) => {
      const batch = kit.random.shuffle([...records]);
      const seen = batch.map((ref) => ({ ref, seenAt: kit.now + index }));
      return patiently(() => storeAt(index).touch(seen));
    });
    const others = Array.from({ length: 10 }, (_, index) => {
      const store = storeAt(index);
      const subject = `user-${index}`;
      const shuffled = kit.random.shuffle([...deltas]);
      return [
        patiently(() => store.revokeSubject(tenant, subject, { now: end.at, end })),
        patiently(() => store.apply(shuffled, "elsewhere")),
        patiently(() => store.sweep({ now: kit.now + 3_600_000, limit: 50 })),
        patiently(() => store.purgeSubject(tenant, subject, kit.now)),
      ];
    });
    await Promise.all<unknown>([...touching, ...others.flat()]);
    expect(await deadlocks()).toBe(before);
  });

  it("may all start at once on a schema that is not there yet", async () => {
    const schema = "together";
    const starting = Array.from({ length: 12 }, (_, index) => {
      const store = new PostgresStore({ pool: pools[index % 2] ?? pools[0], schema });
      return store.installation({ id: `${index}`, bucketKey: `${index}` });
    });
    const kept = await Promise.all(starting);
    expect(new Set(kept.map(({ id }) => id)).size).toBe(1);
  });
});

/** One of the writes that an honest node makes. @returns how it was answered. */
async function write(
  store: PostgresStore,
  record: SessionRecord,
  index: number,
  turn: number,
): Promise<string> {
  const seenAt = kit.now + index * 100 + turn;
  if (index % 3 === 0) return (await store.touch([{ ref: record, seenAt }]))[0] ?? "";
  if (index % 3 === 1) {
    const operation = { op: "set", key: `${index}`, value: `${turn}` } as const;
    return (await store.patchData(record, [operation])).outcome;
  }
  const found = await store.find(record);
  if (found === undefined) return "absent";
  const decided = { ...found.record, client: `${index}-${turn}` };
  const result = await store.replace(decided, found.record.version);
  // Another writer was first: no answer about the session's end.
  return result === "conflict" ? "gone" : result;
}

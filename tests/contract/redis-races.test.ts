/** What several connections and processes do to one session at the same time. I1–I5. */
import type { SessionRecord, StoredSession } from "sojourn";
import type { RedisStore } from "sojourn/stores/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRacer } from "../support/racers.ts";
import type { Racer } from "../support/racers.ts";
import { redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

const TIMES = 40;

let world: RedisWorld;
let other: Racer;
let stores: readonly [RedisStore, RedisStore, RedisStore];

beforeAll(async () => {
  world = await redisWorld();
  other = startRacer(world.url);
  stores = [world.store(), world.store(), world.store()];
  for (const store of stores) await store.check();
});

afterAll(async () => {
  await other.stop();
  await world.end();
});

function store(index: number): RedisStore {
  return stores[index % 3] ?? stores[0];
}

function record(changes: Partial<SessionRecord> = {}): SessionRecord {
  return world.kit.recordOf({ tenant: world.kit.tenant(), ...changes });
}

async function stored(one: SessionRecord): Promise<StoredSession> {
  const found = await stores[2].find(one);
  if (found === undefined) throw new Error("the session is gone");
  return found;
}

describe("three connections and another process", () => {
  it.each(["reject", "evict-oldest"] as const)(
    "keep a limit of 3 among 160 creates of one subject (%s) [DE-03]",
    async (onLimit) => {
      const { now } = world.kit;
      const first = record();
      const ids = Array.from({ length: TIMES }, () => world.kit.id());
      const plan = { name: "other", act: "create", now, times: TIMES, ids, onLimit } as const;
      const go = await other.ready({ ...plan, record: first });
      const answers = go();
      const limits = { max: 3, onLimit };
      const ours = Array.from({ length: 3 * TIMES }, (_, index) =>
        store(index).create({ ...first, id: world.kit.id() }, { now, limits }),
      );
      const outcomes = (await Promise.all(ours)).map((result) => result.outcome);
      const all = [...outcomes, ...(await answers)];
      const kept = onLimit === "reject" ? 3 : 4 * TIMES;
      expect(all.filter((outcome) => outcome === "created")).toHaveLength(kept);
      expect(all.filter((outcome) => outcome === "limit")).toHaveLength(4 * TIMES - kept);
      const { items } = await stores[1].listBySubject(first.tenant, "alice", { now });
      expect(items).toHaveLength(3);
    },
  );

  it("keep every one of 160 keys of one session, across the move out of the row (I4)", async () => {
    const { now } = world.kit;
    const one = record();
    await stores[0].create(one, { now });
    const plan = { name: "other", act: "patch", now, times: TIMES, record: one } as const;
    const go = await other.ready(plan);
    const answers = go();
    const value = "x".repeat(40);
    const ours = Array.from({ length: 3 * TIMES }, (_, index) =>
      store(index).patchData(one, [{ op: "set", key: `ours-${index}`, value }]),
    );
    expect((await Promise.all(ours)).every((result) => result.outcome === "patched")).toBe(true);
    expect(await answers).toEqual(Array.from({ length: TIMES }, () => "patched"));
    const { data, dataVersion } = await stored(one);
    expect(Object.keys(data)).toHaveLength(4 * TIMES);
    expect(dataVersion).toBe(4 * TIMES);
  });

  it("never write to a session once its revocation was acknowledged (I1, I2)", async () => {
    const { now } = world.kit;
    for (let round = 0; round < 10; round += 1) {
      const one = record();
      await stores[0].create(one, { now, data: { a: "1" } });
      const plan = { name: "other", act: "replace", now, times: 20, record: one } as const;
      const go = await other.ready(plan);
      const answers = go();
      const ours = Array.from({ length: 60 }, (_, index) =>
        index % 2 === 0
          ? store(index).touch([{ ref: one, seenAt: now + index }])
          : store(index).patchData(one, [{ op: "set", key: "a", value: `${index}` }]),
      );
      const end = { reason: "revoked", at: now + 1 } as const;
      await stores[1].revoke(one, end, { now });
      const acknowledged = await stored(one);
      await Promise.all([...ours, answers]);
      expect(await stored(one)).toEqual(acknowledged);
      expect(acknowledged.record.end).toEqual(end);
    }
  });

  it("leave no session of a subject live that was opened before its revoke-all (I5)", async () => {
    const { now } = world.kit;
    for (let round = 0; round < 20; round += 1) {
      const first = record();
      const subjectEpoch = await stores[0].subjectEpoch(first.tenant, "alice");
      const end = { reason: "subject_revoked", at: now } as const;
      const open = (index: number): Promise<unknown> =>
        store(index).create({ ...first, id: world.kit.id() }, { now, subjectEpoch });
      const creates = Array.from({ length: 15 }, (_, index) => open(index));
      const revoked = stores[2].revokeSubject(first.tenant, "alice", { now, end });
      for (let index = 0; index < 15; index += 1) creates.push(open(index));
      await Promise.all(creates);
      await revoked;
      const { items } = await stores[1].listBySubject(first.tenant, "alice", { now });
      expect(items).toEqual([]);
      await stores[0].purgeSubject(first.tenant, "alice", now);
    }
  });

  it("let exactly one of 100 decisions on the same version win [RT-02]", async () => {
    const { now } = world.kit;
    const one = record();
    await stores[0].create(one, { now });
    const go = await other.ready({ name: "other", act: "decide", now, times: 25, record: one });
    const answers = go();
    const decisions = Array.from({ length: 75 }, (_, index) =>
      store(index).replace({ ...one, client: `ours-${index}` }, 1),
    );
    const results = [...(await Promise.all(decisions)), ...(await answers)];
    expect(results.filter((result) => result === "replaced")).toHaveLength(1);
    expect(results.filter((result) => result === "conflict")).toHaveLength(99);
    const winner = results.indexOf("replaced");
    const name = winner < 75 ? `ours-${winner}` : `other-${winner - 75}`;
    expect((await stored(one)).record.client).toBe(name);
  });

  it("replace a session once, whatever ends it meanwhile", async () => {
    const { now } = world.kit;
    for (let round = 0; round < 20; round += 1) {
      const old = record();
      await stores[0].create(old, { now });
      const replaces = { ref: old, dataVersion: 0 };
      const creates = Array.from({ length: 9 }, (_, index) =>
        store(index).create({ ...old, id: world.kit.id() }, { now, replaces }),
      );
      const end = { reason: "revoked", at: now } as const;
      const [revoked, ...results] = await Promise.all([
        store(round).revoke(old, end, { now }),
        ...creates,
      ]);
      const created = results.filter((result) => result.outcome === "created").length;
      expect(created).toBe(revoked.outcome === "ended" ? 0 : 1);
      const { items } = await stores[1].listBySubject(old.tenant, "alice", { now });
      expect(items).toHaveLength(created);
    }
  });

  it("go on when the server forgets every script in the middle", async () => {
    const { now } = world.kit;
    const one = record();
    await stores[0].create(one, { now });
    const patches: Promise<{ outcome: string }>[] = [];
    for (let index = 0; index < 200; index += 1) {
      if (index % 20 === 0) await world.admin.scriptFlush();
      patches.push(store(index).patchData(one, [{ op: "set", key: `${index}`, value: "1" }]));
    }
    expect((await Promise.all(patches)).every((one) => one.outcome === "patched")).toBe(true);
    expect((await stored(one)).dataVersion).toBe(200);
  });
});

it("read and verify with exactly one command for a session they have seen", async () => {
  const { now } = world.kit;
  const one = record();
  await stores[0].create(one, { now });
  await stores[0].find(one);
  const count = async (): Promise<ReadonlyMap<string, number>> => {
    const info = await world.admin.info("commandstats");
    const calls = [...info.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)];
    return new Map(calls.map(([, name = "", number]) => [name, Number(number)]));
  };
  const before = await count();
  for (let reads = 0; reads < 50; reads += 1) await stores[0].find(one);
  const after = await count();
  const moved = [...after].filter(([name, calls]) => calls !== (before.get(name) ?? 0));
  expect(moved.map(([name]) => name).toSorted()).toEqual(["info", "mget"]);
  expect((after.get("mget") ?? 0) - (before.get("mget") ?? 0)).toBe(50);
});

it("let the sweep of several workers end each session once", async () => {
  const { now } = world.kit;
  const tenant = world.kit.tenant();
  const sessions = Array.from({ length: 700 }, (_, index) =>
    world.kit.recordOf({ tenant, subject: `user-${index % 90}`, idleMs: 1_000 }),
  );
  await Promise.all(sessions.map((one) => stores[0].create(one, { now })));
  const later = now + 2_000;
  const ended = new Map<string, number>();
  const work = async (worker: RedisStore): Promise<void> => {
    for (let more = true; more;) {
      const result = await worker.sweep({ now: later, limit: 100 });
      for (const {
        record: { id },
      } of result.ended)
        ended.set(id, (ended.get(id) ?? 0) + 1);
      ({ more } = result);
    }
  };
  await Promise.all(stores.map(work));
  for (const { id } of sessions) expect(ended.get(id)).toBe(1);
});

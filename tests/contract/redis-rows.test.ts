/**
 * Rows in both of their forms: whatever the scripts make of one, it says what the reference says.
 * The cases lie at the edges, where a write makes a narrow row wide.
 */
import { MemoryStore } from "sojourn";
import type { SessionRecord, SessionStore } from "sojourn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

const FORM = { narrow: 2, wide: 3 } as const;
const MINUTE = 60_000;
const SECRET = "v".repeat(32);

let world: RedisWorld;

beforeAll(async () => void (world = await redisWorld()));
afterAll(() => world.end());

function record(changes: Partial<SessionRecord> = {}): SessionRecord {
  const { kit } = world;
  // As ids of the library, of the region 0; the subject's bucket is another one.
  const id = `A${kit.id().slice(1)}`;
  const one = kit.recordOf({ tenant: "default", subject: kit.id(), id });
  const rotation = { ...one.rotation, verifier: SECRET };
  return { ...one, rotation, ...changes };
}

async function formOf({ id }: SessionRecord): Promise<number | undefined> {
  const [key = ""] = await world.admin.keys(`{*}*${id.slice(1)}`);
  return String(await world.admin.getRange(key, 0, 0)).codePointAt(0);
}

function pendingOf(one: SessionRecord, generation = 2): SessionRecord["rotation"] {
  const at = one.createdAt + 1000;
  const pending = { generation, verifier: SECRET, sealed: "s".repeat(72) };
  const times = { issuedAt: at, sentAt: at };
  return { ...one.rotation, lastIssued: generation, pending: { ...pending, ...times } };
}

/** Every write there is, on both; after each, both must say the same. */
async function live(one: SessionRecord, seenAt: number): Promise<void> {
  const { now } = world.kit;
  const stores: readonly SessionStore[] = [world.store(), new MemoryStore()];
  const data = { theme: '"dark"' };
  const both = async (step: (store: SessionStore) => Promise<unknown>): Promise<void> => {
    const [ours, theirs] = await Promise.all(stores.map(step));
    expect(ours).toEqual(theirs);
    const [found, wanted] = await Promise.all(stores.map((store) => store.find(one)));
    expect(found).toEqual(wanted);
  };
  const silent = async (step: (store: SessionStore) => Promise<unknown>): Promise<void> =>
    both(async (store) => void (await step(store)));
  await silent((store) => store.create(one, { now, data }));
  const rotation = { ...pendingOf(one), confirmedAt: one.createdAt + 5 };
  const version = one.version + 1;
  await both((store) => store.touch([{ ref: one, seenAt }]));
  await both((store) => store.replace({ ...one, version, rotation }, one.version));
  const sent = { generation: 2, at: seenAt + 7 };
  await both((store) => store.touch([{ ref: one, seenAt: seenAt + 1, sent }]));
  await both((store) => store.patchData(one, [{ op: "set", key: "cart", value: '"x"' }]));
  const big = `"${"x".repeat(2_000)}"`;
  await both((store) => store.patchData(one, [{ op: "set", key: "big", value: big }]));
  await both((store) => store.patchData(one, [{ op: "delete", key: "theme" }]));
  const { tenant, subject } = one;
  const end = { reason: "subject_revoked", at: now + 1 } as const;
  if (subject !== null) {
    const options = { now, except: one.id, end };
    await silent((store) => store.revokeSubject(tenant, subject, options));
    await both((store) => store.listBySubject(tenant, subject, { now }));
  }
  // Filed anew: activity has put its end off.
  await silent((store) => store.sweep({ now: now + 31 * MINUTE, limit: 100 }));
  const said = { cause: "a cause", actor: "an actor" };
  const ended = { reason: "logout", at: now + 2, ...said } as const;
  await silent((store) => store.revoke(one, ended, { now }));
  await silent((store) => store.sweep({ now: now + 2, limit: 100, purgeBefore: now + 3 }));
  for (const store of stores) expect(await store.find(one)).toBeUndefined();
}

describe("a row says what the reference says, whatever is written to it", () => {
  const roles = Array.from({ length: 60 }, (_, index) => `role-${index}`);
  const cases: readonly (readonly [string, (now: number) => Partial<SessionRecord>])[] = [
    ["that is as usual", () => ({})],
    ["without a subject", () => ({ subject: null })],
    ["of another region", () => ({ id: `Q${world.kit.id().slice(1)}` })],
    ["with an id of another make", () => ({ id: `own.${world.kit.id()}` })],
    ["of another tenant", () => ({ tenant: world.kit.tenant() })],
    ["whose version outgrows two bytes", () => ({ version: 65_534 })],
    ["whose epoch does", () => ({ epoch: 65_535 })],
    ["with an idle span that is not in seconds", () => ({ idleMs: 30 * MINUTE + 1 })],
    ["with a long subject", () => ({ subject: `${world.kit.id()}${"s".repeat(300)}` })],
    ["with a long cold part", () => ({ roles })],
    ["seen before it was made", (now) => ({ createdAt: now, seenAt: now - 1000 })],
    ["that idleness locks", () => ({ idleLockFactors: 2 })],
    ["that is locked", () => ({ state: "locked", lockFactors: 3 })],
    [
      "with verifiers of another size",
      () => ({ rotation: { ...record().rotation, verifier: "short" } }),
    ],
  ];

  it.each(cases)("%s", async (_what, changes) => {
    const { now } = world.kit;
    await live(record(changes(now)), now + 10 * MINUTE);
  });
});

describe("the form of a row", () => {
  it("is narrow for a usual session, and becomes wide by the write that needs it", async () => {
    const { now } = world.kit;
    const store = world.store();
    const usual = record();
    await store.create(usual, { now });
    expect(await formOf(usual)).toBe(FORM.narrow);

    const versions = record({ version: 65_534 });
    await store.create(versions, { now });
    await store.replace({ ...versions, version: 65_535 }, 65_534);
    expect(await formOf(versions)).toBe(FORM.narrow);
    await store.replace({ ...versions, version: 65_536 }, 65_535);
    expect(await formOf(versions)).toBe(FORM.wide);
    expect((await store.find(versions))?.record.version).toBe(65_536);
  });

  it("becomes wide by the epoch that the subject has got, at creation and when it is raised", async () => {
    const { now } = world.kit;
    const store = world.store();
    const first = record();
    const { tenant, subject } = first;
    const whose = { tenant, subject: subject ?? "" };
    await store.apply([{ kind: "epoch", ...whose, epoch: 65_535 }], "elsewhere");
    await store.create(first, { now });
    expect(await formOf(first)).toBe(FORM.narrow);
    const end = { reason: "subject_revoked", at: now } as const;
    await store.revokeSubject(tenant, whose.subject, { now, except: first.id, end });
    expect(await formOf(first)).toBe(FORM.wide);
    const second = record({ subject });
    await store.create(second, { now });
    expect(await formOf(second)).toBe(FORM.wide);
    for (const one of [first, second]) {
      const found = await store.find(one);
      expect([found?.record.epoch, found?.record.state]).toEqual([65_536, "active"]);
    }
  });
});

describe("what a script keeps of a row that it writes anew", () => {
  it("has an activity before the session was made", async () => {
    const { now } = world.kit;
    const store = world.store();
    const one = record({ createdAt: now, seenAt: now - 1000 });
    await store.create(one, { now });
    await store.patchData(one, [{ op: "set", key: "a", value: "1" }]);
    expect((await store.find(one))?.record.seenAt).toBe(now - 1000);
  });

  it("has whether idleness locks from the last decision", async () => {
    const { now } = world.kit;
    const store = world.store();
    const [locks, ends] = [record(), record({ idleLockFactors: 2 })];
    for (const one of [locks, ends]) await store.create(one, { now });
    await store.replace({ ...locks, version: 2, idleLockFactors: 2 }, 1);
    await store.replace({ ...ends, version: 2, idleLockFactors: 0 }, 1);
    await store.sweep({ now: now + 31 * MINUTE, limit: 100 });
    const states = [locks, ends].map(async (one) => (await store.find(one))?.record.state);
    expect(await Promise.all(states)).toEqual(["active", "ended"]);
  });
});

describe("the tail", () => {
  it("tells the whole id of the session that a revoke-all leaves", async () => {
    const { now } = world.kit;
    const store = world.store();
    const [plain, far] = [record(), record({ id: `Q${world.kit.id().slice(1)}` })];
    const told: (string | undefined)[] = [];
    let proofs = 0;
    const subscription = store.tail("now", {
      change: (change) => {
        if (change.kind === "subject") told.push(change.except);
      },
      frontier: () => void (proofs += 1),
    });
    await expect.poll(() => proofs).toBeGreaterThan(0);
    for (const one of [plain, far]) {
      await store.create(one, { now });
      const end = { reason: "subject_revoked", at: now } as const;
      await store.revokeSubject(one.tenant, one.subject ?? "", { now, except: one.id, end });
    }
    await expect.poll(() => told.length).toBe(2);
    expect(new Set(told)).toEqual(new Set([plain.id, far.id]));
    subscription.close();
  });
});

/** Merging copies from elsewhere: commutative, associative, idempotent, and never a revival. I9. */
import type { SessionStore, StoreDelta, StoredSession } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { hold, same } from "../expect.ts";
import { ABSOLUTE_MS, found, IDLE_MS, MINUTE_MS, opened, refOf, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";
import { sweepAll } from "./sweep.ts";

function sessionDelta(record: SessionRecord, changes: Partial<StoredSession> = {}): StoreDelta {
  const session = { record, data: {}, dataVersion: 0, subjectEpoch: 0, ...changes };
  return { kind: "session", session };
}

/** Copies of one session as different places may hold it: few values, so that ties are common. */
function copies(kit: CaseKit, record: SessionRecord): readonly StoreDelta[] {
  const { random } = kit;
  return Array.from({ length: random.int(2, 6) }, () => {
    const { lockFactors: _none, ...base } = record;
    const state = random.pick(["active", "active", "locked", "ended"] as const);
    const copy: SessionRecord = {
      ...base,
      state,
      version: random.int(1, 3),
      epoch: random.int(0, 1),
      seenAt: kit.now + random.int(0, 3),
      absoluteExpiresAt: kit.now + ABSOLUTE_MS - random.int(0, 2),
      client: random.pick(["a", "b"]),
      ...(state === "locked" ? { lockFactors: random.int(1, 2) } : {}),
      ...(state === "ended" ? { end: revoked(kit.now + random.int(1, 3)) } : {}),
    };
    const data: Record<string, string> = { k: random.pick(["1", "2"]) };
    return sessionDelta(copy, { data, dataVersion: random.int(1, 3), subjectEpoch: 0 });
  });
}

/** The same deltas under another id, for the same engine to merge in another order. */
function renamed(deltas: readonly StoreDelta[], id: string): readonly StoreDelta[] {
  return deltas.map((delta) =>
    delta.kind === "session"
      ? { kind: "session", session: { ...delta.session, record: { ...delta.session.record, id } } }
      : delta,
  );
}

async function state(store: SessionStore, tenant: string, id: string): Promise<unknown> {
  const stored = await store.find({ tenant, id });
  return stored && { ...stored, record: { ...stored.record, id: "" } };
}

export const applyCases: readonly StoreCase[] = [
  {
    name: "keeps the same bytes whatever the order and repetition of copies (I9)",
    slow: true,
    async run(store, kit) {
      const tenant = kit.tenant();
      for (let round = 0; round < 40; round += 1) {
        const subject = `user-${round}`;
        const first = kit.recordOf({ tenant, subject });
        const deltas = copies(kit, first);
        const ids = [first.id, ...[1, 2].map(() => kit.recordOf({ tenant, subject }).id)];
        const orders = [deltas, deltas.toReversed(), kit.random.shuffle([...deltas, ...deltas])];
        for (const [index, order] of orders.entries()) {
          const mine = renamed(order, ids[index] ?? "");
          if (kit.random.chance(0.5)) await store.apply(mine, "elsewhere");
          else for (const delta of mine) await store.apply([delta], "elsewhere");
        }
        const states = await Promise.all(ids.map((id) => state(store, tenant, id)));
        same(states[1], states[0], "the session merged in reverse");
        same(states[2], states[0], "the session merged twice and shuffled");
        const anyEnded = deltas.some(
          (delta) => delta.kind === "session" && delta.session.record.state === "ended",
        );
        const stored = await found(store, first);
        same(stored.record.state === "ended", anyEnded, "an end wins over none");
      }
    },
  },
  {
    name: "keeps the latest activity, the earliest absolute end and the higher versions",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      await opened(store, record, { data: { a: "here" } });
      await store.touch([{ ref: record, seenAt: kit.now + 50 }]);
      const elsewhere = {
        ...record,
        version: 3,
        client: "elsewhere",
        seenAt: kit.now + 20,
        absoluteExpiresAt: record.absoluteExpiresAt - 5,
      };
      await store.apply([sessionDelta(elsewhere, { data: { b: "there" }, dataVersion: 9 })], "r2");
      const merged = await found(store, record);
      same(merged.record, { ...elsewhere, seenAt: kit.now + 50 }, "the merged record");
      same(
        [merged.data, merged.dataVersion],
        [{ b: "there" }, 9],
        "the data of the higher version",
      );
      const older = { ...record, client: "old", absoluteExpiresAt: record.absoluteExpiresAt + 99 };
      await store.apply([sessionDelta(older, { data: { c: "old" }, dataVersion: 2 })], "r3");
      same(await found(store, record), merged, "after an older copy");
      same(await store.replace({ ...record, client: "next" }, 3), "replaced", "a decision on it");
    },
  },
  {
    name: "keeps a session that arrives writable, listed, limited and swept like any other",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      await store.apply([sessionDelta(record, { data: { a: "1" }, dataVersion: 4 })], "r2");
      const stored = await found(store, record);
      same(
        [stored.record, stored.data, stored.dataVersion],
        [record, { a: "1" }, 4],
        "the session",
      );
      same((await listed(store, tenant, "alice", kit.now)).length, 1, "the list");
      const limits = { max: 1, onLimit: "reject" } as const;
      const refused = await store.create(kit.recordOf({ tenant }), { now: kit.now, limits });
      same(refused.outcome, "limit", "the limit counts it");
      same(await store.create(record, { now: kit.now }), { outcome: "exists" }, "its id is taken");
      const swept = await sweepAll(store, tenant, kit.now + IDLE_MS);
      same(
        swept.map((one) => one.record.id),
        [record.id],
        "the sweep ends it",
      );
    },
  },
  {
    name: "never makes an ended or purged session live (I1, I9)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const ended = kit.recordOf({ tenant });
      const purged = kit.recordOf({ tenant });
      const erased = kit.recordOf({ tenant, subject: "bob" });
      const expired = kit.recordOf({ tenant, idleMs: MINUTE_MS });
      for (const record of [ended, purged, erased, expired]) await opened(store, record);
      await store.revoke(purged, revoked(kit.now + 1), { now: kit.now + 1 });
      await sweepAll(store, tenant, kit.now + MINUTE_MS, kit.now + 2);
      await store.revoke(ended, revoked(kit.now + 3), { now: kit.now + 3 });
      await store.purgeSubject(tenant, "bob", kit.now + 3);
      for (const record of [ended, purged, erased, expired]) {
        const newer = { ...record, version: 50, epoch: 50, seenAt: kit.now + 2 * MINUTE_MS };
        await store.apply([sessionDelta(newer, { dataVersion: 50, subjectEpoch: 50 })], "r2");
        const stored = await store.find(record);
        hold(stored === undefined || stored.record.state === "ended", "it stays ended");
        same(await store.create(record, { now: kit.now + 4 }), { outcome: "exists" }, "its id");
        const touched = await store.touch([{ ref: record, seenAt: kit.now + MINUTE_MS - 1 }]);
        same(touched, ["gone"], "a touch");
      }
      for (const subject of ["alice", "bob"]) {
        same(await listed(store, tenant, subject, kit.now + 4), [], "live sessions");
      }
    },
  },
  {
    name: "keeps a tombstone above any copy, before it or after it (I9)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [before, after] = [kit.recordOf({ tenant }), kit.recordOf({ tenant })];
      const until = kit.now + ABSOLUTE_MS;
      const stone = (record: SessionRecord): StoreDelta => ({
        kind: "tombstone",
        ref: refOf(record),
        until,
      });
      await store.apply([stone(before), sessionDelta(before)], "r2");
      await store.apply([sessionDelta(after)], "r2");
      await store.apply([stone(after)], "r2");
      await store.apply([sessionDelta(after)], "r2");
      for (const record of [before, after]) {
        const stored = await store.find(record);
        hold(stored === undefined || stored.record.state === "ended", "it is not live");
        same(await store.create(record, { now: until - 1 }), { outcome: "exists" }, "its id");
      }
      same(await listed(store, tenant, "alice", kit.now), [], "live sessions");
    },
  },
  {
    name: "keeps the highest epoch and the earliest end",
    async run(store, kit) {
      const tenant = kit.tenant();
      const epochs = [2, 5, 3].map((epoch): StoreDelta => ({
        kind: "epoch",
        tenant,
        subject: "alice",
        epoch,
      }));
      await store.apply(epochs, "r2");
      same(await store.subjectEpoch(tenant, "alice"), 5, "the epoch");
      const { epoch } = await store.revokeSubject(tenant, "alice", {
        now: kit.now,
        end: revoked(kit.now),
      });
      hold(epoch > 5, "the next epoch is above it");
      const record = kit.recordOf({ tenant, subject: "bob" });
      await opened(store, record);
      await store.revoke(record, revoked(kit.now + 9), { now: kit.now + 9 });
      for (const at of [kit.now + 20, kit.now + 4, kit.now + 6]) {
        await store.apply([sessionDelta({ ...record, state: "ended", end: revoked(at) })], "r2");
      }
      same((await found(store, record)).record.end, revoked(kit.now + 4), "the earliest end");
    },
  },
];

/** Revocation: monotone, idempotent, and the last word over every write in flight. I1, I2. */
import type { SessionRef, SessionStore, StoreDelta } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { hold, same } from "../expect.ts";
import {
  ABSOLUTE_MS,
  found,
  handles,
  HOUR_MS,
  IDLE_MS,
  opened,
  refOf,
  revoked,
} from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";
import { sweepAll } from "./sweep.ts";

/** Every write that is not a revocation, as a client with an old read would make it. */
function writesOn(
  record: SessionRecord,
  seenAt: number,
): readonly ((store: SessionStore) => Promise<unknown>)[] {
  const ref = refOf(record);
  return [
    (store) => store.touch([{ ref, seenAt }]),
    (store) => store.touch([{ ref, sent: { generation: 2, at: seenAt } }]),
    (store) => store.patchData(ref, [{ op: "set", key: "late", value: "1" }]),
    (store) => store.patchData(ref, [{ op: "set", key: "late", value: "1" }], 0),
    (store) => store.replace({ ...record, seenAt, client: "late" }, 1),
    (store) => store.create({ ...record, createdAt: seenAt, seenAt }, { now: seenAt }),
    (store) => store.apply([copyOf(record, seenAt)], "elsewhere"),
  ];
}

/** The session as a place that did not hear of its end would send it. */
function copyOf(record: SessionRecord, seenAt: number): StoreDelta {
  const session = {
    record: { ...record, seenAt, version: 9 },
    data: {},
    dataVersion: 0,
    subjectEpoch: 0,
  };
  return { kind: "session", session };
}

async function assertEnded(store: SessionStore, ref: SessionRef, at: number): Promise<void> {
  const { record } = await found(store, ref);
  same([record.state, record.end], ["ended", revoked(at)], "a revoked session");
}

export const revokeCases: readonly StoreCase[] = [
  {
    name: "keeps the first end, its cause and its actor (I2)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant, state: "locked", lockFactors: 1 });
      await opened(store, record, { data: { a: "1" } });
      const first = await store.revoke(record, revoked(kit.now + 1), { now: kit.now + 1 });
      same([first.outcome, first.end], ["ended", revoked(kit.now + 1)], "the first revocation");
      same([first.record?.id, first.record?.subject], [record.id, "alice"], "whose it was");
      const { durability } = store.capabilities;
      hold(
        durability.includes(first.durability) || first.durability === "unknown",
        "an honest durability (I8)",
      );
      const other = { reason: "logout", at: kit.now + 2 } as const;
      const second = await store.revoke(record, other, { now: kit.now + 2 });
      same([second.outcome, second.end], ["already", revoked(kit.now + 1)], "the second one");
      await assertEnded(store, record, kit.now + 1);
      const stored = await found(store, record);
      same(stored.data, { a: "1" }, "the data of the ended session");
      hold(stored.record.lockFactors === undefined, "a lock ends with the session");
      same(await listed(store, tenant, "alice", kit.now + 1), [], "the list afterwards");
    },
  },
  {
    name: "refuses every kind of write after a revocation (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const at = kit.now + 1;
      await store.revoke(record, revoked(at), { now: at });
      const before = await found(store, record);
      for (const write of writesOn(record, kit.now + 5000)) {
        await write(store);
        await assertEnded(store, record, at);
      }
      const after = await found(store, record);
      same([after.data, after.dataVersion], [before.data, before.dataVersion], "the data");
      same(await listed(store, record.tenant, "alice", kit.now + 5000), [], "the list");
    },
  },
  {
    name: "never loses a revocation to writes in flight, in whatever order they arrive (I1)",
    slow: true,
    async run(store, kit) {
      const stores = handles(store, kit);
      const tenant = kit.tenant();
      for (let round = 0; round < 50; round += 1) {
        const record = kit.recordOf({ tenant, subject: `user-${round}` });
        await opened(store, record);
        const at = kit.now + 1;
        const revoke = (target: SessionStore): Promise<unknown> =>
          target.revoke(record, revoked(at), { now: at });
        const race = kit.random.shuffle([...writesOn(record, kit.now + 2), revoke]);
        await Promise.all(race.map((run, index) => run(stores[index % 2] ?? store)));
        await assertEnded(store, record, at);
        same(await listed(store, tenant, `user-${round}`, at), [], "live sessions");
      }
    },
  },
  {
    name: "reports the end of a session to one of 20 simultaneous revocations",
    async run(store, kit) {
      const stores = handles(store, kit);
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (stores[index % 2] ?? store).revoke(record, revoked(kit.now + index), {
            now: kit.now + 20,
          }),
        ),
      );
      const enders = results.filter((result) => result.outcome === "ended");
      same(enders.length, 1, "revocations that ended it");
      for (const result of results) {
        hold(result.outcome !== "absent", "it was there");
        same(result.end, enders[0]?.end, "the end that everyone is told");
      }
    },
  },
  {
    name: "answers `absent` for an id never seen, and for another tenant's, and creates nothing",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const foreign = { tenant: kit.tenant(), id: record.id };
      for (const ref of [{ tenant: record.tenant, id: kit.id() }, foreign]) {
        const result = await store.revoke(ref, revoked(kit.now), { now: kit.now });
        same(result.outcome, "absent", "revocation of what is not there");
        hold((await store.find(ref)) === undefined, "it leaves nothing to find");
      }
      same((await found(store, record)).record.state, "active", "the session of the other tenant");
    },
  },
  {
    name: "never lets an absent id that was revoked with a tombstone become live (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      const until = kit.now + ABSOLUTE_MS;
      const result = await store.revoke(record, revoked(kit.now), {
        now: kit.now,
        tombstoneUntil: until,
      });
      same(result.outcome, "absent", "there was no session");
      await store.apply([copyOf(record, kit.now + 1)], "elsewhere");
      same(await store.create(record, { now: kit.now + 1 }), { outcome: "exists" }, "create");
      same(await store.create(record, { now: until - 1 }), { outcome: "exists" }, "create, late");
      same(await listed(store, record.tenant, "alice", kit.now + 1), [], "live sessions");
      same(await store.touch([{ ref: record, seenAt: kit.now + 2 }]), ["gone"], "a touch");
    },
  },
  {
    name: "reports an overdue session's end once, whether revocation or sweep comes first",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + IDLE_MS;
      const first = kit.recordOf({ tenant });
      const second = kit.recordOf({ tenant });
      await opened(store, first);
      await opened(store, second);
      const revocation = await store.revoke(first, revoked(now), { now });
      same((await found(store, first)).record.state, "ended", "stored as ended once acknowledged");
      const swept = await sweepAll(store, tenant, now + HOUR_MS);
      const reported = swept.map((one) => one.record.id);
      if (revocation.outcome === "ended") reported.push(first.id);
      same(reported.toSorted(), [first.id, second.id].toSorted(), "ends reported");
      const late = await store.revoke(second, revoked(now), { now });
      const end = { reason: "idle_timeout", at: kit.now + IDLE_MS };
      same([late.outcome, late.end], ["already", end], "revocation after the sweep");
    },
  },
];

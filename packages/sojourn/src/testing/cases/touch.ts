/** `touch`: max-merge of activity. Never creates, revives, unlocks or goes back. */
import { hold, same } from "../expect.ts";
import {
  ABSOLUTE_MS,
  found,
  handles,
  HOUR_MS,
  IDLE_MS,
  opened,
  pendingToken,
  revoked,
} from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";
import { sweepAll } from "./sweep.ts";

export const touchCases: readonly StoreCase[] = [
  {
    name: "keeps the latest activity and leaves version and data alone",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { a: "1" } });
      const before = await found(store, record);
      for (const [seenAt, expected] of [
        [kit.now + 500, kit.now + 500],
        [kit.now + 200, kit.now + 500],
        [kit.now - 1, kit.now + 500],
        [kit.now + 501, kit.now + 501],
      ] as const) {
        same(await store.touch([{ ref: record, seenAt }]), ["touched"], "touch of a live session");
        const after = await found(store, record);
        same(after, { ...before, record: { ...record, seenAt: expected } }, "the session");
      }
    },
  },
  {
    name: "answers every entry of a batch, in its order",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [a, b, ended] = [
        kit.recordOf({ tenant }),
        kit.recordOf({ tenant }),
        kit.recordOf({ tenant }),
      ];
      for (const record of [a, b, ended]) await opened(store, record);
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      const absent = { tenant, id: kit.id() };
      const results = await store.touch([
        { ref: absent, seenAt: kit.now + 10 },
        { ref: a, seenAt: kit.now + 30 },
        { ref: ended, seenAt: kit.now + 10 },
        { ref: b, seenAt: kit.now + 20 },
        { ref: a, seenAt: kit.now + 10 },
      ]);
      same(results, ["gone", "touched", "gone", "touched", "touched"], "results");
      same((await found(store, a)).record.seenAt, kit.now + 30, "the latest of two entries");
      same((await found(store, b)).record.seenAt, kit.now + 20, "the other session");
      hold((await store.find(absent)) === undefined, "a touch creates nothing");
      same(await store.touch([]), [], "an empty batch");
    },
  },
  {
    name: "changes nothing about a session that was revoked, swept or ended by its epoch (I1)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const ended = kit.recordOf({ tenant });
      const expired = kit.recordOf({ tenant });
      const below = kit.recordOf({ tenant, subject: "bob", idleMs: ABSOLUTE_MS });
      for (const record of [ended, expired, below]) await opened(store, record);
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      await store.apply([{ kind: "epoch", tenant, subject: "bob", epoch: 9 }], "elsewhere");
      await sweepAll(store, tenant, kit.now + HOUR_MS);
      for (const ref of [ended, expired, below]) {
        const before = await store.find(ref);
        const touches = [
          { ref, seenAt: kit.now + 2 },
          { ref, seenAt: kit.now + 2 * HOUR_MS },
        ];
        same(await store.touch(touches), ["gone", "gone"], "touches of an ended session");
        same(await store.find(ref), before, "the session afterwards");
      }
    },
  },
  {
    name: "never revives a session by activity at or past its idle deadline (I1, I6)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const late = kit.recordOf({ tenant });
      const intime = kit.recordOf({ tenant });
      const locking = kit.recordOf({ tenant, idleLockFactors: 1 });
      for (const record of [late, intime, locking]) await opened(store, record);
      const deadline = kit.now + IDLE_MS;
      const results = await store.touch([
        { ref: late, seenAt: deadline },
        { ref: intime, seenAt: deadline - 1 },
        { ref: locking, seenAt: deadline },
      ]);
      same(results[0], "gone", "activity exactly at the deadline");
      same(results[1], "touched", "activity one millisecond before it");
      same((await found(store, late)).record.seenAt, kit.now, "the session that idled out");
      same((await found(store, locking)).record.seenAt, kit.now, "the one that idleness locked");
      const live = await listed(store, tenant, "alice", deadline);
      same(live.map((one) => one.id).toSorted(), [intime.id, locking.id].toSorted(), "who lives");
    },
  },
  {
    name: "keeps the absolute deadline where it is, whatever the activity (I11)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant(), idleMs: ABSOLUTE_MS });
      await opened(store, record);
      await store.touch([{ ref: record, seenAt: kit.now + ABSOLUTE_MS - 1 }]);
      const stored = (await found(store, record)).record;
      same(stored.absoluteExpiresAt, kit.now + ABSOLUTE_MS, "the absolute deadline");
      same(await listed(store, record.tenant, "alice", kit.now + ABSOLUTE_MS), [], "live at it");
    },
  },
  {
    name: "keeps the last sending of the pending token of that generation only",
    async run(store, kit) {
      const plain = kit.recordOf({ tenant: kit.tenant() });
      const rotation = { ...plain.rotation, lastIssued: 2, pending: pendingToken(2, kit.now) };
      await opened(store, { ...plain, rotation });
      for (const [generation, at, expected] of [
        [2, kit.now + 3000, kit.now + 3000],
        [2, kit.now + 2000, kit.now + 3000],
        [1, kit.now + 9000, kit.now + 3000],
        [3, kit.now + 9000, kit.now + 3000],
      ] as const) {
        same(await store.touch([{ ref: plain, sent: { generation, at } }]), ["touched"], "touch");
        const { record } = await found(store, plain);
        same(record.rotation.pending?.sentAt, expected, "when the pending token was last sent");
        same([record.seenAt, record.version], [kit.now, 1], "activity and version");
      }
      await store.touch([
        { ref: plain, seenAt: kit.now + 7, sent: { generation: 2, at: kit.now + 4000 } },
      ]);
      const { record } = await found(store, plain);
      same([record.seenAt, record.rotation.pending?.sentAt], [kit.now + 7, kit.now + 4000], "both");
    },
  },
  {
    name: "keeps the latest of 40 simultaneous touches",
    async run(store, kit) {
      const stores = handles(store, kit);
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const instants = kit.random.shuffle(Array.from({ length: 40 }, (_, n) => kit.now + n * 10));
      await Promise.all(
        instants.map((seenAt, index) =>
          (stores[index % 2] ?? store).touch([{ ref: record, seenAt }]),
        ),
      );
      same((await found(store, record)).record.seenAt, kit.now + 390, "the latest activity");
    },
  },
];

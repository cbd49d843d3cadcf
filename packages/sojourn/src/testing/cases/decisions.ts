/** `replace`: compare-and-set of decisions that keeps what monotone writes moved meanwhile. */
import type { SessionRecord } from "../../engine/record.ts";
import { hold, same } from "../expect.ts";
import {
  ABSOLUTE_MS,
  found,
  HOUR_MS,
  MINUTE_MS,
  opened,
  pendingToken,
  refOf,
  revoked,
} from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";
import { sweepAll } from "./sweep.ts";

function withPending(record: SessionRecord, generation: number, sentAt: number): SessionRecord {
  const pending = pendingToken(generation, sentAt);
  return { ...record, rotation: { ...record.rotation, lastIssued: generation, pending } };
}

export const decisionCases: readonly StoreCase[] = [
  {
    name: "finds many at once, each as it is: present, ended, foreign, absent, and asked for twice",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [one, two, ended] = [1, 2, 3].map(() => kit.recordOf({ tenant }));
      if (one === undefined || two === undefined || ended === undefined) return;
      await opened(store, one, { data: { a: "1" } });
      await opened(store, two, { data: { b: "2" } });
      await opened(store, ended);
      await store.revoke(refOf(ended), revoked(kit.now + 1), { now: kit.now + 1 });
      const absent = refOf(kit.recordOf({ tenant }));
      const foreign = { tenant: kit.tenant(), id: one.id };
      const refs = [one, absent, two, foreign, ended, two].map(refOf);
      const alone = [];
      for (const ref of refs) alone.push(await store.find(ref));
      const among = await Promise.all(refs.map((ref) => store.find(ref)));
      same(among, alone, "what is found at once, and one by one");
      const ids = among.map((stored) => stored?.record.id);
      same(ids, [one.id, undefined, two.id, undefined, ended.id, two.id], "ids in their order");
      // More than any statement takes.
      const many = await Promise.all(Array.from({ length: 250 }, () => store.find(refOf(two))));
      hold(
        many.every((stored) => stored?.data["b"] === "2"),
        "one that is asked for often is found each time",
      );
    },
  },
  {
    name: "finds nothing for an id never seen, and creates nothing by looking or replacing",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      hold((await store.find(record)) === undefined, "find of an id never seen");
      same(await store.replace(record, 1), "gone", "replace of an id never seen");
      hold((await store.find(record)) === undefined, "find after replace");
      await opened(store, record);
    },
  },
  {
    name: "changes nothing when a decision was made on another version",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const renamed = { ...record, client: "first" };
      same(await store.replace(renamed, 1), "replaced", "replace of the stored version");
      const before = await found(store, record);
      for (const version of [0, 1, 3]) {
        const late = { ...record, client: "late" };
        same(await store.replace(late, version), "conflict", `replace of version ${version}`);
      }
      same(await found(store, record), before, "the session after lost races");
    },
  },
  {
    name: "keeps a decision as the version after the one it was made on, whatever it claims",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant, state: "locked", lockFactors: 2, roles: ["staff"] });
      await opened(store, withPending(record, 2, kit.now));
      const { lockFactors: _lifted, roles: _dropped, ...rest } = record;
      const key = {
        tier: "dbsc",
        key: "{}",
        thumbprint: "t",
        boundAt: kit.now,
        proofs: 0,
      } as const;
      const changed = { ...rest, version: 77, client: "app", binding: key };
      const decision: SessionRecord = { ...changed, state: "active" };
      same(await store.replace(decision, 1), "replaced", "replace");
      const stored = (await found(store, record)).record;
      same(stored, { ...decision, version: 2 }, "the stored decision, absent fields absent");
    },
  },
  {
    name: "keeps the later activity when a touch came between load and write",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await store.touch([{ ref: record, seenAt: kit.now + 5000 }]);
      await store.replace({ ...record, seenAt: kit.now + 1000 }, 1);
      same((await found(store, record)).record.seenAt, kit.now + 5000, "after an older decision");
      await store.replace({ ...record, seenAt: kit.now + 9000 }, 2);
      same((await found(store, record)).record.seenAt, kit.now + 9000, "after a newer decision");
    },
  },
  {
    name: "keeps the later sending of the same pending token, and of no other",
    async run(store, kit) {
      const record = withPending(kit.recordOf({ tenant: kit.tenant() }), 2, kit.now);
      await opened(store, record);
      await store.touch([{ ref: record, sent: { generation: 2, at: kit.now + 4000 } }]);
      await store.replace({ ...record, client: "a" }, 1);
      const kept = (await found(store, record)).record.rotation.pending;
      const resent = { ...pendingToken(2, kit.now), sentAt: kit.now + 4000 };
      same(kept, resent, "the same pending token");
      await store.replace(withPending(record, 3, kit.now + 2000), 2);
      const next = (await found(store, record)).record.rotation.pending;
      same(next, pendingToken(3, kit.now + 2000), "another pending token");
    },
  },
  {
    name: "keeps the epoch that was raised between load and write",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const { epoch } = await store.revokeSubject(record.tenant, "alice", {
        now: kit.now + 1,
        except: record.id,
        end: revoked(kit.now + 1),
      });
      const { version } = (await found(store, record)).record;
      same(await store.replace({ ...record, client: "late" }, version), "replaced", "the decision");
      const stored = await found(store, record);
      same([stored.record.epoch, stored.subjectEpoch], [epoch, epoch], "the raised epoch");
      same((await listed(store, record.tenant, "alice", kit.now + 2)).length, 1, "still live");
    },
  },
  {
    name: "keeps data out of decisions (I4)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { a: "1" } });
      await store.patchData(record, [{ op: "set", key: "b", value: "2" }]);
      const before = await found(store, record);
      await store.replace({ ...record, client: "app" }, 1);
      const after = await found(store, record);
      same([after.data, after.dataVersion], [before.data, before.dataVersion], "the data");
    },
  },
  {
    name: "refuses decisions on a session that was revoked, swept or purged (I1)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const ended = kit.recordOf({ tenant });
      const expired = kit.recordOf({ tenant });
      const purged = kit.recordOf({ tenant });
      for (const record of [ended, expired, purged]) await opened(store, record);
      await store.revoke(purged, revoked(kit.now + 1), { now: kit.now + 1 });
      await store.revoke(ended, revoked(kit.now + 2), { now: kit.now + 2 });
      await sweepAll(store, tenant, kit.now + 2, kit.now + 2);
      await sweepAll(store, tenant, kit.now + HOUR_MS);
      for (const record of [ended, expired, purged]) {
        const before = await store.find(record);
        const renewed = { ...record, seenAt: kit.now + HOUR_MS, version: 2 };
        same(await store.replace(renewed, 1), "gone", "a decision on an ended session");
        same(await store.find(record), before, "the session afterwards");
      }
      same(await listed(store, tenant, "alice", kit.now + 3), [], "live sessions");
    },
  },
  {
    name: "keeps an end that a decision brings",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const end = revoked(kit.now + 1);
      await store.replace({ ...record, state: "ended", end }, 1);
      const { version } = (await found(store, record)).record;
      same(await store.replace({ ...record, client: "late" }, version), "gone", "a later decision");
      same((await found(store, record)).record.end, end, "the end");
      same(await listed(store, record.tenant, "alice", kit.now + 2), [], "live sessions");
    },
  },
  {
    name: "keeps one of 100 simultaneous decisions, rotations included [RT-02]",
    async run(store, kit) {
      const stores = [store, kit.peer ?? store];
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          (stores[index % 2] ?? store).replace({ ...record, client: `c${index}` }, 1),
        ),
      );
      same(results.filter((result) => result === "replaced").length, 1, "decisions that won");
      same(results.filter((result) => result === "conflict").length, 99, "decisions that lost");
      const { client, version } = (await found(store, record)).record;
      same([client, version], [`c${results.indexOf("replaced")}`, 2], "the stored decision");
    },
  },
  {
    name: "keeps the deadlines that a decision sets, earlier and later ones",
    async run(store, kit) {
      const tenant = kit.tenant();
      const shortened = kit.recordOf({ tenant });
      const extended = kit.recordOf({ tenant });
      await opened(store, shortened);
      await opened(store, extended);
      await store.replace({ ...shortened, idleMs: MINUTE_MS }, 1);
      await store.replace({ ...extended, idleMs: ABSOLUTE_MS }, 1);
      const now = kit.now + MINUTE_MS;
      same((await listed(store, tenant, "alice", now)).length, 1, "listed");
      const ended = await sweepAll(store, tenant, now);
      same(
        ended.map(({ record, end }) => [record.id, end]),
        [[shortened.id, { reason: "idle_timeout", at: kit.now + MINUTE_MS }]],
        "what the sweep ends",
      );
      const later = kit.now + HOUR_MS;
      same(await sweepAll(store, tenant, later), [], "what a sweep ends long after");
      same((await listed(store, tenant, "alice", later))[0]?.id, extended.id, "who is left");
    },
  },
];

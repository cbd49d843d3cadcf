/** Revoke-all: the epoch and every indexed session in one step, and it misses none. I5. */
import type { SessionStore } from "../../engine/ports.ts";
import { hold, outcome, same } from "../expect.ts";
import { found, handles, opened, refOf, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";

const MANY = 450;

async function crowd(
  store: SessionStore,
  kit: CaseKit,
  tenant: string,
): Promise<readonly string[]> {
  const records = Array.from({ length: MANY }, (_, index) =>
    kit.recordOf({ tenant, createdAt: kit.now + (index % 7) }),
  );
  for (let from = 0; from < MANY; from += 50) {
    await Promise.all(records.slice(from, from + 50).map((record) => opened(store, record)));
  }
  return records.map((record) => record.id);
}

export const subjectCases: readonly StoreCase[] = [
  {
    name: "ends all of 450 sessions of a subject and reports each once (I5) [TE-03]",
    slow: true,
    async run(store, kit) {
      const tenant = kit.tenant();
      const ids = await crowd(store, kit, tenant);
      const now = kit.now + 100;
      same((await listed(store, tenant, "alice", now)).length, MANY, "live sessions before");
      const end = { reason: "subject_revoked", at: now, cause: "credential_change" } as const;
      const result = await store.revokeSubject(tenant, "alice", { now, end });
      same(await listed(store, tenant, "alice", now), [], "live sessions after");
      if (store.capabilities.atomicIndex) {
        const reported = result.ended.map((one) => one.record.id).toSorted();
        same(reported, ids.toSorted(), "sessions reported");
        for (const one of result.ended) same(one.end, end, "a reported end");
        for (const id of ids)
          same((await found(store, { tenant, id })).record.end, end, "a stored end");
      }
      const writable = await store.touch(
        ids.map((id) => ({ ref: { tenant, id }, seenAt: now + 1 })),
      );
      hold(
        writable.every((one) => one === "gone"),
        "none of them can be written any more",
      );
    },
  },
  {
    name: "raises the epoch each time and tells it with every session, ended ones too",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      same(await store.subjectEpoch(tenant, "alice"), 0, "the epoch of an unknown subject");
      await opened(store, record);
      let last = 0;
      for (let round = 1; round <= 3; round += 1) {
        const now = kit.now + round;
        const { epoch, ended } = await store.revokeSubject(tenant, "alice", {
          now,
          end: revoked(now),
        });
        hold(epoch > last, "the epoch grows with every revocation");
        same(await store.subjectEpoch(tenant, "alice"), epoch, "the epoch as read");
        const stored = await found(store, record);
        same(stored.subjectEpoch, epoch, "the epoch told with the session");
        if (store.capabilities.atomicIndex) {
          same(ended.length, round === 1 ? 1 : 0, "ends reported");
          same(stored.record.end, revoked(kit.now + 1), "the first end");
        }
        last = epoch;
      }
      same(await store.subjectEpoch(tenant, "bob"), 0, "another subject's epoch");
      same(await store.subjectEpoch(kit.tenant(), "alice"), 0, "another tenant's epoch");
    },
  },
  {
    name: "keeps the excepted session alive and raises it to the new epoch in one step [TE-04]",
    async run(store, kit) {
      const tenant = kit.tenant();
      const kept = kit.recordOf({ tenant });
      const other = kit.recordOf({ tenant });
      await opened(store, kept, { data: { a: "1" } });
      await opened(store, other);
      const now = kit.now + 1;
      const result = await store.revokeSubject(tenant, "alice", {
        now,
        except: kept.id,
        end: revoked(now),
      });
      const stored = await found(store, kept);
      same([stored.record.state, stored.record.epoch], ["active", result.epoch], "the excepted");
      same(stored.subjectEpoch, result.epoch, "the subject's epoch");
      const reported = result.ended.map((one) => one.record.id);
      if (store.capabilities.atomicIndex) same(reported, [other.id], "sessions reported");
      same(
        (await listed(store, tenant, "alice", now)).map((one) => one.id),
        [kept.id],
        "who lives",
      );
      same(
        await store.touch([{ ref: kept, seenAt: now + 1 }]),
        ["touched"],
        "touch of the excepted",
      );
      const patched = await store.patchData(kept, [{ op: "set", key: "b", value: "2" }]);
      outcome(patched, "patched", "data of the excepted");
      const { version } = stored.record;
      same(
        await store.replace({ ...kept, client: "app" }, version),
        "replaced",
        "a decision on it",
      );
      same((await listed(store, tenant, "alice", now)).length, 1, "alive after a stale decision");
    },
  },
  {
    name: "keeps nobody alive for an exception that is not the subject's own live session",
    async run(store, kit) {
      const tenant = kit.tenant();
      const alice = kit.recordOf({ tenant });
      const bob = kit.recordOf({ tenant, subject: "bob" });
      const ended = kit.recordOf({ tenant });
      for (const record of [alice, bob, ended]) await opened(store, record);
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      const now = kit.now + 2;
      for (const except of [bob.id, kit.id(), ended.id, "", "%"]) {
        await store.revokeSubject(tenant, "alice", { now, except, end: revoked(now) });
        same(await listed(store, tenant, "alice", now), [], "alice's live sessions");
      }
      same((await found(store, ended)).record.end, revoked(kit.now + 1), "the first end");
      const other = await found(store, bob);
      same([other.record, other.subjectEpoch], [bob, 0], "bob's session");
    },
  },
  {
    name: "keeps nobody alive for an exception that a higher epoch has ended already (I1)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      await opened(store, record);
      await store.apply([{ kind: "epoch", tenant, subject: "alice", epoch: 7 }], "elsewhere");
      const now = kit.now + 1;
      const options = { now, except: record.id, end: revoked(now) };
      const { epoch, before } = await store.revokeSubject(tenant, "alice", options);
      same([before, epoch], [7, 8], "the old and the new epoch");
      same(await listed(store, tenant, "alice", now), [], "who lives");
      const stored = await store.find(record);
      hold(stored === undefined || stored.record.epoch < 8, "the excepted session's epoch stays");
    },
  },
  {
    name: "raises the epoch above one that may have been lost, and the excepted session along",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [kept, other] = [kit.recordOf({ tenant }), kit.recordOf({ tenant })];
      await opened(store, kept);
      await opened(store, other);
      const now = kit.now + 1;
      const options = { now, except: kept.id, end: revoked(now), above: 1_000 };
      const first = await store.revokeSubject(tenant, "alice", options);
      same([first.before, first.epoch], [0, 1_001], "the old and the new epoch");
      same((await found(store, kept)).record.epoch, 1_001, "the excepted session's epoch");
      same(
        (await listed(store, tenant, "alice", now)).map(({ id }) => id),
        [kept.id],
        "who lives",
      );
      const second = await store.revokeSubject(tenant, "alice", { ...options, above: 7 });
      same([second.before, second.epoch], [1_001, 1_002], "past a lower one");
      same((await found(store, kept)).subjectEpoch, 1_002, "the subject's epoch");
    },
  },
  {
    name: "leaves other subjects, the same subject elsewhere and anonymous sessions alone",
    async run(store, kit) {
      const tenant = kit.tenant();
      const strangers = [
        kit.recordOf({ tenant, subject: "bob" }),
        kit.recordOf({ tenant, subject: "alice " }),
        kit.recordOf({ tenant, subject: "ALICE" }),
        kit.recordOf({ tenant, subject: "alic_" }),
        kit.recordOf({ tenant: kit.tenant() }),
        kit.recordOf({ tenant, subject: null }),
      ];
      for (const record of strangers) await opened(store, record);
      await opened(store, kit.recordOf({ tenant }));
      for (const subject of ["alice", "null", "", "undefined", "%"]) {
        await store.revokeSubject(tenant, subject, { now: kit.now + 1, end: revoked(kit.now + 1) });
      }
      for (const record of strangers) {
        const stored = await found(store, record);
        same([stored.record, stored.subjectEpoch], [record, 0], "a session that is not alice's");
      }
    },
  },
  {
    name: "never lets a login that races a revoke-all slip through (I5)",
    slow: true,
    async run(store, kit) {
      const stores = handles(store, kit);
      const tenant = kit.tenant();
      for (let round = 0; round < 10; round += 1) {
        const subject = `user-${round}`;
        const subjectEpoch = await store.subjectEpoch(tenant, subject);
        const now = kit.now + 1;
        const creates = Array.from({ length: 12 }, (_, index) => (): Promise<unknown> => {
          const record = kit.recordOf({ tenant, subject });
          return (stores[index % 2] ?? store).create(record, { now: kit.now, subjectEpoch });
        });
        const revokeAll = (): Promise<unknown> =>
          store.revokeSubject(tenant, subject, { now, end: revoked(now) });
        await Promise.all(kit.random.shuffle([...creates, revokeAll]).map((run) => run()));
        same(await listed(store, tenant, subject, now), [], "sessions from before the revocation");
      }
    },
  },
  {
    name: "gives each of 10 simultaneous revoke-alls its own epoch and reports each end once",
    async run(store, kit) {
      const stores = handles(store, kit);
      const tenant = kit.tenant();
      const records = Array.from({ length: 6 }, () => kit.recordOf({ tenant }));
      for (const record of records) await opened(store, record);
      const now = kit.now + 1;
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (stores[index % 2] ?? store).revokeSubject(tenant, "alice", { now, end: revoked(now) }),
        ),
      );
      same(new Set(results.map((result) => result.epoch)).size, 10, "different epochs");
      const highest = Math.max(...results.map((result) => result.epoch));
      same(await store.subjectEpoch(tenant, "alice"), highest, "the epoch that stays");
      const reported = results.flatMap((result) => result.ended.map((one) => one.record.id));
      if (store.capabilities.atomicIndex) {
        same(reported.toSorted(), records.map((record) => record.id).toSorted(), "ends reported");
      }
    },
  },
  {
    name: "refuses writes on a session that only the epoch has ended (I5)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      await opened(store, record);
      await store.apply([{ kind: "epoch", tenant, subject: "alice", epoch: 4 }], "elsewhere");
      const stored = await found(store, record);
      same(stored.subjectEpoch, 4, "the epoch told with the session");
      hold(stored.record.state === "ended" || stored.record.epoch < 4, "judged as ended");
      const late = { ...record, epoch: 99, client: "late" };
      same(await store.replace(late, stored.record.version), "gone", "a decision");
      const patched = await store.patchData(refOf(record), [{ op: "set", key: "a", value: "1" }]);
      same(patched, { outcome: "gone" }, "data");
      const next = kit.recordOf({ tenant });
      const replaces = { ref: refOf(record), dataVersion: 0 };
      const refused = await store.create(next, { now: kit.now, replaces });
      same(refused, { outcome: "gone" }, "a successor");
      same(await listed(store, tenant, "alice", kit.now), [], "live sessions");
      const limits = { max: 1, onLimit: "reject" } as const;
      await opened(store, next, { limits, subjectEpoch: 4 });
    },
  },
];

/** Becoming live: only through `create`, only for an id never seen, only above the epoch. */
import type { SessionStore } from "../../engine/ports.ts";
import { hold, outcome, same } from "../expect.ts";
import { ABSOLUTE_MS, found, handles, HOUR_MS, opened, refOf, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { sweepAll } from "./sweep.ts";

/** A taken id, tried by another subject with other data: refused, and nothing of it arrives. */
async function refusesTaken(
  store: SessionStore,
  kit: CaseKit,
  taken: { tenant: string; id: string },
  now: number,
): Promise<void> {
  const before = await store.find(taken);
  const subject = kit.beside({ ...taken, subject: "alice" }, taken.tenant, "mallory");
  const thief = kit.recordOf({ ...taken, subject, createdAt: now });
  const result = await store.create(thief, { now, data: { cart: '"stolen"' } });
  same(result, { outcome: "exists" }, "create with an id that was seen before");
  same(await store.find(taken), before, "the session after the refused create");
  same(await store.listBySubject(taken.tenant, subject, { now }), { items: [] }, "mallory's list");
}

export const createCases: readonly StoreCase[] = [
  {
    name: "keeps record and data as they were given, and starts their versions",
    async run(store, kit) {
      const tenant = kit.tenant();
      const full = kit.recordOf({
        tenant,
        kind: "service",
        client: "web",
        roles: ["admin", "staff"],
        device: { id: "d1", label: "Ana's phone", address: "203.0.113.0/24" },
        parent: "ses_parent",
        actor: "support-7",
        remember: true,
        binding: {
          tier: "dbsc",
          key: '{"crv":"P-256","kty":"EC","x":"f8","y":"x_"}',
          thumbprint: "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
          boundAt: kit.now + 300,
          proofs: 2,
          lastProof: { challenge: "bm9uY2U1", at: kit.now + 400 },
        },
        idleLockFactors: 1,
      });
      const created = await opened(store, full, { data: { a: "1", b: '{"x":null}' } });
      same(created.record, full, "the record that create returns");
      same(created.evicted, [], "evicted without a limit");
      hold(created.replaced === undefined, "nothing is replaced unless asked");
      const stored = await found(store, full);
      same(stored.record, full, "the stored record");
      same(stored.data, { a: "1", b: '{"x":null}' }, "the stored data");
      same(stored.subjectEpoch, 0, "the epoch of a subject that never had one");
      const bare = kit.recordOf({ tenant, subject: null, kind: "anonymous" });
      await opened(store, bare);
      const anonymous = await found(store, bare);
      same([anonymous.data, anonymous.dataVersion], [{}, 0], "data before its first write");
      same(anonymous.record, bare, "a stored anonymous record");
    },
  },
  {
    name: "refuses an id that is live and never adopts another's session (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record, { data: { cart: "[1]" } });
      await refusesTaken(store, kit, refOf(record), kit.now + 1);
    },
  },
  {
    name: "never re-creates an id that was revoked (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await store.revoke(record, revoked(kit.now + 1), { now: kit.now + 1 });
      await refusesTaken(store, kit, refOf(record), kit.now + 2);
    },
  },
  {
    name: "never re-creates an id that a deadline ended, swept or not (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await refusesTaken(store, kit, refOf(record), kit.now + HOUR_MS);
      await sweepAll(store, record.tenant, kit.now + HOUR_MS);
      await refusesTaken(store, kit, refOf(record), kit.now + HOUR_MS);
    },
  },
  {
    name: "never re-creates an id that was purged while its session could have lived (I1)",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      await opened(store, record);
      await store.revoke(record, revoked(kit.now + 1), { now: kit.now + 1 });
      await sweepAll(store, record.tenant, kit.now + 2, kit.now + 2);
      hold((await store.find(record)) === undefined, "a purged session is not found");
      const mallory = kit.beside({ ...record, subject: "alice" }, record.tenant, "mallory");
      const again = kit.recordOf({ ...refOf(record), subject: mallory });
      const last = kit.now + ABSOLUTE_MS - 1;
      for (const now of [kit.now + 3, last]) {
        same(await store.create(again, { now }), { outcome: "exists" }, "create of a purged id");
      }
      hold((await store.find(record)) === undefined, "a purged session stays purged");
    },
  },
  {
    name: "keeps equal ids of different tenants apart",
    async run(store, kit) {
      const here = kit.recordOf({ tenant: kit.tenant() });
      const tenant = kit.tenant();
      const subject = kit.beside({ ...here, subject: "alice" }, tenant, "bob");
      const there = kit.recordOf({ tenant, id: here.id, subject });
      await opened(store, here, { data: { of: '"here"' } });
      await opened(store, there, { data: { of: '"there"' } });
      await store.revoke(here, revoked(kit.now + 1), { now: kit.now + 1 });
      same((await found(store, there)).record, there, "the other tenant's session");
      same((await found(store, there)).data, { of: '"there"' }, "the other tenant's data");
      same((await found(store, here)).record.state, "ended", "the session that was revoked");
    },
  },
  {
    name: "refuses a session whose authentication began before the subject was revoked (I5)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const before = await store.subjectEpoch(tenant, "alice");
      const { epoch } = await store.revokeSubject(tenant, "alice", {
        now: kit.now,
        end: revoked(kit.now),
      });
      const late = kit.recordOf({ tenant });
      const refused = await store.create(late, { now: kit.now + 1, subjectEpoch: before });
      same(refused, { outcome: "stale-epoch", epoch }, "create below the epoch");
      hold((await store.find(late)) === undefined, "a refused create writes nothing");
      const created = await opened(store, late, { subjectEpoch: epoch });
      same(created.record.epoch, epoch, "the epoch that the store gives");
      same((await found(store, late)).record.epoch, epoch, "the epoch that is stored");
      const lying = kit.recordOf({ tenant, epoch: epoch + 50 });
      await opened(store, lying);
      same((await found(store, lying)).record.epoch, epoch, "an epoch that the caller made up");
    },
  },
  {
    name: "changes nothing when the data are over the limit",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      const value = "x".repeat(store.capabilities.maxDataBytes + 1);
      const result = await store
        .create(record, { now: kit.now, data: { a: "1", big: value } })
        .catch(() => undefined);
      hold(result?.outcome !== "created", "data over the limit are not taken");
      hold((await store.find(record)) === undefined, "a refused create writes nothing");
    },
  },
  {
    name: "keeps its own copy of data, whatever happens to the object it was given",
    async run(store, kit) {
      const record = kit.recordOf({ tenant: kit.tenant() });
      const data: Record<string, string> = { a: "1" };
      await opened(store, record, { data });
      data["a"] = "2";
      data["b"] = "3";
      same((await found(store, record)).data, { a: "1" }, "stored data after the caller's change");
    },
  },
  {
    name: "refuses all but one of many simultaneous creates of one id",
    async run(store, kit) {
      const tenant = kit.tenant();
      const { id } = kit.recordOf({ tenant });
      const stores = handles(store, kit);
      const tries = Array.from({ length: 20 }, (_, index) => {
        const subject = kit.beside({ tenant, subject: "alice" }, tenant, `user-${index}`);
        const record = kit.recordOf({ tenant, id, subject });
        return (stores[index % 2] ?? store).create(record, { now: kit.now });
      });
      const results = await Promise.all(tries);
      const winners = results.flatMap((result) => (result.outcome === "created" ? [result] : []));
      same(winners.length, 1, "creates of one id that succeeded");
      for (const result of results)
        if (result.outcome !== "created") outcome(result, "exists", "a loser");
      const winner = winners[0]?.record.subject;
      same((await found(store, { tenant, id })).record.subject, winner, "whose session is stored");
    },
  },
];

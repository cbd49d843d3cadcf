/** Concurrency limits, kept in the same step as the create that meets them. */
import type { SessionStore } from "../../engine/ports.ts";
import { REFRESH_KIND } from "../../engine/record.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { hold, outcome, same } from "../expect.ts";
import { found, handles, IDLE_MS, MINUTE_MS, opened, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";

/** `count` sessions of alice, created a second apart, the first one seen last. */
async function several(
  store: SessionStore,
  kit: CaseKit,
  tenant: string,
  count: number,
): Promise<readonly SessionRecord[]> {
  const records = Array.from({ length: count }, (_, index) =>
    kit.recordOf({ tenant, createdAt: kit.now + index * 1000 }),
  );
  for (const record of records) await opened(store, record);
  const first = records[0];
  if (first !== undefined) await store.touch([{ ref: first, seenAt: kit.now + MINUTE_MS }]);
  return records;
}

function idsOf(sessions: readonly { readonly id: string }[]): readonly string[] {
  return sessions.map((session) => session.id);
}

export const limitCases: readonly StoreCase[] = [
  ...(["reject", "ask"] as const).map((onLimit): StoreCase => ({
    name: `refuses one session more than allowed and names those in the way (${onLimit})`,
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 2 * MINUTE_MS;
      const old = await several(store, kit, tenant, 3);
      const fourth = kit.recordOf({ tenant, createdAt: now });
      const result = await store.create(fourth, { now, limits: { max: 3, onLimit } });
      const { sessions } = outcome(result, "limit", "create over the limit");
      same(idsOf(sessions), idsOf(old).toReversed(), "the sessions in the way, newest first");
      hold(!("rotation" in (sessions[0] ?? {})), "a summary shows no token verifiers");
      hold((await store.find(fourth)) === undefined, "a refused create writes nothing");
      same((await listed(store, tenant, "alice", now)).length, 3, "live sessions afterwards");
      await opened(store, fourth, { limits: { max: 4, onLimit } });
    },
  })),
  {
    name: "keeps the limit by ending the oldest session (evict-oldest)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 2 * MINUTE_MS;
      const [oldest] = await several(store, kit, tenant, 3);
      const next = kit.recordOf({ tenant, createdAt: now });
      const limits = { max: 3, onLimit: "evict-oldest" } as const;
      const { evicted } = await opened(store, next, { limits });
      same(idsOf(evicted.map((one) => one.record)), [oldest?.id], "who was evicted");
      same(evicted[0]?.end, { reason: "evicted", at: now }, "the end of the evicted");
      same(evicted[0]?.record.state, "active", "the record as it was before it ended");
      const stored = await found(store, { tenant, id: oldest?.id ?? "" });
      same(stored.record.end, { reason: "evicted", at: now }, "the stored end of the evicted");
      same((await listed(store, tenant, "alice", now)).length, 3, "live sessions afterwards");
    },
  },
  ...(["reject", "evict-oldest"] as const).map((onLimit): StoreCase => ({
    name: `counts and ends no family of refresh tokens for a limit (${onLimit})`,
    async run(store, kit) {
      const tenant = kit.tenant();
      const family = { ...kit.recordOf({ tenant }), kind: REFRESH_KIND };
      await opened(store, family);
      const now = kit.now + MINUTE_MS;
      const first = kit.recordOf({ tenant, createdAt: now });
      const { evicted } = await opened(store, first, { limits: { max: 1, onLimit } });
      same(evicted.length, 0, "who made room for the first session");
      same((await listed(store, tenant, "alice", now)).length, 2, "live records");
      const second = kit.recordOf({ tenant, createdAt: now + 1 });
      const result = await store.create(second, { now: now + 1, limits: { max: 1, onLimit } });
      const gone = result.outcome === "created" ? result.evicted.map((one) => one.record) : [];
      const met = result.outcome === "limit" ? result.sessions : gone;
      same(idsOf(met), [first.id], "who was in the way of the second");
    },
  })),
  {
    name: "keeps the limit by ending the session seen longest ago (evict-idle)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 2 * MINUTE_MS;
      const [, second] = await several(store, kit, tenant, 3);
      const next = kit.recordOf({ tenant, createdAt: now });
      const limits = { max: 3, onLimit: "evict-idle" } as const;
      const { evicted } = await opened(store, next, { limits });
      same(idsOf(evicted.map((one) => one.record)), [second?.id], "who was evicted");
    },
  },
  {
    name: "keeps a lowered limit by ending as many as it takes",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 2 * MINUTE_MS;
      const old = await several(store, kit, tenant, 5);
      const next = kit.recordOf({ tenant, createdAt: now });
      const limits = { max: 2, onLimit: "evict-oldest" } as const;
      const { evicted } = await opened(store, next, { limits });
      const gone = idsOf(evicted.map((one) => one.record)).toSorted();
      same(gone, idsOf(old.slice(0, 4)).toSorted(), "who was evicted");
      const left = idsOf(await listed(store, tenant, "alice", now));
      same(left, [next.id, old[4]?.id], "who is left");
    },
  },
  {
    name: "keeps ended, expired, foreign and anonymous sessions out of the limit",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + IDLE_MS;
      const limits = { max: 1, onLimit: "reject" } as const;
      await opened(store, kit.recordOf({ tenant, subject: "bob", createdAt: now }));
      await opened(store, kit.recordOf({ tenant: kit.tenant(), createdAt: now }));
      await opened(store, kit.recordOf({ tenant, subject: null, createdAt: now }));
      const ended = kit.recordOf({ tenant, createdAt: now });
      await opened(store, ended);
      await store.revoke(ended, revoked(now), { now });
      // Its idle deadline is exactly now: not one that counts.
      await opened(store, kit.recordOf({ tenant, createdAt: kit.now }));
      await opened(store, kit.recordOf({ tenant, createdAt: now }), { limits });
      for (let count = 0; count < 3; count += 1) {
        await opened(store, kit.recordOf({ tenant, subject: null, createdAt: now }), { limits });
      }
    },
  },
  {
    name: "refuses on account of a session that lives one millisecond longer",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + IDLE_MS - 1;
      await opened(store, kit.recordOf({ tenant }));
      const limits = { max: 1, onLimit: "reject" } as const;
      const next = kit.recordOf({ tenant, createdAt: now });
      outcome(await store.create(next, { now, limits }), "limit", "create one millisecond before");
      await opened(store, next, { now: now + 1, limits });
    },
  },
  {
    name: "keeps pending and locked sessions in the limit: they are live",
    async run(store, kit) {
      const tenant = kit.tenant();
      await opened(store, kit.recordOf({ tenant, state: "pending" }));
      await opened(store, kit.recordOf({ tenant, state: "locked", lockFactors: 1 }));
      const limits = { max: 2, onLimit: "reject" } as const;
      const result = await store.create(kit.recordOf({ tenant }), { now: kit.now, limits });
      same(outcome(result, "limit", "create").sessions.length, 2, "sessions in the way");
    },
  },
  ...(["evict-oldest", "evict-idle"] as const).map((onLimit): StoreCase => ({
    name: `keeps exactly 3 of 50 simultaneous sessions, each end told once (${onLimit}) [DE-03]`,
    slow: true,
    async run(store, kit) {
      const tenant = kit.tenant();
      const stores = handles(store, kit);
      const records = Array.from({ length: 50 }, (_, index) =>
        kit.recordOf({ tenant, createdAt: kit.now + index }),
      );
      const limits = { max: 3, onLimit };
      const results = await Promise.all(
        records.map((record, index) =>
          (stores[index % 2] ?? store).create(record, { now: kit.now + 50, limits }),
        ),
      );
      const created = results.map((result) => outcome(result, "created", "one of 50 creates"));
      const live = idsOf(await listed(store, tenant, "alice", kit.now + 50));
      same(live.length, 3, "live sessions under a limit of 3");
      const evicted = created.flatMap((result) => idsOf(result.evicted.map((one) => one.record)));
      same(evicted.length, 47, "reports of evictions");
      same([...evicted, ...live].toSorted(), idsOf(records).toSorted(), "each one exactly once");
    },
  })),
  ...(["reject", "ask"] as const).map((onLimit): StoreCase => ({
    name: `refuses all but 3 of 50 simultaneous sessions (${onLimit}) [DE-03]`,
    slow: true,
    async run(store, kit) {
      const tenant = kit.tenant();
      const stores = handles(store, kit);
      const limits = { max: 3, onLimit };
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const record = kit.recordOf({ tenant });
          return (stores[index % 2] ?? store).create(record, { now: kit.now, limits });
        }),
      );
      const created = results.filter((result) => result.outcome === "created");
      same(created.length, 3, "creates that succeeded");
      same((await listed(store, tenant, "alice", kit.now)).length, 3, "live sessions");
    },
  })),
];

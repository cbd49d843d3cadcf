/** Sweeping: ends what is overdue, at its deadline; never what was renewed; purges on command. */
import type { EndedSession, SessionStore } from "../../engine/ports.ts";
import { hold, same } from "../expect.ts";
import {
  ABSOLUTE_MS,
  found,
  handles,
  HOUR_MS,
  IDLE_MS,
  MINUTE_MS,
  opened,
  revoked,
} from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { idsIn, listed } from "./list.ts";

const SWEEPS_MAX = 10_000;

/** Sweep until nothing is left to do. @returns what ended in this tenant; sweeps are global. */
export async function sweepAll(
  store: SessionStore,
  tenant: string,
  now: number,
  purgeBefore?: number,
): Promise<readonly EndedSession[]> {
  const options = { now, limit: 100, ...(purgeBefore === undefined ? {} : { purgeBefore }) };
  const ended: EndedSession[] = [];
  let more = true;
  for (let sweeps = 0; more && sweeps < SWEEPS_MAX; sweeps += 1) {
    const result = await store.sweep(options);
    hold(result.ended.length + result.purged <= options.limit, "a sweep keeps to its limit");
    ended.push(...result.ended.filter((one) => one.record.tenant === tenant));
    ({ more } = result);
  }
  hold(!more, "sweeping comes to an end");
  return ended;
}

export const sweepCases: readonly StoreCase[] = [
  {
    name: "ends a session at its deadline and not one millisecond before [TO-01]",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      await opened(store, record, { data: { a: "1" } });
      const at = kit.now + IDLE_MS;
      same(await sweepAll(store, tenant, at - 1), [], "a sweep one millisecond before");
      same((await found(store, record)).record, record, "the session before its deadline");
      const [ended, ...others] = await sweepAll(store, tenant, at);
      same(others, [], "other ends");
      const end = { reason: "idle_timeout", at };
      same([ended?.record.id, ended?.end], [record.id, end], "the end that is reported");
      same(ended?.record.state, "active", "the record as it was before it ended");
      const stored = await found(store, record);
      same([stored.record.state, stored.record.end], ["ended", end], "the stored end");
      same(stored.data, { a: "1" }, "its data");
      same(await sweepAll(store, tenant, at + 1), [], "a second sweep reports nothing again");
    },
  },
  {
    name: "tells the earlier deadline as reason and time, however late the sweep [TO-02]",
    async run(store, kit) {
      const tenant = kit.tenant();
      const absolute = kit.now + HOUR_MS;
      const limits = { tenant, absoluteExpiresAt: absolute } as const;
      const idle = kit.recordOf({ ...limits, idleMs: HOUR_MS - 1 });
      const both = kit.recordOf({ ...limits, idleMs: HOUR_MS });
      const long = kit.recordOf({ ...limits, idleMs: 2 * HOUR_MS });
      const locking = kit.recordOf({ ...limits, idleLockFactors: 1, idleMs: MINUTE_MS });
      const pending = kit.recordOf({
        ...limits,
        state: "pending",
        idleLockFactors: 1,
        idleMs: MINUTE_MS,
      });
      const all = [idle, both, long, locking, pending];
      for (const record of all) await opened(store, record);
      const ended = await sweepAll(store, tenant, kit.now + 50 * HOUR_MS);
      const ends = new Map(ended.map((one) => [one.record.id, one.end]));
      same(ends.get(idle.id), { reason: "idle_timeout", at: absolute - 1 }, "idle first");
      same(ends.get(both.id), { reason: "absolute_timeout", at: absolute }, "both at once");
      same(ends.get(long.id), { reason: "absolute_timeout", at: absolute }, "absolute first");
      same(ends.get(locking.id), { reason: "absolute_timeout", at: absolute }, "idleness locks");
      same(ends.get(pending.id), { reason: "idle_timeout", at: kit.now + MINUTE_MS }, "pending");
      for (const record of all) {
        same((await found(store, record)).record.end, ends.get(record.id), "the stored end");
      }
    },
  },
  {
    name: "never ends a session that was renewed by touch or decision since",
    async run(store, kit) {
      const tenant = kit.tenant();
      const touched = kit.recordOf({ tenant });
      const extended = kit.recordOf({ tenant });
      const idle = kit.recordOf({ tenant });
      for (const record of [touched, extended, idle]) await opened(store, record);
      const renewedAt = kit.now + IDLE_MS - 1;
      await store.touch([{ ref: touched, seenAt: renewedAt }]);
      await store.replace({ ...extended, seenAt: renewedAt }, 1);
      const ended = await sweepAll(store, tenant, kit.now + IDLE_MS);
      same(idsIn(ended.map((one) => one.record)), [idle.id], "who was ended");
      const deadline = renewedAt + IDLE_MS;
      same(await sweepAll(store, tenant, deadline - 1), [], "before the renewed deadline");
      const later = await sweepAll(store, tenant, deadline);
      same(idsIn(later.map((one) => one.record)), idsIn([touched, extended]), "at it");
      for (const one of later) same(one.end, { reason: "idle_timeout", at: deadline }, "the end");
    },
  },
  {
    name: "never ends what a simultaneous touch renewed: each session is one or the other",
    slow: true,
    async run(store, kit) {
      const stores = handles(store, kit);
      const tenant = kit.tenant();
      const records = Array.from({ length: 60 }, () => kit.recordOf({ tenant }));
      for (const record of records) await opened(store, record);
      const deadline = kit.now + IDLE_MS;
      const sweeps = [0, 1, 2].map((index) =>
        sweepAll(stores[index % 2] ?? store, tenant, deadline),
      );
      const touches = records.map((ref, index) =>
        (stores[index % 2] ?? store).touch([{ ref, seenAt: deadline - 1 }]),
      );
      const [swept, touched] = await Promise.all([Promise.all(sweeps), Promise.all(touches)]);
      const ended = swept.flat().map((one) => one.record.id);
      same(new Set(ended).size, ended.length, "each end is reported once");
      for (const [index, record] of records.entries()) {
        const { state } = (await found(store, record)).record;
        const isTouched = touched[index]?.[0] === "touched";
        same(state, isTouched ? "active" : "ended", "a session after the race");
        same(ended.includes(record.id), !isTouched, "reported as ended");
      }
    },
  },
  {
    name: "ends and purges no more than asked for at once, and says whether there is more",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 20 * HOUR_MS;
      // What other cases left behind must not fill the limit.
      await sweepAll(store, tenant, now, now);
      const records = Array.from({ length: 23 }, () => kit.recordOf({ tenant, createdAt: now }));
      for (const record of records) await opened(store, record);
      const later = now + IDLE_MS;
      let ended = 0;
      for (const expected of [10, 10, 3]) {
        const result = await store.sweep({ now: later, limit: 10 });
        same(result.ended.length, expected, "ended by one sweep");
        if (expected === 10 && ended + 10 < 23) hold(result.more, "there is more to end");
        ended += result.ended.length;
      }
      const purgeBefore = later + 1;
      let purged = 0;
      for (const expected of [10, 10, 3]) {
        const result = await store.sweep({ now: later + 1, limit: 10, purgeBefore });
        same([result.purged, result.ended], [expected, []], "purged by one sweep");
        purged += result.purged;
        if (purged < 23) hold(result.more, "there is more to purge");
      }
      const last = await store.sweep({ now: later + 1, limit: 10, purgeBefore });
      same([last.ended, last.purged, last.more], [[], 0, false], "a sweep with nothing to do");
    },
  },
  {
    name: "purges what ended before the given instant, and nothing unless asked",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [old, edge, live] = [
        kit.recordOf({ tenant }),
        kit.recordOf({ tenant }),
        kit.recordOf({ tenant }),
      ];
      for (const record of [old, edge, live]) await opened(store, record, { data: { a: "1" } });
      await store.revoke(old, revoked(kit.now + 9), { now: kit.now + 9 });
      await store.revoke(edge, revoked(kit.now + 10), { now: kit.now + 10 });
      await sweepAll(store, tenant, kit.now + 11);
      same(
        (await found(store, old)).record.end,
        revoked(kit.now + 9),
        "kept unless asked to purge",
      );
      await sweepAll(store, tenant, kit.now + 11, kit.now + 10);
      hold((await store.find(old)) === undefined, "what ended before is purged");
      same(
        (await found(store, edge)).record.end,
        revoked(kit.now + 10),
        "what ended at it is kept",
      );
      same((await found(store, live)).record.state, "active", "what has not ended is kept");
      same(idsIn(await listed(store, tenant, "alice", kit.now + 11)), [live.id], "the list");
      const again = await store.revoke(old, revoked(kit.now + 20), { now: kit.now + 20 });
      same(again.outcome, "absent", "revoking what was purged");
    },
  },
  {
    name: "never reports what was ended otherwise",
    async run(store, kit) {
      const tenant = kit.tenant();
      const records = [kit.recordOf({ tenant }), kit.recordOf({ tenant, subject: "bob" })];
      for (const record of records) await opened(store, record);
      await store.revoke(records[0] ?? { tenant, id: "" }, revoked(kit.now), { now: kit.now });
      await store.revokeSubject(tenant, "bob", { now: kit.now, end: revoked(kit.now) });
      const swept = await sweepAll(store, tenant, kit.now + ABSOLUTE_MS);
      if (store.capabilities.atomicIndex) same(swept, [], "ends that others have reported");
    },
  },
];

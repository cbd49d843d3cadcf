/** `replaces`: a session gives way to its successor in the same step, or nothing happens. */
import { hold, outcome, same } from "../expect.ts";
import { found, handles, IDLE_MS, opened, refOf, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { idsIn, listed } from "./list.ts";

export const replacesCases: readonly StoreCase[] = [
  {
    name: "keeps a replacing session out of the limit and ends the replaced one in the same step",
    async run(store, kit) {
      const tenant = kit.tenant();
      const old = kit.recordOf({ tenant });
      await opened(store, old, { data: { cart: "[1]" } });
      const now = kit.now + 1000;
      const { dataVersion } = await found(store, old);
      const next = kit.recordOf({ tenant, createdAt: now });
      const created = await opened(store, next, {
        limits: { max: 1, onLimit: "reject" },
        replaces: { ref: refOf(old), dataVersion },
        data: { cart: "[1]" },
      });
      const end = { reason: "replaced", at: now };
      same(created.replaced?.record.id, old.id, "who was replaced");
      same(created.replaced?.record.state, "active", "the record as it was before it ended");
      same(created.replaced?.end, end, "the end of the replaced");
      same(created.evicted, [], "evicted beside the replaced");
      const stored = await found(store, old);
      same([stored.record.state, stored.record.end], ["ended", end], "the stored end");
      same(stored.data, { cart: "[1]" }, "the data of the replaced session, frozen");
      same(idsIn(await listed(store, tenant, "alice", now)), [next.id], "who is live");
    },
  },
  {
    name: "changes nothing when the data of the session to be replaced moved on",
    async run(store, kit) {
      const tenant = kit.tenant();
      const old = kit.recordOf({ tenant });
      await opened(store, old);
      const { dataVersion } = await found(store, old);
      await store.patchData(old, [{ op: "set", key: "cart", value: "[1]" }]);
      const next = kit.recordOf({ tenant });
      const replaces = { ref: refOf(old), dataVersion };
      const result = await store.create(next, { now: kit.now + 1, replaces });
      same(result, { outcome: "conflict" }, "create that replaces what moved on");
      hold((await store.find(next)) === undefined, "nothing was created");
      same((await found(store, old)).record.state, "active", "the session to be replaced");
    },
  },
  {
    name: "changes nothing when the session to be replaced is not live",
    async run(store, kit) {
      const tenant = kit.tenant();
      const ended = kit.recordOf({ tenant });
      await opened(store, ended);
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      const expired = kit.recordOf({ tenant });
      await opened(store, expired);
      const absent = { tenant, id: kit.id() };
      const now = kit.now + IDLE_MS;
      for (const ref of [refOf(ended), refOf(expired), absent]) {
        const next = kit.recordOf({ tenant });
        const result = await store.create(next, { now, replaces: { ref, dataVersion: 0 } });
        same(result, { outcome: "gone" }, "create that replaces what is not live");
        hold((await store.find(next)) === undefined, "nothing was created");
      }
      same((await found(store, ended)).record.end, revoked(kit.now + 1), "the first end");
    },
  },
  {
    name: "refuses to replace a session of another subject or tenant",
    async run(store, kit) {
      const tenant = kit.tenant();
      const elsewhere = kit.recordOf({ tenant: kit.tenant() });
      const foreign = kit.recordOf({ tenant, subject: "bob" });
      for (const victim of [elsewhere, foreign]) {
        await opened(store, victim);
        const next = kit.recordOf({ tenant });
        const replaces = { ref: refOf(victim), dataVersion: 0 };
        const result = await store
          .create(next, { now: kit.now + 1, replaces })
          .catch(() => undefined);
        hold(result?.outcome !== "created", "another's session is none to replace");
        same((await found(store, victim)).record.state, "active", "the other's session");
        hold((await store.find(next)) === undefined, "nothing was created");
      }
    },
  },
  {
    name: "keeps the session to be replaced when the create is refused for another reason",
    async run(store, kit) {
      const tenant = kit.tenant();
      const now = kit.now + 1000;
      const old = kit.recordOf({ tenant });
      const other = kit.recordOf({ tenant });
      await opened(store, old);
      await opened(store, other);
      const replaces = { ref: refOf(old), dataVersion: 0 };
      const limits = { max: 1, onLimit: "reject" } as const;
      const next = kit.recordOf({ tenant });
      outcome(await store.create(next, { now, replaces, limits }), "limit", "one too many");
      const taken = kit.recordOf({ ...refOf(other) });
      outcome(await store.create(taken, { now, replaces }), "exists", "a taken id");
      const { epoch } = await store.revokeSubject(tenant, "alice", {
        now,
        except: old.id,
        end: revoked(now),
      });
      const stale = await store.create(next, { now, replaces, subjectEpoch: epoch - 1 });
      outcome(stale, "stale-epoch", "a stale epoch");
      same((await found(store, old)).record.state, "active", "the session to be replaced");
    },
  },
  {
    name: "keeps one of 20 simultaneous successors of one session",
    async run(store, kit) {
      const tenant = kit.tenant();
      const stores = handles(store, kit);
      const old = kit.recordOf({ tenant });
      await opened(store, old);
      const replaces = { ref: refOf(old), dataVersion: 0 };
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const record = kit.recordOf({ tenant });
          return (stores[index % 2] ?? store).create(record, { now: kit.now + 1, replaces });
        }),
      );
      const created = results.filter((result) => result.outcome === "created");
      same(created.length, 1, "successors");
      same(results.filter((result) => result.outcome === "gone").length, 19, "those told `gone`");
      same((await listed(store, tenant, "alice", kit.now + 1)).length, 1, "live sessions");
    },
  },
];

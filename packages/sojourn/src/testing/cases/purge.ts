/** Erasing a subject: nothing of it stays but ids that are used up and the raised epoch. */
import { hold, outcome, same } from "../expect.ts";
import { found, opened, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";
import { listed } from "./list.ts";

export const purgeCases: readonly StoreCase[] = [
  {
    name: "erases every session of a subject, live and ended, and nobody else's",
    async run(store, kit) {
      const tenant = kit.tenant();
      const [live, ended] = [kit.recordOf({ tenant }), kit.recordOf({ tenant })];
      const others = [
        kit.recordOf({ tenant, subject: "bob" }),
        kit.recordOf({ tenant, subject: null }),
        kit.recordOf({ tenant: kit.tenant() }),
      ];
      for (const record of [live, ended, ...others]) {
        await opened(store, record, { data: { secret: '"cart"' } });
      }
      await store.revoke(ended, revoked(kit.now + 1), { now: kit.now + 1 });
      same(await store.purgeSubject(tenant, "alice", kit.now + 2), 2, "sessions erased");
      for (const ref of [live, ended]) {
        hold((await store.find(ref)) === undefined, "an erased session is not found");
        const result = await store.revoke(ref, revoked(kit.now + 3), { now: kit.now + 3 });
        same(result.outcome, "absent", "revoking an erased session");
      }
      same(await listed(store, tenant, "alice", kit.now + 2), [], "the list");
      if (store.capabilities.query === "full") {
        const { items } = await store.query(
          { tenant, subject: "alice", state: "any" },
          { now: kit.now },
        );
        same(items, [], "the query");
      }
      for (const record of others) same((await found(store, record)).record, record, "another's");
      same(await store.purgeSubject(tenant, "alice", kit.now + 4), 0, "erasing again");
    },
  },
  {
    name: "never re-creates an erased session and refuses logins from before (I1, I5)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const record = kit.recordOf({ tenant });
      const subjectEpoch = await store.subjectEpoch(tenant, "alice");
      await opened(store, record);
      await store.purgeSubject(tenant, "alice", kit.now + 1);
      same(await store.create(record, { now: kit.now + 2 }), { outcome: "exists" }, "its id");
      const raised = await store.subjectEpoch(tenant, "alice");
      hold(raised > subjectEpoch, "the epoch is raised");
      const racing = kit.recordOf({ tenant });
      const refused = await store.create(racing, { now: kit.now + 2, subjectEpoch });
      outcome(refused, "stale-epoch", "a login that began before");
      await opened(store, racing, { subjectEpoch: raised });
      same(
        (await listed(store, tenant, "alice", kit.now)).length,
        1,
        "a new session of the subject",
      );
    },
  },
];

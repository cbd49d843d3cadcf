/** A scan of everything, for indexes beside the store; where the store has one. */
import type { SessionRef, SessionStore } from "../../engine/ports.ts";
import { hold, same } from "../expect.ts";
import { HOUR_MS, IDLE_MS, opened, refOf, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";

const PAGES_MAX = 20_000;

/** Each once; between two pages `meanwhile`. */
async function scanned(
  store: SessionStore,
  tenants: readonly string[],
  limit: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<readonly string[]> {
  const met = new Set<string>();
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await store.scan?.({ limit, ...(cursor === undefined ? {} : { cursor }) });
    for (const { tenant, id } of page?.items ?? []) {
      if (tenants.includes(tenant)) met.add(`${tenant} ${id}`);
    }
    cursor = page?.cursor;
    if (cursor === undefined) return [...met].toSorted();
    await meanwhile();
  }
  hold(false, "a scan comes to its end");
  return [];
}

function named(refs: readonly SessionRef[]): readonly string[] {
  return refs.map(({ tenant, id }) => `${tenant} ${id}`).toSorted();
}

export const scanCases: readonly StoreCase[] = [
  {
    name: "meets every session of every tenant, ended ones too, and none that was erased",
    async run(store, kit) {
      if (store.scan === undefined) return;
      const tenants = [kit.tenant(), kit.tenant()];
      const records = Array.from({ length: 24 }, (_, index) =>
        kit.recordOf({
          tenant: tenants[index % 2] ?? "",
          subject: index % 5 === 0 ? null : `u${index % 4}`,
          createdAt: kit.now + index,
          idleMs: IDLE_MS + (index % 3) * HOUR_MS,
        }),
      );
      for (const record of records) await opened(store, record);
      const now = kit.now + 1_000;
      for (const record of records.slice(0, 6)) await store.revoke(record, revoked(now), { now });
      for (const limit of [1_000, 7]) {
        same(await scanned(store, tenants, limit), named(records), `pages of ${limit}`);
      }
      const [erased = ""] = tenants;
      await store.purgeSubject(erased, "u2", now);
      const left = records.filter((one) => one.tenant !== erased || one.subject !== "u2");
      hold(left.length < records.length, "somebody was erased");
      same(await scanned(store, tenants, 50), named(left), "after an erasure");
    },
  },
  {
    name: "meets whatever stays from beginning to end, while others come and go",
    async run(store, kit) {
      if (store.scan === undefined) return;
      const tenant = kit.tenant();
      const records = Array.from({ length: 40 }, () => kit.recordOf({ tenant }));
      for (const record of records) await opened(store, record);
      let [next, now] = [0, kit.now];
      const met = await scanned(store, [tenant], 5, async () => {
        const record = records[next];
        if (record === undefined) return;
        next += 1;
        now += 1;
        await store.touch([{ ref: refOf(record), seenAt: now }]);
        if (next % 3 === 0) await store.revoke(refOf(record), revoked(now), { now });
        await opened(store, kit.recordOf({ tenant, createdAt: now }));
      });
      for (const one of named(records)) hold(met.includes(one), `met: ${one}`);
    },
  },
  {
    name: "refuses a cursor that is none",
    async run(store, kit) {
      if (store.scan === undefined) return;
      await opened(store, kit.recordOf({ tenant: kit.tenant() }));
      for (const cursor of ["", "x", "' OR 1=1 --", "1"]) {
        const outcome = await store.scan({ cursor }).then(
          () => "pages",
          () => "refused",
        );
        same(outcome, "refused", `cursor ${JSON.stringify(cursor)}`);
      }
    },
  },
];

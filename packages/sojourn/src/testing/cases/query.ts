/** Queries over a tenant, where the store has them. */
import type { SessionFilter, SessionStore, StoreCapabilities } from "../../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import { hold, same } from "../expect.ts";
import { ABSOLUTE_MS, HOUR_MS, IDLE_MS, opened, revoked } from "../store-case.ts";
import type { CaseKit, StoreCase } from "../store-case.ts";
import { idsIn } from "./list.ts";

const PAGES_MAX = 2_000;

function needs(capabilities: StoreCapabilities): boolean {
  return capabilities.query === "full";
}

async function queried(
  store: SessionStore,
  filter: SessionFilter,
  now: number,
  limit: number = 200,
): Promise<readonly SessionSummary[]> {
  const items: SessionSummary[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await store.query(filter, {
      now,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    hold(page.items.length <= limit, "a page is no longer than asked for");
    items.push(...page.items);
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  hold(cursor === undefined, "a query comes to its last page");
  return items;
}

/** Query and count must tell the same. */
async function matches(
  store: SessionStore,
  filter: SessionFilter,
  now: number,
  expected: readonly SessionRecord[],
): Promise<void> {
  const what = JSON.stringify(filter);
  same(idsIn(await queried(store, filter, now)), idsIn(expected), `query ${what}`);
  const { count, exact } = await store.count(filter, now);
  if (exact) same(count, expected.length, `count ${what}`);
}

/** One session of each state as judged at `now + IDLE_MS`. */
async function oneOfEach(store: SessionStore, kit: CaseKit, tenant: string) {
  const late = { createdAt: kit.now + IDLE_MS };
  const records = {
    active: kit.recordOf({ tenant, ...late }),
    pending: kit.recordOf({ tenant, state: "pending", ...late }),
    locked: kit.recordOf({ tenant, state: "locked", lockFactors: 2, ...late }),
    idleLocked: kit.recordOf({ tenant, idleLockFactors: 1 }),
    expired: kit.recordOf({ tenant }),
    revoked: kit.recordOf({ tenant, ...late }),
    anonymous: kit.recordOf({ tenant, subject: null, ...late }),
  };
  for (const record of Object.values(records)) await opened(store, record);
  const now = kit.now + IDLE_MS;
  await store.revoke(records.revoked, revoked(now), { now });
  return records;
}

export const queryCases: readonly StoreCase[] = [
  {
    name: "finds sessions by their state as judged at the given instant",
    needs,
    async run(store, kit) {
      const tenant = kit.tenant();
      const all = await oneOfEach(store, kit, tenant);
      const now = kit.now + IDLE_MS;
      const live = [all.active, all.pending, all.locked, all.idleLocked, all.anonymous];
      await matches(store, { tenant }, now, live);
      await matches(store, { tenant, state: "live" }, now, live);
      await matches(store, { tenant, state: "any" }, now, Object.values(all));
      await matches(store, { tenant, state: "active" }, now, [all.active, all.anonymous]);
      await matches(store, { tenant, state: "pending" }, now, [all.pending]);
      await matches(store, { tenant, state: "locked" }, now, [all.locked, all.idleLocked]);
      await matches(store, { tenant, state: "ended" }, now, [all.expired, all.revoked]);
      await matches(store, { tenant, state: "ended" }, now - 1, [all.revoked]);
      await matches(store, { tenant, state: "live" }, kit.now + 2 * ABSOLUTE_MS, []);
      await matches(store, { tenant: kit.tenant(), state: "any" }, now, []);
    },
  },
  {
    name: "finds sessions by subject, device and time of creation, bounds included and excluded",
    needs,
    async run(store, kit) {
      const tenant = kit.tenant();
      const at = (offset: number) => ({ createdAt: kit.now + offset });
      const phone = { device: { id: "phone" } };
      const a = kit.recordOf({ tenant, ...at(0), ...phone });
      const b = kit.recordOf({ tenant, ...at(10), device: { id: "laptop" } });
      const c = kit.recordOf({ tenant, ...at(20), subject: "bob", ...phone });
      const d = kit.recordOf({ tenant, ...at(30), subject: null });
      for (const record of [a, b, c, d]) await opened(store, record);
      const now = kit.now + 100;
      await matches(store, { tenant, subject: "alice" }, now, [a, b]);
      await matches(store, { tenant, device: "phone" }, now, [a, c]);
      await matches(store, { tenant, subject: "alice", device: "phone" }, now, [a]);
      await matches(store, { tenant, subject: "null" }, now, []);
      await matches(store, { tenant, createdFrom: kit.now + 10 }, now, [b, c, d]);
      await matches(store, { tenant, createdBefore: kit.now + 20 }, now, [a, b]);
      const range = { createdFrom: kit.now + 10, createdBefore: kit.now + 30 };
      await matches(store, { tenant, ...range }, now, [b, c]);
      await matches(store, { tenant, ...range, subject: "alice" }, now, [b]);
      await matches(store, { tenant, createdFrom: kit.now + 31 }, now, []);
      await store.revoke(a, revoked(now), { now });
      await matches(store, { tenant, subject: "alice", state: "any" }, now, [a, b]);
      await matches(store, { tenant, subject: "alice", state: "ended" }, now, [a]);
    },
  },
  {
    name: "pages newest first without gap or repetition, also while sessions come and go",
    needs,
    async run(store, kit) {
      const tenant = kit.tenant();
      const records = Array.from({ length: 33 }, (_, index) =>
        kit.recordOf({
          tenant,
          subject: `u${index % 5}`,
          createdAt: kit.now + Math.floor(index / 4),
        }),
      );
      for (const record of kit.random.shuffle(records)) await opened(store, record);
      const now = kit.now + HOUR_MS / 10;
      const whole = await queried(store, { tenant }, now);
      same(idsIn(whole), idsIn(records), "all of them");
      for (const limit of [1, 5, 32, 33, 34]) {
        const paged = await queried(store, { tenant }, now, limit);
        same(
          paged.map((one) => one.id),
          whole.map((one) => one.id),
          `pages of ${limit}`,
        );
      }
      const { items, cursor } = await store.query({ tenant }, { now, limit: 10 });
      for (const createdAt of [now - 1, now]) {
        await opened(store, kit.recordOf({ tenant, createdAt }));
      }
      const last = items.at(-1);
      if (last !== undefined) await store.revoke(last, revoked(now), { now });
      hold(cursor !== undefined, "more pages, so a cursor");
      const rest = await store.query({ tenant }, { now, limit: 200, cursor });
      const seen = [...items, ...rest.items].map((one) => one.id);
      same(
        seen,
        whole.map((one) => one.id),
        "what the pages showed",
      );
      for (const [index, session] of whole.entries()) {
        const next = whole[index + 1];
        hold(next === undefined || session.createdAt >= next.createdAt, "newest first");
      }
    },
  },
  {
    name: "refuses a cursor of another query, or shows nothing that is not asked for",
    needs,
    async run(store, kit) {
      const [tenant, other] = [kit.tenant(), kit.tenant()];
      for (let index = 0; index < 6; index += 1) {
        const subject = index % 2 === 0 ? "alice" : "bob";
        await opened(store, kit.recordOf({ tenant, subject, createdAt: kit.now + index }));
        await opened(store, kit.recordOf({ tenant: other, createdAt: kit.now + index }));
      }
      const now = kit.now + 100;
      const { cursor } = await store.query({ tenant }, { now, limit: 2 });
      hold(cursor !== undefined, "a query with more pages gives a cursor");
      for (const odd of [cursor, "", "!", "1", "' OR 1=1 --", `${cursor}x`]) {
        const filter = { tenant: other, subject: "alice" };
        const page = await store.query(filter, { now, cursor: odd }).catch(() => ({ items: [] }));
        for (const item of page.items) same(item.tenant, other, "whose session is shown");
        const bobs = await store
          .query({ tenant, subject: "bob" }, { now, cursor: odd })
          .catch(() => ({ items: [] }));
        for (const item of bobs.items) same(item.subject, "bob", "whose session is shown");
      }
    },
  },
];

/** Lists of a subject's sessions: live ones only, newest first, in pages that miss none. */
import type { SessionStore } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { hold, same } from "../expect.ts";
import { ABSOLUTE_MS, HOUR_MS, IDLE_MS, opened, revoked } from "../store-case.ts";
import type { StoreCase } from "../store-case.ts";

const PAGES_MAX = 2_000;

/** Every live session of a subject. */
export function listed(
  store: SessionStore,
  tenant: string,
  subject: string,
  now: number,
): Promise<readonly SessionSummary[]> {
  return paged(store, { tenant, subject }, { now, limit: 200 });
}

/** The same, in pages of a given length. */
async function paged(
  store: SessionStore,
  { tenant, subject }: { readonly tenant: string; readonly subject: string },
  { now, limit }: { readonly now: number; readonly limit: number },
): Promise<readonly SessionSummary[]> {
  const items: SessionSummary[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const options = { now, limit, ...(cursor === undefined ? {} : { cursor }) };
    const page = await store.listBySubject(tenant, subject, options);
    hold(page.items.length <= limit, "a page is no longer than asked for");
    items.push(...page.items);
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  hold(cursor === undefined, "a list comes to its last page");
  return items;
}

export function idsIn(sessions: readonly { readonly id: string }[]): readonly string[] {
  return sessions.map((session) => session.id).toSorted();
}

export const listCases: readonly StoreCase[] = [
  {
    name: "excludes what was ended, expired or left below the epoch, to the millisecond",
    async run(store, kit) {
      const tenant = kit.tenant();
      const deadline = kit.now + IDLE_MS;
      const plain = kit.recordOf({ tenant });
      const locking = kit.recordOf({ tenant, idleLockFactors: 1 });
      const pending = kit.recordOf({ tenant, state: "pending", idleLockFactors: 1 });
      const locked = kit.recordOf({ tenant, state: "locked", lockFactors: 1, idleMs: HOUR_MS });
      const brief = kit.recordOf({ tenant, absoluteExpiresAt: deadline, idleMs: HOUR_MS });
      const ended = kit.recordOf({ tenant });
      const all = [plain, locking, pending, locked, brief];
      for (const record of [...all, ended]) await opened(store, record);
      await store.revoke(ended, revoked(kit.now), { now: kit.now });
      same(idsIn(await listed(store, tenant, "alice", deadline - 1)), idsIn(all), "just before");
      const left = idsIn([locking, locked]);
      same(idsIn(await listed(store, tenant, "alice", deadline)), left, "exactly at the deadline");
      const absolute = kit.now + ABSOLUTE_MS;
      same(await listed(store, tenant, "alice", absolute), [], "at the absolute deadline");
      const before = await listed(store, tenant, "alice", absolute - 1);
      same(idsIn(before), idsIn([locking]), "just before the absolute deadline");
      await store.apply([{ kind: "epoch", tenant, subject: "alice", epoch: 1 }], "elsewhere");
      same(await listed(store, tenant, "alice", kit.now), [], "below the epoch");
    },
  },
  {
    name: "orders newest first and pages without gap or repetition, ties included",
    async run(store, kit) {
      const tenant = kit.tenant();
      const records = Array.from({ length: 47 }, (_, index) =>
        kit.recordOf({ tenant, createdAt: kit.now + Math.floor(index / 6) }),
      );
      for (const record of kit.random.shuffle(records)) await opened(store, record);
      const now = kit.now + 100;
      const whole = await listed(store, tenant, "alice", now);
      same(idsIn(whole), idsIn(records), "all of them");
      for (const [index, session] of whole.entries()) {
        const next = whole[index + 1];
        hold(next === undefined || session.createdAt >= next.createdAt, "newest first");
      }
      for (const limit of [1, 2, 7, 46, 47, 48]) {
        const pages = await paged(store, { tenant, subject: "alice" }, { now, limit });
        same(
          pages.map((one) => one.id),
          whole.map((one) => one.id),
          `pages of ${limit}`,
        );
      }
      const half = await store.listBySubject(tenant, "alice", { now });
      hold(half.items.length <= 50, "a page without a limit is at most 50 long");
    },
  },
  {
    name: "keeps pages stable while sessions are opened and ended in between",
    async run(store, kit) {
      const tenant = kit.tenant();
      const records = Array.from({ length: 20 }, (_, index) =>
        kit.recordOf({ tenant, createdAt: kit.now + index }),
      );
      for (const record of records) await opened(store, record);
      const now = kit.now + HOUR_MS / 10;
      const first = await store.listBySubject(tenant, "alice", { now, limit: 5 });
      const last = first.items.at(-1);
      // More come than go, or a page that counts from the top would not be found out.
      for (const createdAt of [now - 1, now]) {
        await opened(store, kit.recordOf({ tenant, createdAt }));
      }
      if (last !== undefined) await store.revoke(last, revoked(now), { now });
      const seen = first.items.map((one) => one.id);
      let { cursor } = first;
      for (let pages = 0; cursor !== undefined && pages < PAGES_MAX; pages += 1) {
        const page = await store.listBySubject(tenant, "alice", { now, limit: 5, cursor });
        seen.push(...page.items.map((one) => one.id));
        ({ cursor } = page);
      }
      same(seen, records.map((record) => record.id).toReversed(), "what the pages showed");
    },
  },
  {
    name: "refuses a cursor of another list, or shows nothing that is not asked for",
    async run(store, kit) {
      const tenant = kit.tenant();
      for (const subject of ["alice", "bob"]) {
        for (let index = 0; index < 4; index += 1) {
          await opened(store, kit.recordOf({ tenant, subject, createdAt: kit.now + index }));
        }
      }
      const now = kit.now + 100;
      const { cursor } = await store.listBySubject(tenant, "alice", { now, limit: 2 });
      hold(cursor !== undefined, "a list with more pages gives a cursor");
      const tampered = `${cursor.slice(0, -1)}${cursor.endsWith("A") ? "B" : "A"}`;
      for (const odd of [
        cursor,
        tampered,
        "",
        "!",
        "null",
        "1",
        "-1",
        "' OR 1=1 --",
        "9".repeat(500),
      ]) {
        const page = await store
          .listBySubject(tenant, "bob", { now, cursor: odd })
          .catch(() => ({ items: [] }));
        for (const item of page.items) same(item.subject, "bob", "whose session is shown");
        const other = await store
          .listBySubject(kit.tenant(), "alice", { now, cursor: odd })
          .catch(() => ({ items: [] }));
        same(other.items, [], "another tenant's list");
      }
    },
  },
  {
    name: "shows summaries as stored, without verifiers or sealed tokens (I12)",
    async run(store, kit) {
      const tenant = kit.tenant();
      const device = { id: "d1", label: "Laptop" };
      const record = kit.recordOf({ tenant, device, roles: ["staff"] });
      await opened(store, record);
      await store.touch([{ ref: record, seenAt: kit.now + 5 }]);
      const { rotation: _rotation, ...summary } = record;
      const [item] = await listed(store, tenant, "alice", kit.now + 5);
      same(item, { ...summary, seenAt: kit.now + 5 }, "the summary");
      hold(item !== undefined && !("rotation" in item), "no rotation in a summary");
    },
  },
  {
    name: "keeps anonymous sessions out of every list",
    async run(store, kit) {
      const tenant = kit.tenant();
      await opened(store, kit.recordOf({ tenant, subject: null, kind: "anonymous" }));
      for (const subject of ["null", "", "undefined", "anonymous"]) {
        same(await listed(store, tenant, subject, kit.now), [], `the list of "${subject}"`);
      }
      await opened(store, kit.recordOf({ tenant, subject: "null" }));
      same((await listed(store, tenant, "null", kit.now)).length, 1, "a subject named null");
    },
  },
];

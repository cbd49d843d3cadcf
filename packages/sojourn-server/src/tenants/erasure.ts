/**
 * What is left of an erased tenant, purged: its sessions, subject by subject, and what the audit
 * trail tells. Its key is gone by then, so none of it proves or says anything. Each step may be
 * done again, so whoever finds it half done goes on.
 */
import { handleOf } from "sojourn";
import type { Sessions, SessionStore } from "sojourn";
import type { TenantTable } from "./tenant-table.ts";

export interface ErasureParts {
  readonly table: TenantTable;
  readonly sessions: Sessions;
  readonly store: Pick<SessionStore, "purgeSubject" | "capabilities">;
  readonly now: () => number;
  /** Empty the texts of the trail. */
  readonly eraseTexts: (tenant: string) => Promise<void>;
}

const PAGE = 200;
const AT_ONCE_MAX = 20;
/** No process carries its entries into the trail later than this, unless it is down. */
const LATE_MS = 60 * 60_000;
const CAUSE = "tenant_erased";
const ACTOR = "system";

/** @returns true when nothing is left. */
export async function purgeErased(
  parts: ErasureParts,
  tenant: string,
  until: () => boolean = () => false,
): Promise<boolean> {
  const { table, now, eraseTexts, store } = parts;
  // A store that cannot list a tenant lets go of its sessions at their own ends.
  if (store.capabilities.query === "full" && !(await purgeSessions(parts, tenant, until))) {
    return false;
  }
  await eraseTexts(tenant);
  await table.purged(tenant, now());
  return true;
}

/**
 * Go on with what another process may have left, and look again at what was erased lately: entries
 * of other processes may have been on their way. @returns how many are done with.
 */
export async function purgeLeft(parts: ErasureParts): Promise<number> {
  let done = 0;
  const { table, now } = parts;
  for (const { id } of await table.erasing(now() - LATE_MS, AT_ONCE_MAX)) {
    if (await purgeErased(parts, id)) done += 1;
  }
  return done;
}

async function purgeSessions(
  { sessions, store, now }: ErasureParts,
  tenant: string,
  until: () => boolean,
): Promise<boolean> {
  let cursor: string | undefined;
  for (;;) {
    if (until()) return false;
    const filter = { tenant, state: "any" as const };
    const more = cursor === undefined ? {} : { cursor };
    const page = await sessions.query(filter, { limit: PAGE, ...more });
    const subjects = new Set<string>();
    for (const { id, subject } of page.items) {
      if (subject === null) {
        await sessions.revoke(handleOf(id), { tenant, cause: CAUSE, actor: ACTOR });
      } else subjects.add(subject);
    }
    for (const subject of subjects) {
      await sessions.subject(subject, { tenant }).revokeAll({ cause: CAUSE, actor: ACTOR });
      await store.purgeSubject(tenant, subject, now());
    }
    // Purged rows are no longer listed; a cursor stands at a place, not at a row.
    cursor = page.cursor;
    if (cursor === undefined) return true;
  }
}

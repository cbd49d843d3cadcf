/** Brings what is filed of sessions into agreement with the store, whatever happened to them. */
import type { SessionRef, SessionStore, StoredSession } from "sojourn";
import type { Filed, IndexTable, Refiling, Stand } from "./index-table.ts";
import type { Terms } from "./terms.ts";

/** Sessions of one transaction: in SQLite requests wait for its end, 5 ms with so many. */
export const BATCH = 25;
/** Rows of the installation's own, in tenants that no caller can name, are not for anybody. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export interface FilerParts {
  readonly store: Pick<SessionStore, "find">;
  readonly table: IndexTable;
  readonly terms: Terms;
}

/**
 * File these sessions as they are now, and note how far the index is.
 *
 * @param refs Each once, at most {@link BATCH}.
 */
export async function refile(
  { store, table, terms }: FilerParts,
  refs: readonly SessionRef[],
  stand: Stand,
): Promise<void> {
  const ours = refs.filter(({ tenant }) => TENANT.test(tenant));
  const filed = new Map<string, Filed>();
  if (ours.length > 0) for (const row of await table.filed(ours)) filed.set(keyOf(row.ref), row);
  // After what is filed was read: whatever changes from here on is told, and looked at again.
  const found = await Promise.all(ours.map((ref) => store.find(ref)));
  const refilings = ours.flatMap((ref, index): Refiling[] => {
    const before = filed.get(keyOf(ref));
    const refiling = refilingOf(terms, ref, found[index], before);
    return refiling === undefined || isKept(refiling, stand.build) ? [] : [refiling];
  });
  await table.write(refilings, stand);
}

function refilingOf(
  terms: Terms,
  ref: SessionRef,
  stored: StoredSession | undefined,
  before: Filed | undefined,
): Refiling | undefined {
  if (stored !== undefined) return { ref, filing: terms.filing(stored), before };
  return before === undefined ? undefined : { ref, filing: undefined, before };
}

/** Nothing has to be written. */
function isKept({ filing, before }: Refiling, build: number): boolean {
  return (
    filing !== undefined &&
    before !== undefined &&
    before.build === build &&
    before.createdAt === filing.createdAt &&
    before.terms.length === filing.terms.length &&
    filing.terms.every((term, index) => term === before.terms[index])
  );
}

export function keyOf({ tenant, id }: SessionRef): string {
  return `${tenant}\n${id}`;
}

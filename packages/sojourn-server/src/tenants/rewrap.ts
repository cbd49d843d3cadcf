/** Keys of tenants under the first secret: then an older one may be taken away. */
import { setImmediate as turn } from "node:timers/promises";
import type { TenantTable } from "./tenant-table.ts";
import type { Wrapping } from "./wrapping.ts";

const AT_ONCE = 100;

/** @returns how many were wrapped anew, and how many none of the secrets opens. */
export async function rewrapKeys(
  table: TenantTable,
  wrapping: Wrapping,
): Promise<{ readonly rewrapped: number; readonly unreadable: readonly string[] }> {
  let rewrapped = 0;
  const unreadable: string[] = [];
  for (let after = ""; ;) {
    const tenants = await table.keyed(after, AT_ONCE);
    for (const { id, wrappedKey } of tenants) {
      if (wrappedKey === undefined) continue;
      const read = wrapping.unwrap(id, wrappedKey);
      if (read === undefined) unreadable.push(id);
      else if (!read.current) {
        if (await table.rewrap(id, wrappedKey, wrapping.wrap(id, read.key))) rewrapped += 1;
      }
    }
    const last = tenants.at(-1);
    if (last === undefined || tenants.length < AT_ONCE) return { rewrapped, unreadable };
    after = last.id;
    await turn();
  }
}

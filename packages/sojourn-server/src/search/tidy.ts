/** What the store erases after its time it says nothing of: the oldest ends are looked after. */
import type { SessionStore } from "sojourn";
import type { IndexTable } from "./index-table.ts";

const LOOKED_AT = 200;
const ROUNDS_MAX = 50;

/** @returns how many were taken out. */
export async function tidyIndex(
  table: IndexTable,
  store: Pick<SessionStore, "find">,
): Promise<number> {
  let taken = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const oldest = await table.oldestEnded(LOOKED_AT);
    const found = await Promise.all(oldest.map(({ ref }) => store.find(ref)));
    const gone = oldest.filter((_, index) => found[index] === undefined);
    await table.takeOut(gone);
    taken += gone.length;
    // Nearly all of them are there: so are those that ended later.
    if (gone.length < LOOKED_AT / 2) break;
  }
  return taken;
}

/** What comes of itself, awaited. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;
/** Far above what anything takes here, on a machine that does other things, too. */
const WITHIN_MS = 30_000;

/** @returns what `look` finds, as soon as that is neither `undefined` nor `false`. */
export async function eventually<Found>(
  look: () => Promise<Found> | Found,
): Promise<Exclude<Found, undefined | false>> {
  const until = performance.now() + WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) {
      return found as Exclude<Found, undefined | false>;
    }
    if (performance.now() > until) throw new Error("it did not come");
    await sleep(POLL_MS);
  }
}

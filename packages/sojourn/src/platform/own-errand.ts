/**
 * Errands where a request has its I/O to itself: what one request began is lost with it, and a
 * promise of it would never settle for the others. They look from time to time whether it is over,
 * and after a while go themselves.
 */
import type { Errand } from "../engine/ports.ts";

const LOOK_EVERY_MS = 10;
/** Whoever takes longer is taken for lost; somebody who is not costs one more call. */
const LOST_AFTER_MS = 400;

/** @param run Never rejects. */
export function errandOf(run: () => Promise<void>): Errand {
  let begunAt = -Infinity;
  let begun = 0;
  let over = 0;
  const isUnderWay = (): boolean => performance.now() - begunAt < LOST_AFTER_MS;
  const go = async (): Promise<void> => {
    begunAt = performance.now();
    begun += 1;
    const turn = begun;
    await run();
    over = Math.max(over, turn);
    if (turn === begun) begunAt = -Infinity;
  };
  return {
    get underWay() {
      return isUnderWay();
    },
    async join() {
      const awaited = begun;
      if (!isUnderWay()) return go();
      while (isUnderWay() && over < awaited) await pause(LOOK_EVERY_MS);
      return over < awaited ? go() : undefined;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

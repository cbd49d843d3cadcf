import type { Errand } from "../engine/ports.ts";

/** One promise for everybody. @param run Never rejects. */
export function errandOf(run: () => Promise<void>): Errand {
  let running: Promise<void> | undefined;
  return {
    get underWay() {
      return running !== undefined;
    },
    join() {
      running ??= run().finally(() => (running = undefined));
      return running;
    },
  };
}

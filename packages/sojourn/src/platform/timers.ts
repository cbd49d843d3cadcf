/** One-shot timers over `setTimeout` that let a process end. */
import type { Timers } from "../engine/ports.ts";

/** `setTimeout` keeps its delay in 31 bits and fires at once for more. */
const LONGEST_MS = 2 ** 31 - 1;

export const timers: Timers = {
  after(ms, run) {
    let left = ms;
    let cancel = start();
    function start(): () => void {
      const step = Math.min(left, LONGEST_MS);
      left -= step;
      return startOnce(step, () => {
        if (left > 0) cancel = start();
        else run();
      });
    }
    return () => cancel();
  },
};

function startOnce(ms: number, run: () => void): () => void {
  const handle: unknown = setTimeout(run, ms);
  letProcessEnd(handle);
  return () => clearTimeout(handle as ReturnType<typeof setTimeout>);
}

/** Node and Bun give an object with `unref`; Deno gives a number; browsers need neither. */
function letProcessEnd(handle: unknown): void {
  if (typeof handle === "object" && handle !== null && "unref" in handle) {
    (handle as { unref(): void }).unref();
  } else if (typeof handle === "number") {
    const { Deno } = globalThis as { Deno?: { unrefTimer?(id: number): void } };
    Deno?.unrefTimer?.(handle);
  }
}

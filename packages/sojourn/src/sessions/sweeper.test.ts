import { describe, expect, it } from "vitest";
import type { Core } from "./core.ts";
import { SWEEP_DEFAULTS, Sweeper } from "./sweeper.ts";

/** A core whose sweeps take so many milliseconds each, the last with nothing left to do. */
function coreWith(takes: readonly number[], after: (ms: number, run: () => void) => void): Core {
  let now = 1_800_000_000_000;
  let sweeps = 0;
  const core = {
    now: () => now,
    timers: { after },
    emitter: { wanted: () => false },
    attempt: (_name: string, run: () => unknown) => run(),
    store: {
      sweep: async () => {
        now += takes[sweeps] ?? 0;
        sweeps += 1;
        return { ended: [], purged: 0, more: sweeps < takes.length };
      },
    },
  };
  return core as unknown as Core;
}

describe("the sweeper", () => {
  it("rests three times as long as a batch took, at most a second, and not after the last", async () => {
    const rests: number[] = [];
    const core = coreWith([100, 5000, 0, 40], (ms, run) => {
      rests.push(ms);
      run();
    });
    await new Sweeper(core, SWEEP_DEFAULTS).run();
    expect(rests).toEqual([300, 1000]);
  });

  it("ends its rest when it is closed", async () => {
    let rests = 0;
    const core = coreWith([100, 100, 100], () => void (rests += 1));
    const sweeper = new Sweeper(core, SWEEP_DEFAULTS);
    const running = sweeper.run();
    await expect.poll(() => rests).toBe(1);
    await sweeper.close();
    expect(await running).toBe(0);
  });

  it("holds up nobody who leaves while the store answers nothing", async () => {
    const waits: number[] = [];
    const core = coreWith([], (ms, run) => {
      waits.push(ms);
      run();
    });
    core.store.sweep = () => new Promise(() => undefined);
    const sweeper = new Sweeper(core, SWEEP_DEFAULTS);
    void sweeper.run();
    await sweeper.close();
    expect(waits).toEqual([5000]);
  });
});

import { describe, expect, it } from "vitest";
import type { Core } from "./core.ts";
import { SWEEP_DEFAULTS, Sweeper } from "./sweeper.ts";

/** A core whose sweeps take so many milliseconds each, the last with nothing left to do. */
function coreWith(
  takes: readonly number[],
  after: (ms: number, run: () => void) => void,
  blocking = false,
): Core {
  let now = 1_800_000_000_000;
  let sweeps = 0;
  const core = {
    now: () => now,
    timers: { after },
    emitter: { wanted: () => false },
    attempt: (_name: string, run: () => unknown) => run(),
    store: {
      capabilities: { blocking },
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
  it.each([
    { store: "beside others", blocking: false, expected: [3, 300, 2000] },
    { store: "in this very thread", blocking: true, expected: [150, 2000, 2000] },
  ])("rests the longer, the longer a batch took $store", async ({ blocking, expected }) => {
    const rests: number[] = [];
    const after = (ms: number, run: () => void): void => {
      rests.push(ms);
      run();
    };
    await new Sweeper(coreWith([1, 100, 5000, 0, 40], after, blocking), SWEEP_DEFAULTS).run();
    expect(rests, "none after a quick one, nor after the last").toEqual(expected);
  });

  it("takes as many at a time as a store does in 2 ms, from 25 to 500", async () => {
    const limits: number[] = [];
    const core = coreWith([0, 0, 0, 0, 0, 0, 4, 8, 100, 1, 9], (_ms, run) => run());
    const { sweep } = core.store;
    core.store.sweep = (options) => {
      limits.push(options.limit);
      return sweep(options);
    };
    await new Sweeper(core, SWEEP_DEFAULTS).run();
    expect(limits).toEqual([25, 50, 100, 200, 400, 500, 500, 250, 63, 25, 50]);
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

import { describe, expect, it } from "vitest";
import type { Core } from "./core.ts";
import type { ForeignSessions } from "./foreign.ts";
import { OldEnds } from "./old-ends.ts";

/** What of a core an end needs, with the timers that wait. */
function parts() {
  const waiting = new Set<() => void>();
  const after = (_ms: number, run: () => void) => {
    waiting.add(run);
    return () => void waiting.delete(run);
  };
  const core = { lastNow: () => 0, reportError: () => undefined, timers: { after } };
  return { waiting, ends: new OldEnds(core as unknown as Core) };
}

const down: ForeignSessions = {
  name: "down",
  expire: [],
  present: () => true,
  find: () => Promise.resolve({ state: "forged" }),
  end: () => Promise.reject(new Error("down")),
};

describe("old sessions that could not be ended", () => {
  it("wait for another try, up to 1 000 of them, and each key once", async () => {
    const { waiting, ends } = parts();
    for (let key = 0; key < 1_005; key += 1) await ends.end(down, String(key));
    expect(waiting.size).toBe(1_000);
    await ends.end(down, "7");
    expect(waiting.size).toBe(1_000);
    ends.close();
    expect(waiting.size).toBe(0);
  });

  it("are tried five times, and no more by themselves", async () => {
    const { waiting, ends } = parts();
    await ends.end(down, "k");
    let tries = 1;
    for (let [run] = waiting; run !== undefined; [run] = waiting) {
      waiting.delete(run);
      run();
      tries += 1;
      await new Promise(setImmediate);
    }
    expect(tries).toBe(5);
  });
});

/** The library over a store that fails over and forgets; `run.ts SEED STEPS replay` runs one. */
import { describe, expect, it } from "vitest";
import { factor, PATIENCE_MS, seed } from "./lives.ts";
import { REPLAY_STEPS, simulateReplay } from "./replay.ts";

describe("processes over a store that fails over to a copy that lags", () => {
  it(
    "keep I1-I5 and I7: what it lost is written again, and nobody is logged out (replay)",
    async () => {
      for (let round = 0; round < factor; round += 1) {
        const { steps, events, tally } = await simulateReplay(seed + round, REPLAY_STEPS);
        console.log(`note: replay: ${steps} steps, ${events} events`);
        for (const what of ["failover", "replayed ends", "replayed sessions"]) {
          expect(tally.get(what) ?? 0, `replay met ${what}`).toBeGreaterThan(0);
        }
      }
    },
    PATIENCE_MS * factor,
  );
});

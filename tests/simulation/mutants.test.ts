/** The simulation finds what it is for: each guard of the library, taken out, makes it fail. */
import { rmSync } from "node:fs";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import { hunt, misfit, MUTANTS, stage } from "./mutants.mjs";

const slow = env["SOJOURN_SLOW"] === "1";
const SEED = 1;
const HUNT_MS_MAX = 300_000;

describe("a mutant", () => {
  it("has one place in the sources, so that it takes out what it says", () => {
    expect(MUTANTS.flatMap((mutant) => misfit(mutant) ?? [])).toEqual([]);
  });

  // In seconds what says most; all of them in the slow run.
  const hunted = slow ? MUTANTS : MUTANTS.filter(({ quick }) => quick === true);

  it.each(hunted.map((mutant) => [mutant.guard, mutant] as const))(
    "is found by the simulation: %s",
    (_guard, mutant) => {
      const folder = stage();
      try {
        const { found, message } = hunt(folder, mutant, SEED);
        expect(found, message).toBe(true);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    HUNT_MS_MAX,
  );
});

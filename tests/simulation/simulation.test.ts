/** The library in simulated worlds where days are mostly fine, and what a seed is worth. */
import { describe, expect, it } from "vitest";
import { keepsPromises, PLACES, seed } from "./lives.ts";
import { simulateReplay } from "./replay.ts";
import { simulate } from "./run.ts";
import { SCENARIOS } from "./scenario.ts";

keepsPromises("days");

describe("every scenario", () => {
  it("has its place in one of the files that run side by side", () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(Object.values(PLACES).flat().toSorted()).toEqual(names.toSorted());
  });
});

describe("a seed", () => {
  it("tells the whole story: the same seed gives the same trace", async () => {
    const [one, other] = [await simulateReplay(seed, 500), await simulateReplay(seed, 500)];
    expect([other.events, other.hash]).toEqual([one.events, one.hash]);
    for (const scenario of SCENARIOS) {
      const first = await simulate(scenario, seed, 1_200);
      const second = await simulate(scenario, seed, 1_200);
      expect(second.events, scenario.name).toBe(first.events);
      expect(second.hash, scenario.name).toBe(first.hash);
    }
  });

  it("matters: another seed gives another trace", async () => {
    const [scenario] = SCENARIOS;
    const hashes = await Promise.all([1, 2].map((other) => hashOf(scenario, other)));
    expect(new Set(hashes).size).toBe(2);
  });
});

async function hashOf(scenario: (typeof SCENARIOS)[number] | undefined, other: number) {
  return scenario === undefined ? "" : (await simulate(scenario, other, 200)).hash;
}

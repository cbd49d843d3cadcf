/**
 * The short form of `npm run faults`: each engine with the faults that cost little, a few seconds
 * each, always from the same seed. One test file for each kind of engine, so that they run side by
 * side: a run waits most of its time.
 */
import { afterAll, describe, expect, it } from "vitest";
import { run } from "./driver.ts";
import type { RunResult } from "./driver.ts";
import { strikeCalled, strikesOn } from "./strikes/all.ts";
import { story } from "./table.ts";
import { worlds } from "./worlds.ts";

const SEED = Number(process.env["SOJOURN_SEED"] ?? 20_261_121);
const SLOW = process.env["SOJOURN_SLOW"] !== undefined;
const SPANS = SLOW ? { calmMs: 5_000, holdMs: 4_000 } : { calmMs: 500, holdMs: 900 };

/** Which test file has which engines. */
export const PLACES = {
  redis: ["sqlite", "redis"],
  postgres: ["postgres", "pgbouncer"],
  groups: ["postgres-standby", "redis-sentinel", "redis-cluster"],
} as const;

/** What `npm test` strikes; `npm run test:slow` strikes everything. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  sqlite: ["node-kill", "rolling-restart", "disk-full"],
  redis: ["kill", "stop", "partition-answers", "memory-full", "script-flush", "client-kill"],
  postgres: ["kill", "partition", "clock-ahead"],
  pgbouncer: ["pool-restart"],
  "postgres-standby": ["failover"],
  "redis-sentinel": ["failover"],
  "redis-cluster": ["reshard"],
};

/** S of the runs below near-caches. */
const STALENESS_MS = 400;
const NEAR: Readonly<Record<string, readonly string[]>> = {
  redis: ["client-kill"],
  postgres: ["resets"],
};

const told: RunResult[] = [];
afterAll(() => {
  for (const result of told) if (result.violations.length > 0) console.log(story(result));
});

async function struck(engine: string, fault: string, stalenessMs: number): Promise<RunResult> {
  const [world, strike] = [await worlds[engine]?.start({ stalenessMs }), strikeCalled(fault)];
  if (world === undefined || strike === undefined) throw new Error(`no ${engine}, or no ${fault}`);
  try {
    const result = await run(world, strike, { seed: SEED, ...SPANS });
    told.push(result);
    expect(
      result.violations.map(({ why }) => why),
      `seed: ${SEED}`,
    ).toEqual([]);
    expect(result.unanswered).toBe(0);
    expect(result.figures.operations).toBeGreaterThan(300);
    // A full memory ends sessions all the same. Invariant I10.
    if (fault === "memory-full") expect(result.during["revoke"]?.trouble ?? 0).toBe(0);
    return result;
  } finally {
    await world.stop();
  }
}

export function keepsPromises(place: keyof typeof PLACES): void {
  describe.each(PLACES[place])("%s", (engine) => {
    const names = strikesOn(worlds[engine]?.traits ?? []).map(({ name }) => name);
    it.each(names.filter((name) => SLOW || SHORT[engine]?.includes(name)))(
      "keeps I1-I5 and I7 for three processes through %s",
      async (fault) => {
        await struck(engine, fault, 0);
      },
    );
  });
}

export function isFreshBelowNearCaches(engine: string): void {
  describe(`${engine} below near-caches`, () => {
    const names = strikesOn(worlds[engine]?.traits ?? []).map(({ name }) => name);
    it.each(names.filter((name) => SLOW || NEAR[engine]?.includes(name)))(
      "[TE-09] refuses an ended session within S in every process, through %s (I3)",
      async (fault) => {
        const { figures } = await struck(engine, fault, STALENESS_MS);
        expect(figures.longestStaleMs).toBeLessThanOrEqual(STALENESS_MS);
      },
    );
  });
}

/**
 * The short form of `npm run faults`: each engine with the faults that cost little, a few seconds
 * each, always from the same seed.
 */
import { afterAll, describe, expect, it } from "vitest";
import { run } from "./driver.ts";
import type { RunResult } from "./driver.ts";
import { strikesOn } from "./strikes/all.ts";
import { story } from "./table.ts";
import { worlds } from "./worlds.ts";

const SEED = Number(process.env["SOJOURN_SEED"] ?? 20_261_121);
const SLOW = process.env["SOJOURN_SLOW"] !== undefined;
const SPANS = SLOW ? { calmMs: 5_000, holdMs: 4_000 } : { calmMs: 500, holdMs: 900 };

/** What `npm test` strikes; `npm run test:slow` strikes everything. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  sqlite: ["node-kill", "rolling-restart", "disk-full"],
  redis: ["kill", "stop", "partition-answers", "memory-full", "script-flush", "client-kill"],
  postgres: ["kill", "partition", "clock-ahead"],
  pgbouncer: ["pool-restart"],
  "postgres-standby": ["failover"],
  "redis-cluster": ["reshard"],
};

const told: RunResult[] = [];
afterAll(() => {
  for (const result of told) if (result.violations.length > 0) console.log(story(result));
});

/** Titles are found by requirement: what the runs show besides the invariants. */
const SHOWS = "[TE-09]";

describe.each(Object.entries(worlds))("%s", (engine, { traits, start }) => {
  const struck = strikesOn(traits).filter(({ name }) => SLOW || SHORT[engine]?.includes(name));

  it.each(struck.map((strike) => [strike.name, strike] as const))(
    `${SHOWS} keeps I1-I5 and I7 for three processes through %s`,
    async (_name, strike) => {
      const world = await start({});
      try {
        const result = await run(world, strike, { seed: SEED, ...SPANS });
        told.push(result);
        const { figures, unanswered, during } = result;
        expect(
          result.violations.map(({ why }) => why),
          `seed: ${SEED}`,
        ).toEqual([]);
        expect(unanswered).toBe(0);
        expect(figures.operations).toBeGreaterThan(300);
        // A full memory ends sessions all the same. Invariant I10.
        if (strike.name === "memory-full") expect(during["revoke"]?.trouble ?? 0).toBe(0);
      } finally {
        await world.stop();
      }
    },
  );
});

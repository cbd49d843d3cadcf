/**
 * The real library in simulated worlds, checked after every event, in test files that run side by
 * side. `SOJOURN_SEED` and `SOJOURN_STEPS` replay or lengthen a run (`npm run simulate`);
 * `SOJOURN_SLOW` goes ten times as far.
 */
import { randomInt } from "node:crypto";
import { env } from "node:process";
import { describe, expect, it } from "vitest";
import { simulate } from "./run.ts";
import type { Run } from "./run.ts";
import { SCENARIOS } from "./scenario.ts";

const SEED_MAX = 2 ** 32;
const SLOW_FACTOR = 10;
/** Per scenario, in milliseconds; a run takes a fraction of it. */
export const PATIENCE_MS = 120_000;

const slow = env["SOJOURN_SLOW"] === "1";
export const factor: number = slow ? SLOW_FACTOR : 1;
export const seed: number = Number(env["SOJOURN_SEED"] ?? randomInt(SEED_MAX));
const total = SCENARIOS.reduce((sum, { steps }) => sum + steps, 0);
const wanted = Number(env["SOJOURN_STEPS"] ?? total * factor);

console.log(`seed: ${seed} (npm run simulate -- --seed ${seed})`);

/** Events that a scenario must have met, or it showed nothing. */
const MUST_MEET: Readonly<Record<string, readonly string[]>> = {
  quiet: ["session-rotated", "end evicted", "end idle_timeout", "end subject_revoked"],
  tabs: ["session-rotated", "cookie-not-set"],
  storm: ["ERR_STORE_UNAVAILABLE", "limit-reached", "session-rotated", "end idle_timeout"],
  locks: ["session-locked", "session-unlocked", "ERR_SESSION_LOCKED"],
  near: ["near hits", "ERR_STORE_UNAVAILABLE", "session-rotated", "end subject_revoked"],
  thief: ["token-fork", "thefts that must be noticed"],
  failover: ["failover", "session-rotated"],
};

function met(run: Run, scenario: string): void {
  for (const what of MUST_MEET[scenario] ?? []) {
    expect(run.tally.get(what) ?? 0, `${scenario} met ${what}`).toBeGreaterThan(0);
  }
}

const PROMISES: Readonly<Record<string, string>> = {
  quiet: "keeps I1, I2, I4, I5, I6 and I11 and raises no false alarm, in any interleaving",
  tabs: "raises no false alarm with delays up to T, loss, reordering and browsers that crash",
  storm: "keeps them with calls lost, unheard and late, nodes crashing and clocks jumping (I7)",
  locks: "keeps them where idleness locks and data is encrypted; no lock or factor is lost",
  near: "serves nothing longer than S after its end, whatever becomes of the tail (I3)",
  thief: "notices a copied token used past a rotation, its grace and a minute",
  failover: "revokes no honest session when the store goes back to an older state",
};

/** Which test file has which scenarios. */
export const PLACES = {
  days: ["quiet", "tabs", "near", "thief", "failover"],
  storms: ["storm", "locks"],
} as const;

/** @param place The file that has them. */
export function keepsPromises(place: keyof typeof PLACES): void {
  const names: readonly string[] = PLACES[place];
  describe("the library over a simulated store, clock and network", () => {
    for (const scenario of SCENARIOS.filter(({ name }) => names.includes(name))) {
      const steps = Math.max(1, Math.round((wanted * scenario.steps) / total));
      it(
        `${PROMISES[scenario.name] ?? scenario.name} (${scenario.name})`,
        async () => {
          const run = await simulate(scenario, seed, steps);
          console.log(`note: ${scenario.name}: ${run.steps} steps, ${run.events} events`);
          // A replay of fewer steps may not get that far.
          if (steps >= scenario.steps) met(run, scenario.name);
        },
        PATIENCE_MS * factor,
      );
    }
  });
}

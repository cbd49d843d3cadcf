/** Runs of the simulation: by the tests, and by hand as `node run.ts [seed] [steps] [scenario]`. */
import { pathToFileURL } from "node:url";
import { REPLAY_STEPS, simulateReplay } from "./replay.ts";
import { SCENARIOS } from "./scenario.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

export interface Run {
  readonly steps: number;
  /** Lines of the trace: everything that happened, store calls and answers included. */
  readonly events: number;
  readonly hash: string;
  readonly tally: ReadonlyMap<string, number>;
}

/** @throws {Error} with seed, step and the last lines of the trace. */
export async function simulate(scenario: Scenario, seed: number, steps: number): Promise<Run> {
  const world = new World(scenario, seed);
  try {
    await world.run(steps);
  } catch (error) {
    throw new Error(reportOf(world, error), { cause: error });
  }
  const { trace, tally } = world;
  return { steps, events: trace.count, hash: trace.hash, tally };
}

function reportOf(world: World, error: unknown): string {
  const { scenario, seed, step, trace } = world;
  const what = error instanceof Error ? error.message : String(error);
  return [
    what,
    `scenario ${scenario.name}, seed: ${seed}, step ${step}`,
    `again: npm run simulate -- --seed ${seed}${longer(scenario, step)}`,
    ...trace.tail().map((line) => `  ${line}`),
  ].join("\n");
}

/** What else a replay has to be told, when it went further than usual. */
function longer(scenario: Scenario, step: number): string {
  if (step <= scenario.steps) return "";
  const usual = SCENARIOS.reduce((sum, { steps }) => sum + steps, 0);
  return ` --steps ${Math.ceil(step / scenario.steps) * usual}`;
}

async function main([seed = "1", steps = "", name]: readonly string[]): Promise<void> {
  if (!/^\d+$/.test(seed) || !/^\d*$/.test(steps)) {
    throw new Error("usage: node run.ts [seed] [steps, or an empty text] [scenario]");
  }
  const runs = SCENARIOS.map((scenario) => ({
    ...scenario,
    run: (wanted: number) => simulate(scenario, Number(seed), wanted),
  }));
  const replay = { name: "replay", steps: REPLAY_STEPS };
  const replayed = (wanted: number): Promise<Run> => simulateReplay(Number(seed), wanted);
  for (const scenario of [...runs, { ...replay, run: replayed }]) {
    if (name !== undefined && name !== scenario.name) continue;
    const began = performance.now();
    const wanted = steps === "" ? scenario.steps : Number(steps);
    const { events, hash, tally } = await scenario.run(wanted);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${scenario.name}: ${wanted} steps, ${events} events, ${hash}, ${seconds} s`);
    console.log(`  ${[...tally].map(([what, count]) => `${what} ${count}`).join(", ")}`);
  }
}

const script = process.argv[1];
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

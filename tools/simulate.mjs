/**
 * Run the simulation again, exactly as it went, or for longer.
 *
 *   npm run simulate -- --seed 1234567            replay the seed a failure printed
 *   npm run simulate -- --steps 2000000           a fresh seed, more steps
 */
import { argv, env, exit } from "node:process";
import { parseArgs } from "node:util";
import { node, prepare, run } from "./setup.mjs";

await prepare();
const { values } = parseArgs({
  args: argv.slice(2),
  options: { seed: { type: "string" }, steps: { type: "string" } },
});
for (const [name, value] of Object.entries(values)) {
  if (/^\d+$/.test(value)) continue;
  console.error(`--${name} is a whole number, not ${value}`);
  exit(2);
}
const settings = {
  ...(values.seed === undefined ? {} : { SOJOURN_SEED: values.seed }),
  ...(values.steps === undefined ? {} : { SOJOURN_STEPS: values.steps }),
};
const args = ["node_modules/vitest/vitest.mjs", "run", "--project", "simulation"];
exit(await run(node, args, { env: { ...env, ...settings } }));

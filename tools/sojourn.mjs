/**
 * `npm run sojourn -- …`: the `sojourn` command on the state that `npm start` uses, so that trying
 * it needs no settings. What is set in the environment wins.
 */
import { argv, env, exit } from "node:process";
import { build } from "./build.mjs";
import { node, prepare, run } from "./setup.mjs";
import { openState, settings } from "./state.mjs";

await prepare();
await build();
const args = ["packages/sojourn-server/dist/cli/main.js", ...argv.slice(2)];
exit(await run(node, args, { env: { ...settings(openState()), ...env } }));

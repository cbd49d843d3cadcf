/**
 * Processes work on real engines while faults strike, and a checker proves the promises over what
 * they were told.
 *
 *   npm run faults                                            every engine, every fault
 *   npm run faults -- --engine redis --fault kill --seed 7    one, as it was drawn before
 *   npm run faults -- --peers                                 the same for other libraries
 *   npm run faults -- --help
 */
import { argv, exit } from "node:process";
import { node, prepare, run } from "./setup.mjs";
import { ensurePrograms } from "./system-packages.mjs";

await prepare();
const missing = await ensurePrograms(["faults"]);
for (const { help } of missing) console.error(help);
if (missing.length > 0) exit(1);
const built = await run(node, ["node_modules/typescript/bin/tsc", "-b", "tsconfig.json"]);
const script = argv.includes("--peers") ? "tests/faults/peers/main.ts" : "tests/faults/main.ts";
exit(built === 0 ? await run(node, [script, ...argv.slice(2)]) : built);

/**
 * `npm test`: install what is missing, build, and run everything.
 *
 *   node tools/test.mjs                     everything
 *   node tools/test.mjs --only unit,lint    some runners, for development
 *   node tools/test.mjs --slow              the long runs (`npm run test:slow`)
 *
 * The last line is `N passed, N failed`, summed over all runners; the exit code is 0 only when
 * nothing failed and nothing was left out.
 */
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { projects, runners } from "./runners.mjs";
import { prepare } from "./setup.mjs";
import { ensurePrograms } from "./system-packages.mjs";

const INTERRUPTED = 130;

/** @typedef {{ name: string, passed: number, failed: number, seconds: number }} Row */

/** What `--slow` runs: the runners that go further then, most by SOJOURN_SLOW in their tests. */
const names = "build contract simulation faults abuse integration browser oldest-node";
const SLOW = names.split(" ");

function selection() {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: { only: { type: "string" }, slow: { type: "boolean", default: false } },
  });
  const names = runners.map((runner) => runner.name);
  const asked = values.only?.split(",") ?? (values.slow ? SLOW : names);
  const unknown = asked.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`No runner is called ${unknown.join(", ")}. There are: ${names.join(", ")}.`);
    exit(2);
  }
  return { slow: values.slow, chosen: runners.filter((runner) => asked.includes(runner.name)) };
}

/** @param {number} began */
function secondsSince(began) {
  return (performance.now() - began) / 1000;
}

/** @param {Row} row */
function line(row) {
  const counts = `${row.passed} passed, ${row.failed} failed`;
  return `${row.name.padEnd(14)} ${counts.padEnd(24)} ${row.seconds.toFixed(1).padStart(6)} s`;
}

/**
 * @param {import("./runners.mjs").Runner} runner
 * @param {boolean} slow
 */
async function runOne(runner, slow) {
  const began = performance.now();
  const outcome = await runner.run({ slow });
  const row = { name: runner.name, ...outcome, seconds: secondsSince(began) };
  console.log(line(row));
  if (row.failed > 0) console.log(`\n${outcome.output.trim()}\n`);
  for (const note of outcome.notes) console.log(`  ${note}`);
  return row;
}

/**
 * Why a runner cannot say anything true now, or `undefined` when it can.
 *
 * @param {import("./runners.mjs").Runner} runner
 * @param {readonly Row[]} rows What ran before it.
 * @param {Awaited<ReturnType<typeof ensurePrograms>>} missing
 */
function obstacle(runner, rows, missing) {
  const absent = missing.find((one) => one.runners.includes(runner.name));
  if (absent !== undefined) return `${absent.name} is missing`;
  const build = rows.find((row) => row.name === "build");
  if (runner.needsBuild && (build?.failed ?? 0) > 0) return "the build failed";
  if (runner.name !== "requirements") return undefined;
  const complete = projects.every((name) => rows.some((row) => row.name === name));
  return complete ? undefined : "not all vitest projects ran";
}

async function main() {
  await prepare();
  // Leaving by exit() lets the runner that is under way end its own processes.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => exit(INTERRUPTED));
  const { slow, chosen } = selection();
  const missing = await ensurePrograms(chosen.map((runner) => runner.name));
  /** @type {Row[]} */
  const rows = [];
  for (const one of missing) console.error(one.help);
  const began = performance.now();
  for (const runner of chosen) runner.ahead?.();
  for (const runner of chosen) {
    const reason = obstacle(runner, rows, missing);
    if (reason === undefined) {
      rows.push(await runOne(runner, slow));
    } else {
      console.log(`${runner.name.padEnd(14)} not run: ${reason}`);
      rows.push({ name: runner.name, passed: 0, failed: 1, seconds: 0 });
    }
  }
  finish(rows, secondsSince(began));
}

/**
 * @param {readonly Row[]} rows
 * @param {number} seconds
 */
function finish(rows, seconds) {
  console.log("\nSummary");
  for (const row of rows) console.log(`  ${row.failed > 0 ? "✗" : "✓"} ${line(row)}`);
  console.log(`  ${seconds.toFixed(1)} s in all`);
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();

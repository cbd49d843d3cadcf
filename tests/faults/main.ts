/**
 * `npm run faults`: every engine and fault, or those that are asked for, with a table at the end.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { argv, cwd, exit, stderr, stdout } from "node:process";
import { parseArgs } from "node:util";
import { run } from "./driver.ts";
import type { RunResult } from "./driver.ts";
import { machine, merged, page } from "./page.ts";
import type { Report } from "./page.ts";
import { strikes, strikesOn } from "./strikes/all.ts";
import type { Strike } from "./strike.ts";
import { story, table } from "./table.ts";
import { worlds } from "./worlds.ts";

const USAGE = `npm run faults -- [options]
  --engine a,b      ${Object.keys(worlds).join(", ")} (default: all)
  --fault a,b       ${strikes.map(({ name }) => name).join(", ")}
                    (default: all that can strike the engine)
  --staleness ms    S: verifies may be answered from a near-cache (default 0)
  --seconds n       how long one run loads the engine (default 10)
  --seed n          default: a fresh one, printed
  --json file       write every result there
  --into file       put the results in the place of those rows of an earlier such file
  --from file       print the page of the documentation from such a file, and run nothing
`;

const SHARES = { calm: 0.35, hold: 0.3 };

function usage(problem: string): never {
  stderr.write(`${problem}\n\n${USAGE}`);
  exit(2);
}

function options() {
  try {
    const { values } = parseArgs({
      args: argv.slice(2),
      options: {
        engine: { type: "string" },
        fault: { type: "string" },
        staleness: { type: "string", default: "0" },
        seconds: { type: "string", default: "10" },
        seed: { type: "string" },
        subject: { type: "string" },
        json: { type: "string" },
        into: { type: "string" },
        from: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  return usage(`--${name} is a whole number from ${least} on, not ${text}`);
}

function chosen(given: string | undefined, all: readonly string[], what: string): string[] {
  const names = given?.split(",") ?? [...all];
  const wrong = names.filter((name) => !all.includes(name));
  return wrong.length === 0 ? names : usage(`no ${what} is called ${wrong.join(", ")}`);
}

async function main(): Promise<void> {
  const given = options();
  if (given.help) {
    stdout.write(USAGE);
    return;
  }
  if (given.from !== undefined) {
    stdout.write(page(reportIn(given.from), basename(given.from)));
    return;
  }
  const engines = chosen(given.engine, Object.keys(worlds), "engine");
  const names = strikes.map(({ name }) => name);
  const faults = chosen(given.fault, names, "fault");
  const seconds = numberOf("seconds", given.seconds, 1);
  const stalenessMs = numberOf("staleness", given.staleness, 0);
  const fresh = Math.floor(Math.random() * 2 ** 32);
  const seed = given.seed === undefined ? fresh : numberOf("seed", given.seed, 0);
  stdout.write(`seed: ${seed}\n`);
  const results: RunResult[] = [];
  const failed: string[] = [];
  const settings = { seconds, stalenessMs, seed, subject: given.subject };
  if (given.into !== undefined) sameSettings(given.into, settings);
  const one = async (engine: string, strike: Strike): Promise<void> => {
    const title = `${engine} ${strike.name}`;
    try {
      const result = await strikeOnce(engine, strike, settings);
      results.push(result);
      stdout.write(`\r${story(result)}\n`);
    } catch (error) {
      failed.push(title);
      stdout.write(`\r${title}: could not be run: ${String(error)}\n`);
    }
  };
  for (const engine of engines) {
    for (const strike of strikesFor(engine, faults)) await one(engine, strike);
  }
  stdout.write(`\n${table(results)}\n`);
  keep({ date: today(), machine: machine(), seed, seconds, stalenessMs, results }, given);
  const broken = results.filter(({ violations, unanswered }) => violations.length + unanswered > 0);
  for (const title of failed) stdout.write(`could not be run: ${title}\n`);
  stdout.write(`${results.length} runs, ${broken.length} not as promised; seed: ${seed}\n`);
  // Servers that hang must not keep a run from its end.
  exit(broken.length + failed.length === 0 && results.length > 0 ? 0 : 1);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function reportIn(file: string): Report {
  const report = JSON.parse(readFileSync(file, "utf8")) as Partial<Report>;
  const { results = [], seed = 0, seconds = 0, stalenessMs = 0 } = report;
  const { date = today(), machine: where = machine() } = report;
  return { date, machine: where, seed, seconds, stalenessMs, results };
}

/** Rows of other settings do not stand side by side. */
function sameSettings(file: string, now: Omit<Settings, "subject">): void {
  const earlier = reportIn(file);
  for (const name of ["seed", "seconds", "stalenessMs"] as const) {
    if (earlier[name] !== now[name]) usage(`${file} has ${name} ${earlier[name]}: give the same`);
  }
}

function keep(report: Report, files: { readonly json?: string; readonly into?: string }): void {
  const write = (file: string, kept: Report): void =>
    writeFileSync(file, `${JSON.stringify(kept, null, 1)}\n`);
  if (files.json !== undefined) write(files.json, report);
  if (files.into === undefined) return;
  write(files.into, merged(reportIn(files.into), report.results));
}

interface Settings {
  readonly seconds: number;
  readonly stalenessMs: number;
  readonly seed: number;
  readonly subject: string | undefined;
}

function strikesFor(engine: string, faults: readonly string[]): readonly Strike[] {
  const { traits = [] } = worlds[engine] ?? {};
  return strikesOn(traits).filter(({ name }) => faults.includes(name));
}

async function strikeOnce(engine: string, strike: Strike, settings: Settings): Promise<RunResult> {
  const { seconds, stalenessMs, seed, subject } = settings;
  const entry = worlds[engine];
  if (entry === undefined) throw new Error(`no engine is called ${engine}`);
  const world = await entry.start({ stalenessMs });
  try {
    return await run(world, strike, {
      seed,
      calmMs: seconds * 1_000 * SHARES.calm,
      holdMs: seconds * 1_000 * SHARES.hold,
      ...(subject === undefined ? {} : { subject: new URL(subject, `file://${cwd()}/`).href }),
      progress: (what) => {
        if (stdout.isTTY) stdout.write(`\r\u001B[K${engine} ${strike.name}: ${what}`);
      },
    });
  } finally {
    await world.stop();
  }
}

await main();

/** `npm run faults -- --peers`: the same races and faults for the peers and for Sojourn. */
import { readFileSync, writeFileSync } from "node:fs";
import { argv, exit, stdout } from "node:process";
import { parseArgs } from "node:util";
import { SeededRandom } from "sojourn/testing";
import { run } from "../driver.ts";
import type { StoreSpec } from "../messages.ts";
import { story } from "../table.ts";
import { worlds } from "../worlds.ts";
import { peers } from "./peers.ts";
import type { PeerEntry } from "./peers.ts";
import { races, runRace } from "./races.ts";
import type { Tally } from "./races.ts";
import { rows } from "./rows.ts";
import type { Row } from "./rows.ts";
import { cellOf, markdown } from "./table.ts";
import type { Cell, Comparison, FaultCell } from "./table.ts";

const USAGE = `npm run faults -- --peers [options]
  --subject a,b     ${Object.keys(peers).join(", ")} (default: all)
  --fault a,b       races, ${rows.map(({ name }) => name).join(", ")} (default: all)
  --seconds n       how long one run loads the engine (default 10)
  --seed n          default 20261121
  --json file       write the numbers there
  --from file       print the tables of such a file, and run nothing
`;

const RACES = "races";
const RACE_DELAY_MS = 2;
const SHARES = { calm: 0.35, hold: 0.3 };
/** Fewer sessions than the suite has, so that requests meet. */
const POPULATION = 40;

function options() {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: {
      peers: { type: "boolean" },
      subject: { type: "string", default: Object.keys(peers).join(",") },
      fault: { type: "string", default: [RACES, ...rows.map(({ name }) => name)].join(",") },
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: "20261121" },
      json: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return values;
}

function say(text: string): void {
  stdout.write(`${text}\n`);
}

async function race(entry: PeerEntry, seed: number): Promise<Record<string, Cell<Tally>>> {
  const world = await worlds["redis"]?.start({});
  if (world === undefined) throw new Error("no engine is called redis");
  const nodes = [await entry.load(world.store), await entry.load(world.store)] as const;
  try {
    await Promise.all(nodes.map((node) => node.open("user-1", {})));
    world.network?.delay(RACE_DELAY_MS);
    const told: Record<string, Cell<Tally>> = {};
    for (const one of races) {
      told[one.name] = await runRace(one, entry, nodes, new SeededRandom(seed));
      say(`${entry.title}: ${one.name}: ${JSON.stringify(told[one.name]) ?? "no such call"}`);
    }
    return told;
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
    await world.stop();
  }
}

interface Settings {
  readonly seed: number;
  readonly seconds: number;
}

async function struck(
  entry: PeerEntry,
  row: Row,
  { seed, seconds }: Settings,
): Promise<Cell<FaultCell>> {
  const world = await row.start();
  try {
    const result = await run(world, row.strike, {
      seed,
      calmMs: seconds * 1_000 * SHARES.calm,
      holdMs: seconds * 1_000 * SHARES.hold,
      population: POPULATION,
      subject: entry.module,
    });
    say(`${entry.title}: ${story(result)}`);
    const { operations, unknown, errors } = result.figures;
    if (unknown < operations) return cellOf(result);
    return `answers no call: ${Object.keys(errors).join(", ")}`;
  } catch (error) {
    say(`${entry.title}: ${row.title}: could not be run: ${String(error)}`);
    const code = await refusal(entry, world.store);
    return code === undefined ? "could not be run" : `answers no call: ${code}`;
  } finally {
    await world.stop();
  }
}

/** Why nothing can be opened: a store that refuses the server says so. */
async function refusal(entry: PeerEntry, store: StoreSpec): Promise<string | undefined> {
  const node = await entry.load(store);
  try {
    await node.open("user-1", {});
    return undefined;
  } catch (error) {
    return String((error as { readonly code?: unknown }).code);
  } finally {
    await node.close();
  }
}

async function compare(given: ReturnType<typeof options>): Promise<Comparison> {
  const { seed, seconds } = { seed: Number(given.seed), seconds: Number(given.seconds) };
  const chosen = Object.entries(peers).filter(([name]) => given.subject.split(",").includes(name));
  const faults = given.fault.split(",");
  const raced: Record<string, Record<string, Cell<Tally>>> = {};
  if (faults.includes(RACES)) {
    for (const [name, entry] of chosen) raced[name] = await race(entry, seed);
  }
  const told: Comparison["faults"][number][] = [];
  for (const row of rows.filter(({ name }) => faults.includes(name))) {
    const cells: Record<string, Cell<FaultCell>> = {};
    for (const [name, entry] of chosen) cells[name] = await struck(entry, row, { seed, seconds });
    told.push({ fault: row.name, title: row.title, cells });
  }
  return {
    seed,
    seconds,
    versions: Object.fromEntries(chosen.map(([name]) => [name, versionOf(name)])),
    races: (faults.includes(RACES) ? races : []).map(({ name: one, counts }) => {
      const cells = chosen.map(([name]) => [name, raced[name]?.[one]] as const);
      return { race: one, counts, cells: Object.fromEntries(cells) };
    }),
    faults: told,
  };
}

function versionOf(name: string): string {
  const root = new URL("../../../", import.meta.url);
  const read = (path: string): string => {
    const text = readFileSync(new URL(`${path}/package.json`, root), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  };
  if (name === "sojourn") return read("packages/sojourn");
  const own = read(`node_modules/${name}`);
  return name === "express-session" ? `${own}, ${read("node_modules/connect-redis")}` : own;
}

const given = options();
if (given.help) stdout.write(USAGE);
else if (given.from !== undefined) {
  say(markdown(JSON.parse(readFileSync(given.from, "utf8")) as Comparison));
} else {
  const comparison = await compare(given);
  say(`\n${markdown(comparison)}`);
  if (given.json !== undefined) writeFileSync(given.json, JSON.stringify(comparison, null, 2));
}
// Servers that hang must not keep it from its end.
exit(0);

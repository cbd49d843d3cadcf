/**
 * `npm run compare`: what hurts users elsewhere, played against the libraries people use and
 * against Sojourn. `-- --rounds 5` for a glance, `-- --only koa,hono` for some of them; only a
 * whole run writes the page.
 */
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { parseArgs } from "node:util";
import { startRedis } from "../../tools/engines.mjs";
import { ACTS } from "./acts.ts";
import type { Cell } from "./acts.ts";
import { closeConnections } from "./browser.ts";
import type { Contestant } from "./contestant.ts";
import { cookieContestants } from "./contestants/cookies.ts";
import { dropInContestants, expressContestants } from "./contestants/express.ts";
import { serverContestants } from "./contestants/servers.ts";
import { sojournContestants } from "./contestants/sojourn.ts";
import { save } from "./page.ts";
import type { Row } from "./page.ts";

const PEERS = "express-session connect-redis @fastify/session koa-session hono-sessions";
const PACKAGES = `${PEERS} iron-session h3 react-router`.split(" ");
const ROUNDS = 20;

const { values } = parseArgs({
  args: argv.slice(2),
  options: { rounds: { type: "string" }, only: { type: "string" } },
});
const rounds = Number(values.rounds ?? ROUNDS);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`--rounds takes a whole number from 1 on, not "${values.rounds}"`);
  process.exit(2);
}

function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** Errors that nobody caught: they would have ended the application's process. */
const uncaught: string[] = [];
const note = (error: unknown): void => {
  uncaught.push(error instanceof Error ? error.message : String(error));
};
process.on("unhandledRejection", note);
process.on("uncaughtException", note);

/** A contestant that breaks down is a result, too; the others go on. */
async function cellOf(contestant: Contestant, index: number): Promise<Cell> {
  const act = ACTS[index];
  if (act === undefined) return { text: "–" };
  uncaught.length = 0;
  try {
    const cell = await act.run(contestant, rounds);
    if (uncaught[0] === undefined) return cell;
  } catch (error) {
    if (uncaught[0] === undefined) note(error);
    else return { text: `process ends: ${uncaught[0]}`, good: false };
  }
  return { text: `failed: ${uncaught[0]}`, good: false };
}

// Peers tell of memory stores and of missing set-up on every start; here that is known.
process.removeAllListeners("warning");
const redis = await startRedis();
const all = [
  ...expressContestants(redis.url),
  ...serverContestants,
  ...cookieContestants,
  ...sojournContestants(redis.url),
  ...dropInContestants(),
];
const wanted = values.only?.toLowerCase().split(",");
const contestants = all.filter(
  ({ name }) => wanted?.some((part) => name.toLowerCase().includes(part)) ?? true,
);
const rows: Row[] = [];
for (const contestant of contestants) {
  console.log(`\n${contestant.name} (${contestant.setUp})`);
  const cells: Cell[] = [];
  for (const [index, act] of ACTS.entries()) {
    const cell = await cellOf(contestant, index);
    const mark = cell.good === undefined ? " " : cell.good ? "+" : "-";
    console.log(`  ${mark} ${act.name}: ${cell.text}`);
    cells.push(cell);
  }
  rows.push({ contestant, cells });
}
if (wanted === undefined) {
  const date = new Date().toISOString().slice(0, 10);
  const versions = Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)]));
  const files = save({ acts: ACTS, rows, rounds, date, versions });
  console.log(`\nkept in ${files.join(" and ")}`);
}
closeConnections();
await redis.stop();

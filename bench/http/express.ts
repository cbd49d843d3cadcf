/**
 * CPU time per request that the session middleware adds to Express, from the operating system's
 * accounting. All applications run in turn in this process on Node's real HTTP server over streams
 * in memory (see `wire.ts`); the bare one runs twice, which shows how much is noise.
 */
import { median } from "../harness.ts";
import type { Effort, Figure } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Section } from "../report.ts";
import { appOf } from "./apps.ts";
import type { Kind } from "./apps.ts";
import { wireTo } from "./wire.ts";
import type { Wire } from "./wire.ts";

const COOKIE = /^set-cookie: ([^;\r]*)/im;
/** A request that bare Express is not asked to parse would be a gift to it. */
const PLAIN_COOKIE = `session=${"a".repeat(85)}`;

interface Runner {
  readonly name: string;
  readonly wire: Wire;
  readonly cookie: string;
  readonly samples: number[];
}

export async function expressOverhead(effort: Effort): Promise<Section> {
  process.env["NODE_ENV"] = "production";
  const requests = effort.sampleMs * 40;
  const bare = await runnerOf("bare", "bare");
  const again = await runnerOf("bare, again", "bare");
  const ours = await runnerOf("sojourn", "sojourn");
  const theirs = await runnerOf("express-session", "express-session");
  const runners = [bare, again, ours, theirs];
  for (const runner of runners) await run(runner, 3 * requests);
  for (let round = 0; round < effort.samples; round += 1) {
    for (const runner of runners) runner.samples.push(await run(runner, requests));
  }
  const added = ({ samples }: Runner): number =>
    median(samples.map((value, round) => value - (bare.samples[round] ?? Number.NaN)));
  return {
    title: "CPU per request on Express, warm session, memory stores",
    figures: runners.map(figureOf),
    goals: [
      atMost("sojourn adds", added(ours), 8, "µs"),
      atLeast("express-session adds ÷ sojourn adds", added(theirs) / added(ours), 8, "×"),
    ],
    notes: [
      `express-session adds ${added(theirs).toFixed(1)} µs`,
      `bare Express against itself: ${added(again).toFixed(2)} µs`,
    ],
  };
}

async function runnerOf(name: string, kind: Kind): Promise<Runner> {
  const wire = wireTo(appOf(kind));
  const login = await wire.get("/login", PLAIN_COOKIE);
  const cookie = COOKIE.exec(login)?.[1] ?? PLAIN_COOKIE;
  const response = await wire.get("/", cookie);
  if (!response.includes("alice")) throw new Error(`${name} does not know who signed in`);
  return { name: `Express, ${name}`, wire, cookie, samples: [] };
}

/** @returns microseconds of CPU per request. */
async function run({ wire, cookie }: Runner, requests: number): Promise<number> {
  const before = process.cpuUsage();
  for (let request = 0; request < requests; request += 1) await wire.get("/", cookie);
  const used = process.cpuUsage(before);
  return (used.user + used.system) / requests;
}

function figureOf({ name, samples }: Runner): Figure {
  const cpuUs = median(samples);
  return { name, wallUs: Number.NaN, cpuUs, perSecond: 1e6 / cpuUs, samples: samples.length };
}

/**
 * CPU time per request that a session library adds to a framework, from the operating system's
 * accounting. All applications run in turn in this process on Node's real HTTP server over streams
 * in memory (see `wire.ts`); the bare one runs twice, which shows how much is noise.
 */
import type { RequestListener } from "node:http";
import { median } from "../harness.ts";
import type { Effort, Figure } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { expressApp } from "./apps/express.ts";
import { fastifyApp } from "./apps/fastify.ts";
import { honoApp } from "./apps/hono.ts";
import { koaApp } from "./apps/koa.ts";
import { wireTo } from "./wire.ts";
import type { Wire } from "./wire.ts";

const COOKIE = /^set-cookie: ([^;\r]*)/gim;
/** A request that bare Express is not asked to parse would be a gift to it. */
const PLAIN_COOKIE = `session=${"a".repeat(85)}`;

interface Runner {
  readonly name: string;
  readonly wire: Wire;
  readonly cookie: string;
  readonly samples: number[];
}

interface Duel {
  readonly framework: string;
  /** In the order of the table; the first is the bare application. */
  readonly apps: readonly (readonly [string, RequestListener | Promise<RequestListener>])[];
  goals(added: (name: string) => number): readonly Goal[];
}

/** Below, the compiler of the engine is what is measured. */
const WARM_UP_REQUESTS = 40_000;
const BARE = "bare";
const AGAIN = "bare, again";

async function overhead({ framework, apps, goals }: Duel, effort: Effort): Promise<Section> {
  process.env["NODE_ENV"] = "production";
  const requests = effort.sampleMs * 40;
  const runners: Runner[] = [];
  for (const [name, app] of apps) runners.push(await runnerOf(framework, name, await app));
  const [bare] = runners;
  for (const runner of runners) await run(runner, WARM_UP_REQUESTS);
  for (let round = 0; round < effort.samples; round += 1) {
    for (const runner of runners) runner.samples.push(await run(runner, requests));
  }
  const added = (name: string): number => {
    const samples = runners.find((runner) => runner.name === name)?.samples ?? [];
    return median(samples.map((value, round) => value - (bare?.samples[round] ?? Number.NaN)));
  };
  const others = runners.slice(1).map(({ name }) => name);
  return {
    title: `CPU per request on ${framework}, warm session, memory stores`,
    figures: runners.map((runner) => figureOf(framework, runner)),
    goals: goals(added),
    notes: others.map((name) =>
      name === AGAIN
        ? `bare ${framework} against itself: ${added(name).toFixed(2)} µs`
        : `${name} adds ${added(name).toFixed(1)} µs`,
    ),
  };
}

async function runnerOf(
  framework: string,
  name: string,
  listener: RequestListener,
): Promise<Runner> {
  const wire = wireTo(listener);
  const login = await wire.get("/login", PLAIN_COOKIE);
  const cookies = [...login.matchAll(COOKIE)].map(([, pair = ""]) => pair);
  const cookie = cookies.length === 0 ? PLAIN_COOKIE : cookies.join("; ");
  const response = await wire.get("/", cookie);
  if (!response.includes("alice")) {
    throw new Error(`${framework}, ${name}: does not know who signed in: ${response}`);
  }
  return { name, wire, cookie, samples: [] };
}

/** @returns microseconds of CPU per request. */
async function run({ wire, cookie }: Runner, requests: number): Promise<number> {
  const before = process.cpuUsage();
  for (let request = 0; request < requests; request += 1) await wire.get("/", cookie);
  const used = process.cpuUsage(before);
  return (used.user + used.system) / requests;
}

function figureOf(framework: string, { name, samples }: Runner): Figure {
  const cpuUs = median(samples);
  const perSecond = 1e6 / cpuUs;
  const wallUs = Number.NaN;
  return { name: `${framework}, ${name}`, wallUs, cpuUs, perSecond, samples: samples.length };
}

export function expressOverhead(effort: Effort): Promise<Section> {
  const duel: Duel = {
    framework: "Express",
    apps: [
      [BARE, expressApp("bare")],
      [AGAIN, expressApp("bare")],
      ["sojourn", expressApp("sojourn")],
      ["drop-in", expressApp("drop-in")],
      ["express-session", expressApp("express-session")],
    ],
    goals: (added) => {
      const theirs = added("express-session");
      return [
        atMost("sojourn adds", added("sojourn"), 8, "µs"),
        atLeast("express-session adds ÷ sojourn adds", theirs / added("sojourn"), 8, "×"),
        atLeast("express-session adds ÷ the drop-in adds", theirs / added("drop-in"), 3, "×"),
      ];
    },
  };
  return overhead(duel, effort);
}

export function fastifyOverhead(effort: Effort): Promise<Section> {
  const duel: Duel = {
    framework: "Fastify",
    apps: [
      [BARE, fastifyApp("bare")],
      [AGAIN, fastifyApp("bare")],
      ["sojourn", fastifyApp("sojourn")],
      ["secure-session", fastifyApp("secure-session")],
      ["@fastify/session", fastifyApp("@fastify/session")],
    ],
    goals: (added) => [atMost("sojourn adds", added("sojourn"), 5, "µs")],
  };
  return overhead(duel, effort);
}

export function koaOverhead(effort: Effort): Promise<Section> {
  const duel: Duel = {
    framework: "Koa",
    apps: [
      [BARE, koaApp("bare")],
      [AGAIN, koaApp("bare")],
      ["sojourn", koaApp("sojourn")],
      ["koa-session", koaApp("koa-session")],
    ],
    goals: (added) => [
      atLeast("koa-session adds ÷ sojourn adds", added("koa-session") / added("sojourn"), 8, "×"),
    ],
  };
  return overhead(duel, effort);
}

export function honoOverhead(effort: Effort): Promise<Section> {
  const duel: Duel = {
    framework: "Hono",
    apps: [
      [BARE, honoApp("bare")],
      [AGAIN, honoApp("bare")],
      ["sojourn", honoApp("sojourn")],
      ["hono-sessions", honoApp("hono-sessions")],
    ],
    goals: (added) => {
      const theirs = added("hono-sessions");
      return [atLeast("hono-sessions adds ÷ sojourn adds", theirs / added("sojourn"), 8, "×")];
    },
  };
  return overhead(duel, effort);
}

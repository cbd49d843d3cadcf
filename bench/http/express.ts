/**
 * CPU time per request that the session middleware adds to Express, from the operating system's
 * accounting of the server process. Interleaved rounds; each figure is a median of differences.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { median } from "../harness.ts";
import type { Effort, Figure } from "../harness.ts";
import { atLeast, atMost } from "../report.ts";
import type { Section } from "../report.ts";

const MODES = ["bare", "sojourn", "express-session"] as const;
const CONNECTIONS = 10;
const WARM_UP = 20_000;

interface Server {
  readonly mode: string;
  readonly child: ChildProcess;
  readonly port: number;
  readonly cookie: string;
}

export async function expressOverhead(effort: Effort): Promise<Section> {
  const rounds = effort.samples;
  const requests = effort.sampleMs * 100;
  const servers: Server[] = [];
  for (const mode of MODES) servers.push(await start(mode));
  try {
    for (const server of servers) await load(server, WARM_UP);
    const perRequest = new Map<string, number[]>(MODES.map((mode) => [mode, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const server of servers) {
        const before = await cpuOf(server);
        await load(server, requests);
        perRequest.get(server.mode)?.push(((await cpuOf(server)) - before) / requests);
      }
    }
    return section(perRequest);
  } finally {
    for (const { child } of servers) child.send("stop");
  }
}

function section(perRequest: ReadonlyMap<string, readonly number[]>): Section {
  const bare = perRequest.get("bare") ?? [];
  const added = (mode: string): number =>
    median((perRequest.get(mode) ?? []).map((value, round) => value - (bare[round] ?? 0)));
  const figures = [...perRequest].map(([mode, values]): Figure => {
    const cpuUs = median(values);
    return {
      name: `Express, ${mode}`,
      wallUs: Number.NaN,
      cpuUs,
      perSecond: 1e6 / cpuUs,
      samples: values.length,
    };
  });
  const ours = added("sojourn");
  const theirs = added("express-session");
  return {
    title: "CPU per request on Express, warm session, memory stores",
    figures,
    goals: [
      atMost("sojourn adds", ours, 8, "µs"),
      atLeast("express-session adds ÷ sojourn adds", theirs / ours, 8, "×"),
    ],
    notes: [`express-session adds ${theirs.toFixed(1)} µs`],
  };
}

async function start(mode: string): Promise<Server> {
  const file = fileURLToPath(new URL("./app.ts", import.meta.url));
  const child = fork(file, [mode], { env: { ...process.env, NODE_ENV: "production" } });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const response = await fetch(`http://127.0.0.1:${port}/login`);
  const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return { mode, child, port, cookie };
}

async function cpuOf({ child }: Server): Promise<number> {
  const answer = once(child, "message");
  child.send("cpu");
  const [{ cpuUs }] = (await answer) as [{ cpuUs: number }];
  return cpuUs;
}

async function load({ port, cookie }: Server, amount: number): Promise<void> {
  const headers = cookie === "" ? {} : { cookie };
  const url = `http://127.0.0.1:${port}/`;
  const result = await autocannon({ url, connections: CONNECTIONS, amount, headers });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${url} answered with errors`);
}

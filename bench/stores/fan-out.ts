/** From an acknowledged revocation to its refusal in eight other processes with near-caches. */
import { randomBytes } from "node:crypto";
import { hrtime } from "node:process";
import { createSessions } from "sojourn";
import { startPostgres, startRedis } from "../../tools/engines.mjs";
import { FULL } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atMost, round } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { storeByUrl } from "./by-url.ts";
import { Nodes } from "./nodes.ts";

const PROCESSES = 8;
const ROUNDS = { full: 150, quick: 20 } as const;
const PLACES = [
  { name: "Redis", start: startRedis, askedMs: 50 },
  { name: "PostgreSQL", start: startPostgres, askedMs: 300 },
] as const;

export async function fanOut(effort: Effort): Promise<Section> {
  const rounds = effort.samples < FULL.samples ? ROUNDS.quick : ROUNDS.full;
  const goals: Goal[] = [];
  const notes: string[] = [];
  for (const { name, start, askedMs } of PLACES) {
    const engine = await start();
    try {
      const lags = (await lagsMs(engine.url, rounds)).toSorted((a, b) => a - b);
      const at = (share: number): number => lags[Math.ceil(lags.length * share) - 1] ?? Number.NaN;
      goals.push(atMost(`${name}: revoked → refused, p99`, at(0.99), askedMs, "ms"));
      const rest = `p50 ${round(at(0.5))} ms, most ${round(at(1))} ms`;
      notes.push(`${name}: ${lags.length} refusals in ${PROCESSES} processes, ${rest}`);
    } finally {
      await engine.stop();
    }
  }
  const title = `Fan-out: revoked here, refused in ${PROCESSES} other processes (S = 2 s)`;
  return { title, figures: [], goals, notes };
}

async function lagsMs(url: string, rounds: number): Promise<number[]> {
  const secret = randomBytes(32).toString("base64url");
  const store = storeByUrl(url);
  const sessions = createSessions({ store, secrets: [secret], sweep: false });
  const nodes = new Nodes({ url, secret, processes: PROCESSES });
  const lags: number[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const { token, session } = await sessions.open({ subject: `user-${round}` });
      const refused = await nodes.warm(token);
      await sessions.revoke(session.id ?? "");
      const acknowledgedAt = hrtime.bigint();
      for (const at of await refused()) lags.push(Number(at - acknowledgedAt) / 1e6);
    }
  } finally {
    await nodes.stop();
    await sessions.close();
    await store.close();
  }
  return lags;
}

/** Floods on loopback, bounded in number and time, while honest traffic goes on. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { median } from "../harness.ts";
import type { Effort, Figure } from "../harness.ts";
import { atMost } from "../report.ts";
import type { Section } from "../report.ts";
import { verifies } from "./latency.ts";
import { closedLoop, openLoop, quantile } from "./load.ts";
import type { Shot } from "./load.ts";
import { startService } from "./server.ts";
import type { Service } from "./server.ts";

/** Honest requests a second; ten times as many are forged. */
const HONEST = 150;
const FORGED_TIMES = 10;
/** A machine that has a bad second has it in one of them. */
const ROUNDS = 5;
const FLOOD_AHEAD_MS = 700;
const TOKENS = 50;
const COOKIELESS = 100_000;
const MS_US = 1_000;

export async function floods(effort: Effort): Promise<Section> {
  // Without a near-cache: every honest verify reads the store once, and nothing else may.
  const service = await startService();
  try {
    const honest = await verifies(service, TOKENS);
    const ms = Math.max(2_000, effort.sampleMs * 40);
    await openLoop(service.url, honest, HONEST * FORGED_TIMES, 2_000);
    const reads = await storeReads(service);
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) rounds.push(await roundOf(service, honest, ms));
    const extra = (await storeReads(service)) - reads - total(rounds, ({ asked }) => asked);
    const failed = total(rounds, ({ failed: some }) => some);
    const forgeries = total(rounds, ({ forgeries: some }) => some);
    const rows = await cookieless(service);
    const figure = (name: string, of: (round: Round) => number): Figure => ({
      name,
      wallUs: median(rounds.map(of)) * MS_US,
      cpuUs: Number.NaN,
      perSecond: HONEST,
      samples: rounds.length,
    });
    const growth = median(rounds.map(({ quietMs, besideMs }) => besideMs / quietMs));
    return {
      title: "Floods, while honest traffic goes on",
      figures: [
        figure("honest verify, p99, quiet", ({ quietMs }) => quietMs),
        figure("honest verify, p99, beside the flood", ({ besideMs }) => besideMs),
      ],
      goals: [
        atMost("honest p99 beside forged tokens at 10×, grows", growth, 2, "×"),
        atMost("store reads for the flood", extra, 0, "reads"),
        atMost("honest requests that failed", failed, 0, "requests"),
        atMost(`rows left by ${COOKIELESS} requests without a cookie`, rows, 0, "rows"),
      ],
      notes: [`${forgeries} forged tokens; medians of ${ROUNDS} rounds, each ${ms / 1_000} s`],
    };
  } finally {
    await service.stop();
  }
}

interface Round {
  readonly quietMs: number;
  readonly besideMs: number;
  /** Honest requests, of both. */
  readonly asked: number;
  readonly failed: number;
  readonly forgeries: number;
}

/** Honest requests alone, then beside a flood that another thread sends. */
async function roundOf(service: Service, honest: readonly Shot[], ms: number): Promise<Round> {
  const p99 = (pace: { latencies: readonly number[] }): number => quantile(pace.latencies, 0.99);
  const { url } = service;
  const quiet = await openLoop(url, honest, HONEST, ms);
  const workerData = {
    url,
    shots: forged(honest),
    perSecond: HONEST * FORGED_TIMES,
    ms: ms + 2 * FLOOD_AHEAD_MS,
  };
  const worker = new Worker(new URL("flood-worker.ts", import.meta.url), { workerData });
  const flood = once(worker, "message");
  await sleep(FLOOD_AHEAD_MS);
  const beside = await openLoop(url, honest, HONEST, ms);
  const [forgeries] = (await flood) as [number];
  return {
    quietMs: p99(quiet),
    besideMs: p99(beside),
    asked: quiet.latencies.length + beside.latencies.length,
    failed: quiet.failed + beside.failed,
    forgeries,
  };
}

function total(rounds: readonly Round[], of: (round: Round) => number): number {
  return rounds.reduce((sum, round) => sum + of(round), 0);
}

/** Of the right form, by nobody's secret: the last characters of genuine ones, turned around. */
function forged(honest: readonly Shot[]): readonly Shot[] {
  return honest.map((shot) => {
    const { token } = JSON.parse(shot.body ?? "") as { token: string };
    const tail = token.slice(-24).split("").toReversed().join("");
    return { ...shot, body: JSON.stringify({ token: token.slice(0, -24) + tail }) };
  });
}

async function cookieless(service: Service): Promise<number> {
  const rows = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${service.key}` };
    const listed = await fetch(`${service.url}/v1/sessions?state=any&count=exact&limit=1`, {
      headers,
    });
    const { count } = (await listed.json()) as { count: { value: number; exact: boolean } };
    if (!count.exact) throw new Error("the rows are not counted exactly");
    return count.value;
  };
  const before = await rows();
  const page: Shot = { method: "GET", path: "/v1/session", headers: {} };
  const gate: Shot = { method: "GET", path: "/v1/forward-auth", headers: {} };
  for (let sent = 0; sent < COOKIELESS;) {
    const { answers, failed } = await closedLoop(service.url, [page, gate], 2_000, 32);
    sent += answers + failed;
  }
  return (await rows()) - before;
}

/** Sessions read by `find` since it started, as the metrics tell. */
async function storeReads(service: Service): Promise<number> {
  const page = await (await fetch(`${service.metricsUrl}/metrics`)).text();
  const [, count = "0"] =
    /sojourn_store_seconds_count\{operation="find"[^}]*\} (\d+)/.exec(page) ?? [];
  return Number(count);
}

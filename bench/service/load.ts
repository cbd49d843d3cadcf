/** Load on a server: as fast as it answers, or at a pace that it does not set. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import type { Result } from "autocannon";

export interface Shot {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Volley {
  readonly answers: number;
  readonly perSecond: number;
  /** Answers that were not 2xx, and requests without one. */
  readonly failed: number;
}

const CONNECTIONS = 16;
const MS = 1_000;

/** 16 connections, each sends as soon as it was answered. @param shots In turn. */
export async function closedLoop(
  url: string,
  shots: readonly Shot[],
  ms: number,
  connections: number = CONNECTIONS,
): Promise<Volley> {
  const requests = shots.map(({ method, path, headers, body }) => ({
    method,
    path,
    headers: { ...headers },
    ...(body === undefined ? {} : { body }),
  }));
  const result = await autocannon({ url, requests, connections, duration: ms / MS });
  return volleyOf(result, result.duration);
}

/** Each once, 16 connections; all of one method, path and headers. */
export async function eachOnce(url: string, shots: readonly Shot[]): Promise<Volley> {
  const [{ method, path, headers } = NOTHING] = shots;
  let next = 0;
  const setupRequest = (request: object): object => {
    const { body } = shots[next % shots.length] ?? NOTHING;
    next += 1;
    return { ...request, body };
  };
  const began = performance.now();
  let answeredAt = began;
  // The library tells of a run that counts requests at the next whole second.
  const onResponse = (): void => void (answeredAt = performance.now());
  const requests = [{ method, path, headers: { ...headers }, setupRequest, onResponse }];
  const amount = shots.length;
  const result = await autocannon({ url, requests, connections: CONNECTIONS, amount });
  return volleyOf(result, (answeredAt - began) / MS);
}

function volleyOf(result: Result, seconds: number): Volley {
  const answers = result["2xx"];
  const failed = result.non2xx + result.errors + result.timeouts;
  return { answers, perSecond: answers / seconds, failed };
}

const NOTHING: Shot = { method: "GET", path: "/", headers: {} };

export interface Pace {
  /** Milliseconds from when each was due to its answer, sorted. */
  readonly latencies: readonly number[];
  readonly failed: number;
}

/**
 * So many a second whatever is answered; each is timed from when it was due, so that a server that
 * stands still is not spared (no coordinated omission).
 */
export async function openLoop(
  url: string,
  shots: readonly Shot[],
  perSecond: number,
  ms: number,
): Promise<Pace> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, scheduling: "fifo" });
  const latencies: number[] = [];
  let failed = 0;
  const began = performance.now();
  const total = Math.floor((perSecond * ms) / MS);
  const under: Promise<void>[] = [];
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * perSecond) / MS) + 1);
    for (; sent < due; sent += 1) {
      const dueAt = began + (sent * MS) / perSecond;
      const shot = shots[sent % shots.length] as Shot;
      under.push(
        send(agent, url, shot).then((status) => {
          latencies.push(performance.now() - dueAt);
          if (status < 200 || status > 299) failed += 1;
        }),
      );
    }
    await sleep(1);
  }
  await Promise.all(under);
  agent.destroy();
  return { latencies: latencies.toSorted((a, b) => a - b), failed };
}

/** @returns the status; 0 without an answer. */
function send(agent: Agent, url: string, shot: Shot): Promise<number> {
  const { method, path, headers, body } = shot;
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const outgoing = request(url + path, { method, agent, headers: { ...headers, ...length } });
    outgoing.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.on("error", () => resolve(0));
    outgoing.end(body);
  });
}

/** @param share 0.99 for p99. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

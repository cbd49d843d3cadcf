/** How long answers take at a pace that the service does not set: half of what it can, and 80 %. */
import type { Effort, Figure } from "../harness.ts";
import { atMost } from "../report.ts";
import type { Section } from "../report.ts";
import { closedLoop, openLoop, quantile } from "./load.ts";
import type { Pace, Shot } from "./load.ts";
import { startService } from "./server.ts";
import type { Service } from "./server.ts";

const SHARES = [0.5, 0.8] as const;
const TOKENS = 100;
const MS_US = 1_000;

/** `count` sessions. @returns a verify of each. */
export async function verifies(service: Service, count: number): Promise<readonly Shot[]> {
  const headers = {
    "content-type": "application/json",
    authorization: `Bearer ${service.key}`,
  };
  const shots: Shot[] = [];
  for (let at = 0; at < count; at += 1) {
    const body = JSON.stringify({ subject: `s${at}`, amr: ["pwd"] });
    const opened = await fetch(`${service.url}/v1/sessions`, { method: "POST", headers, body });
    const { token } = (await opened.json()) as { token: string };
    const path = "/v1/sessions/verify";
    shots.push({ method: "POST", path, headers, body: JSON.stringify({ token }) });
  }
  return shots;
}

export async function latency(effort: Effort): Promise<Section> {
  const service = await startService({ SOJOURN_NEAR_CACHE: "2s" });
  try {
    const shots = await verifies(service, TOKENS);
    const ms = Math.max(3_000, effort.sampleMs * 100);
    await closedLoop(service.url, shots, ms);
    // By this client: at 80 % of what a faster one gets out of it, this one would be the limit.
    const capacity = await capacityOf(service, shots);
    const figures: Figure[] = [];
    const notes = [`capacity with one client on the same machine: ${capacity} verifies/s`];
    let failed = 0;
    for (const share of SHARES) {
      const pace = await openLoop(service.url, shots, capacity * share, ms);
      failed += pace.failed;
      figures.push(...figuresOf(`verify at ${share * 100} %`, pace, capacity * share));
    }
    const goals = [atMost("failed at 50 % and 80 %", failed, 0, "requests")];
    return { title: "Latency in an open loop, verify from memory", figures, goals, notes };
  } finally {
    await service.stop();
  }
}

/** The highest pace at which half of the answers come within 20 ms of being due. */
async function capacityOf(service: Service, shots: readonly Shot[]): Promise<number> {
  let held = 250;
  for (let pace = 500; pace <= 64_000; pace = Math.round(pace * 1.25)) {
    const { latencies } = await openLoop(service.url, shots, pace, 1_500);
    if (quantile(latencies, 0.5) > 20) return held;
    held = pace;
  }
  return held;
}

function figuresOf(name: string, { latencies }: Pace, perSecond: number): readonly Figure[] {
  return ([0.5, 0.99, 0.999] as const).map((share) => ({
    name: `${name}, p${share * 100}`,
    wallUs: quantile(latencies, share) * MS_US,
    cpuUs: Number.NaN,
    perSecond,
    samples: latencies.length,
  }));
}

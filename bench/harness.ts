/**
 * Measures one operation as medians over samples: wall time and, since wall time is noisy, CPU time
 * from the operating system. Figures are per operation, in microseconds.
 */
import { cpuUsage, hrtime } from "node:process";

export interface Figure {
  readonly name: string;
  /** Median microseconds per operation. */
  readonly wallUs: number;
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly samples: number;
}

export interface Case {
  readonly name: string;
  /** Operations that one call of `run` does; default 1. */
  readonly operations?: number;
  run(): unknown;
}

export interface Effort {
  readonly samples: number;
  readonly sampleMs: number;
  /** How many a suite makes that depends on their number; its own choice if absent. */
  readonly sessions?: number;
  /** How long the sweep is measured at most. Default 10. */
  readonly minutes?: number;
}

export const FULL: Effort = { samples: 15, sampleMs: 120 };
export const QUICK: Effort = { samples: 5, sampleMs: 40 };

/** Per operation. */
export interface Sample {
  readonly wallUs: number;
  readonly cpuUs: number;
}

/** Cases are sampled in turn, so that a machine that slows down slows all of them. */
export async function compare(cases: readonly Case[], effort: Effort): Promise<Figure[]> {
  const calls: number[] = [];
  for (const one of cases) calls.push(await callsFor(one, effort.sampleMs));
  const samples: Sample[][] = cases.map(() => []);
  for (let round = 0; round < effort.samples; round += 1) {
    for (const [index, one] of cases.entries()) {
      samples[index]?.push(await sample(one, calls[index] ?? 1));
    }
  }
  return cases.map((one, index) => figureOf(one.name, samples[index] ?? []));
}

/** Warm up, and find how many calls fill a sample. */
async function callsFor(one: Case, sampleMs: number): Promise<number> {
  let calls = 1;
  for (;;) {
    const { wallUs } = await sample(one, calls);
    const totalMs = (wallUs * calls * (one.operations ?? 1)) / 1000;
    if (totalMs >= sampleMs) return calls;
    calls = Math.ceil(calls * Math.min(10, Math.max(1.5, sampleMs / Math.max(totalMs, 0.01))));
  }
}

function sample(one: Case, calls: number): Promise<Sample> {
  return spent(calls * (one.operations ?? 1), async () => {
    for (let call = 0; call < calls; call += 1) {
      const pending = one.run();
      if (pending instanceof Promise) await pending;
    }
  });
}

/** What `run` takes of the clock and of the processor, for each of its operations. */
export async function spent(operations: number, run: () => unknown): Promise<Sample> {
  const cpu = cpuUsage();
  const start = hrtime.bigint();
  const pending = run();
  if (pending instanceof Promise) await pending;
  const wallNs = Number(hrtime.bigint() - start);
  const used = cpuUsage(cpu);
  return { wallUs: wallNs / 1000 / operations, cpuUs: (used.user + used.system) / operations };
}

/** Calls of one turn, and turns before the first that counts. */
export const TURN = 100;
export const WARM_UP = 40;

/**
 * Two ways of the same, by short turns: both meet the same machine, and the median leaves its moods
 * out. Who comes second meets what the first left over, so they change places.
 */
export async function sideBySide(
  rounds: number,
  ours: Case,
  theirs: Case,
): Promise<{ readonly figures: readonly Figure[]; readonly percent: number }> {
  const [a, b]: [Sample[], Sample[]] = [[], []];
  const turns = [
    async (): Promise<unknown> => a.push(await sample(ours, TURN)),
    async (): Promise<unknown> => b.push(await sample(theirs, TURN)),
  ];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    if (round === 0) for (const samples of [a, b]) samples.length = 0;
    for (const turn of turns) await turn();
    turns.reverse();
  }
  const figures = [figureOf(ours.name, a), figureOf(theirs.name, b)];
  return { figures, percent: percentOf(a, b, "cpuUs") };
}

/** Median over rounds of `a` in percent of `b` beside it. */
export function percentOf(a: readonly Sample[], b: readonly Sample[], of: keyof Sample): number {
  return median(a.map((one, round) => (100 * one[of]) / (b[round]?.[of] ?? Number.NaN)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function figureOf(name: string, samples: readonly Sample[]): Figure {
  const wallUs = median(samples.map((one) => one.wallUs));
  const cpuUs = median(samples.map((one) => one.cpuUs));
  return { name, wallUs, cpuUs, perSecond: 1e6 / wallUs, samples: samples.length };
}

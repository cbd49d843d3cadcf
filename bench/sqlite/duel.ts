/** The store and bare SQL doing the same work in turn on twins of one file. */
import { cpuUsage, hrtime } from "node:process";
import type { SqliteStore } from "sojourn/stores/sqlite";
import { median } from "../harness.ts";
import type { Effort, Figure } from "../harness.ts";
import type { Bare, Recorder, Work } from "./bare.ts";

export interface Sides {
  readonly recorder: Recorder;
  readonly store: SqliteStore;
  readonly bare: Bare;
}

export interface Kind {
  readonly name: string;
  /** Operations in one piece of work. */
  readonly operations: number;
  /** The next piece: made before the clock runs, done once on each twin. */
  next(): Work;
}

export interface Outcome {
  readonly figures: readonly [store: Figure, bare: Figure];
  /** Median over rounds of the store's rate in percent of that of bare SQL beside it. */
  readonly percent: number;
  /** The same of processor time, which other work on the machine does not touch. */
  readonly cpuPercent: number;
}

interface Spent {
  readonly wallUs: number;
  readonly cpuUs: number;
}

const WARM_UP_ROUNDS = 6;
/** Ratios of rounds scatter with the disk: more rounds than where only the processor counts. */
const ROUNDS_PER_SAMPLE = 4;

export async function duel(kind: Kind, sides: Sides, effort: Effort): Promise<Outcome> {
  const store: Spent[] = [];
  const bare: Spent[] = [];
  const rounds = effort.samples * ROUNDS_PER_SAMPLE;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const work = kind.next();
    const again = sides.bare.replay(await sides.recorder.record(work));
    const ofStore = (): Promise<Spent> => spent(() => work(sides.store));
    const ofBare = (): Promise<Spent> => spent(again);
    // Whoever goes second may find the disk busy with what the first has left.
    const storeFirst = round % 2 === 0;
    const first = await (storeFirst ? ofStore() : ofBare());
    const second = await (storeFirst ? ofBare() : ofStore());
    if (round < 0) continue;
    store.push(storeFirst ? first : second);
    bare.push(storeFirst ? second : first);
  }
  const percent = (of: keyof Spent): number =>
    median(store.map((one, round) => ((bare[round]?.[of] ?? 0) / one[of]) * 100));
  const { name, operations } = kind;
  return {
    figures: [figureOf(name, store, operations), figureOf(`${name}, bare SQL`, bare, operations)],
    percent: percent("wallUs"),
    cpuPercent: percent("cpuUs"),
  };
}

async function spent(run: () => unknown): Promise<Spent> {
  const cpu = cpuUsage();
  const start = hrtime.bigint();
  const pending = run();
  if (pending instanceof Promise) await pending;
  const wallUs = Number(hrtime.bigint() - start) / 1000;
  const used = cpuUsage(cpu);
  return { wallUs, cpuUs: used.user + used.system };
}

function figureOf(name: string, spent: readonly Spent[], operations: number): Figure {
  const wallUs = median(spent.map((one) => one.wallUs)) / operations;
  const cpuUs = median(spent.map((one) => one.cpuUs)) / operations;
  return { name, wallUs, cpuUs, perSecond: 1e6 / wallUs, samples: spent.length };
}

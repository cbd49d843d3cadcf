/** The store and bare SQL doing the same work in turn on twins of one file. */
import type { SqliteStore } from "sojourn/stores/sqlite";
import { figureOf, percentOf, spent } from "../harness.ts";
import type { Effort, Figure, Sample } from "../harness.ts";
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

const WARM_UP_ROUNDS = 6;
/** Ratios of rounds scatter with the disk: more rounds than where only the processor counts. */
const ROUNDS_PER_SAMPLE = 4;

export async function duel(kind: Kind, sides: Sides, effort: Effort): Promise<Outcome> {
  const store: Sample[] = [];
  const bare: Sample[] = [];
  const { name, operations } = kind;
  const rounds = effort.samples * ROUNDS_PER_SAMPLE;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const work = kind.next();
    const again = sides.bare.replay(await sides.recorder.record(work));
    const ofStore = (): Promise<Sample> => spent(operations, () => work(sides.store));
    const ofBare = (): Promise<Sample> => spent(operations, again);
    // Whoever goes second may find the disk busy with what the first has left.
    const storeFirst = round % 2 === 0;
    const first = await (storeFirst ? ofStore() : ofBare());
    const second = await (storeFirst ? ofBare() : ofStore());
    if (round < 0) continue;
    store.push(storeFirst ? first : second);
    bare.push(storeFirst ? second : first);
  }
  return {
    figures: [figureOf(name, store), figureOf(`${name}, bare SQL`, bare)],
    percent: percentOf(bare, store, "wallUs"),
    cpuPercent: percentOf(bare, store, "cpuUs"),
  };
}

/**
 * The store and the bare driver in turn: what the store sent to the driver for some work is written
 * down, statement by statement with its values, and sent again by the driver alone to twins of the
 * tables. Both sides make the same round trips; what differs is the store's own work.
 */
import { cpuUsage, hrtime } from "node:process";
import type { PostgresClient, PostgresPool, PostgresQuery } from "sojourn/stores/postgres";
import { median } from "../harness.ts";
import type { Figure } from "../harness.ts";

export interface Recording {
  readonly pool: PostgresPool;
  /** What was sent since the last time. */
  take(): PostgresQuery[];
}

export interface BarePool {
  query<Row>(text: string): Promise<{ readonly rows: readonly Row[] }>;
  query(query: { name?: string; text: string; values: readonly unknown[] }): Promise<unknown>;
}

export interface Duellists {
  readonly calls: Recording;
  readonly bare: BarePool;
  /** How the tables of the one are named in statements, and those of the other. */
  readonly from: string;
  readonly to: string;
}

export interface Kind {
  readonly name: string;
  /** Calls in one round. */
  readonly operations: number;
  /** How many things one call does; default 1. */
  readonly each?: number;
  /** Makes the next call: before the clock runs. */
  work(): () => Promise<unknown>;
}

export interface Outcome {
  readonly name: string;
  readonly figures: readonly [store: Figure, bare: Figure];
  /** The store's rate in percent of the bare driver's, median over rounds. */
  readonly percent: number;
  readonly cpuPercent: number;
}

interface Spent {
  readonly wallUs: number;
  readonly cpuUs: number;
}

const AT_ONCE = 16;
const WARM_UP_ROUNDS = 2;

export function recording(pool: PostgresPool): Recording {
  let sent: PostgresQuery[] = [];
  const wrap = (client: PostgresClient): PostgresClient => ({
    query: (query) => {
      sent.push(query);
      return client.query(query);
    },
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
    release: (destroy) => client.release(destroy),
  });
  return {
    pool: {
      connect: async () => wrap(await pool.connect()),
      on: (event, listener) => pool.on(event, listener),
      off: (event, listener) => pool.off(event, listener),
    },
    take: () => {
      const taken = sent;
      sent = [];
      return taken;
    },
  };
}

export async function duel(kind: Kind, sides: Duellists, rounds: number): Promise<Outcome> {
  const store: Spent[] = [];
  const bare: Spent[] = [];
  const { each = 1 } = kind;
  for (let turn = 0; turn < rounds + WARM_UP_ROUNDS; turn += 1) {
    const works = Array.from({ length: kind.operations }, () => kind.work());
    sides.calls.take();
    const ours = await spent(works, each);
    const again = sides.calls.take().map(({ text, values, name }) => {
      const twin = { text: text.replaceAll(sides.from, sides.to), values };
      if (name !== undefined) return () => sides.bare.query({ ...twin, name });
      return () => sides.bare.query(twin);
    });
    const theirs = await spent(again, each);
    if (turn < WARM_UP_ROUNDS) continue;
    store.push(ours);
    bare.push(theirs);
  }
  const ratio = (of: keyof Spent): number =>
    100 * median(store.map((one, index) => (bare[index]?.[of] ?? Number.NaN) / one[of]));
  return {
    name: kind.name,
    figures: [figureOf(kind.name, store), figureOf(`${kind.name}, bare driver`, bare)],
    percent: ratio("wallUs"),
    cpuPercent: 10_000 / ratio("cpuUs"),
  };
}

/** All of the work by {@link AT_ONCE} callers. */
async function spent(works: readonly (() => Promise<unknown>)[], each: number): Promise<Spent> {
  const queue = works.values();
  const worker = async (): Promise<void> => {
    for (const work of queue) await work();
  };
  const cpu = cpuUsage();
  const start = hrtime.bigint();
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const wallNs = Number(hrtime.bigint() - start);
  const used = cpuUsage(cpu);
  const operations = works.length * each;
  return { wallUs: wallNs / 1000 / operations, cpuUs: (used.user + used.system) / operations };
}

function figureOf(name: string, all: readonly Spent[]): Figure {
  const wallUs = median(all.map((one) => one.wallUs));
  const cpuUs = median(all.map((one) => one.cpuUs));
  return { name, wallUs, cpuUs, perSecond: 1e6 / wallUs, samples: all.length };
}

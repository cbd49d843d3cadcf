/**
 * The store and the bare driver in turn: what the store sent to the driver for some work is written
 * down, statement by statement with its values, and sent again by the driver alone to twins of the
 * tables. Both sides make the same round trips; what differs is the store's own work.
 */
import type { PostgresClient, PostgresPool, PostgresQuery } from "sojourn/stores/postgres";
import { figureOf, percentOf, spent } from "../harness.ts";
import type { Figure, Sample } from "../harness.ts";

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
      on: pool.on.bind(pool),
      off: pool.off.bind(pool),
    },
    take: () => {
      const taken = sent;
      sent = [];
      return taken;
    },
  };
}

export async function duel(kind: Kind, sides: Duellists, rounds: number): Promise<Outcome> {
  const store: Sample[] = [];
  const bare: Sample[] = [];
  const operations = (kind.each ?? 1) * kind.operations;
  for (let turn = 0; turn < rounds + WARM_UP_ROUNDS; turn += 1) {
    const works = Array.from({ length: kind.operations }, () => kind.work());
    sides.calls.take();
    const ours = await spent(operations, () => allOf(works));
    const again = sides.calls.take().map(({ text, values, name }) => {
      const twin = { text: text.replaceAll(sides.from, sides.to), values };
      if (name !== undefined) return () => sides.bare.query({ ...twin, name });
      return () => sides.bare.query(twin);
    });
    const theirs = await spent(operations, () => allOf(again));
    if (turn < WARM_UP_ROUNDS) continue;
    store.push(ours);
    bare.push(theirs);
  }
  return {
    name: kind.name,
    figures: [figureOf(kind.name, store), figureOf(`${kind.name}, bare driver`, bare)],
    percent: percentOf(bare, store, "wallUs"),
    cpuPercent: percentOf(store, bare, "cpuUs"),
  };
}

/** All of the work by {@link AT_ONCE} callers. */
async function allOf(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  const queue = works.values();
  const worker = async (): Promise<void> => {
    for (const work of queue) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

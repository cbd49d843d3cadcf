/**
 * What a session's data may be, from nothing but what its writers were told. Keys are registers
 * (last writer wins: in real time, a write that began after another was acknowledged supersedes
 * it) or counters (every acknowledged step is in it, every open or unknown one may be).
 */

/** A write whose outcome nobody heard may take effect this long after its caller gave up. */
export const ZOMBIE_MS_MAX = 12_000;
/** Observations may have begun this long ago: until then history is kept. */
const HISTORY_MS = 60_000;

export interface Write {
  readonly value: unknown;
  readonly beganAt: number;
  /** When its outcome was known, or from when on nothing of it can be under way any more. */
  doneAt: number;
  fate: "open" | "acked" | "refused" | "unknown";
}

export type Snapshot = Readonly<Record<string, unknown>>;
/** Least values of the counters at some instant. */
export type Floors = ReadonlyMap<string, number>;

interface Counter {
  acked: number;
  /** Shared with forks: whoever hears of the outcome tells all. */
  steps: Write[];
}

export function settle(write: Write, fate: "acked" | "refused" | "unknown", now: number): void {
  write.fate = fate;
  write.doneAt = fate === "unknown" ? now + ZOMBIE_MS_MAX : now;
}

export class DataModel {
  readonly #registers: Map<string, Write[]> = new Map();
  readonly #counters: Map<string, Counter> = new Map();

  /** A write of one register; `undefined` deletes. */
  set(key: string, value: unknown, now: number): Write {
    const write: Write = { value, beganAt: now, doneAt: Infinity, fate: "open" };
    const writes = this.#registers.get(key) ?? [neverWritten()];
    this.#registers.set(key, prune(writes, now).concat(write));
    return write;
  }

  /** One step of several counters at once. */
  count(keys: readonly string[], now: number): Write {
    const write: Write = { value: undefined, beganAt: now, doneAt: Infinity, fate: "open" };
    for (const key of keys) {
      const counter = this.#counters.get(key) ?? { acked: 0, steps: [] };
      counter.steps.push(write);
      this.#counters.set(key, counter);
    }
    return write;
  }

  /** The data of a session that took this one's over. Outcomes still to come reach both. */
  fork(): DataModel {
    const copy = new DataModel();
    for (const [key, writes] of this.#registers) copy.#registers.set(key, [...writes]);
    for (const [key, { acked, steps }] of this.#counters) {
      copy.#counters.set(key, { acked, steps: [...steps] });
    }
    return copy;
  }

  floors(): Floors {
    const floors = new Map<string, number>();
    for (const [key, counter] of this.#counters) floors.set(key, fold(counter).acked);
    return floors;
  }

  /**
   * What is wrong with a snapshot that was read at or after `from`.
   *
   * @param floors Counters' least values at `from`; absent: as of now.
   */
  problem(snapshot: Snapshot, from: number, floors?: Floors): string | undefined {
    for (const [key, writes] of this.#registers) {
      const value = snapshot[key];
      if (candidates(writes, from).some((write) => write.value === value)) continue;
      return `I4: key ${key} holds ${String(value)}, which no write left there`;
    }
    for (const [key, counter] of this.#counters) {
      const { acked, steps } = fold(counter);
      const least = floors === undefined ? acked : (floors.get(key) ?? 0);
      const value = snapshot[key] ?? 0;
      if (typeof value === "number" && value >= least && value <= acked + steps.length) continue;
      const range = `${least} to ${acked + steps.length}`;
      return `I4: counter ${key} is ${JSON.stringify(value)}, acknowledged steps make ${range}`;
    }
    const known = (key: string) => this.#registers.has(key) || this.#counters.has(key);
    const foreign = Object.keys(snapshot).find((key) => !known(key));
    return foreign === undefined ? undefined : `data: key ${foreign} was never written here`;
  }

  /** Learn from what is stored now what became of steps of unknown outcome. */
  learn(snapshot: Snapshot, now: number): void {
    for (const [key, counter] of this.#counters) {
      const { steps } = fold(counter);
      if (steps.length === 0 || steps.some((step) => !(step.doneAt < now))) continue;
      counter.acked = Number(snapshot[key] ?? 0);
      counter.steps = [];
    }
  }

  /** The store went back to how it was at `since`, when the counters were at least `floors`. */
  forgetSince(since: number, floors: Floors, now: number): void {
    for (const writes of this.#registers.values()) {
      for (const write of writes) if (write.doneAt >= since) doubt(write, now);
    }
    for (const [key, counter] of this.#counters) {
      const { acked } = fold(counter);
      const kept = Math.min(acked, floors.get(key) ?? 0);
      counter.acked = kept;
      for (let lost = kept; lost < acked; lost += 1) counter.steps.push(lostStep(since, now));
    }
  }
}

function lostStep(since: number, now: number): Write {
  const doneAt = now + ZOMBIE_MS_MAX;
  return { value: undefined, beganAt: since, doneAt, fate: "unknown" };
}

function doubt(write: Write, now: number): void {
  if (write.fate === "acked") settle(write, "unknown", now);
}

function neverWritten(): Write {
  return { value: undefined, beganAt: -1, doneAt: -1, fate: "acked" };
}

/** Acknowledged steps become part of the sum, refused ones vanish. */
function fold(counter: Counter): Counter {
  if (counter.steps.every((step) => step.fate === "open" || step.fate === "unknown")) {
    return counter;
  }
  counter.acked += counter.steps.filter((step) => step.fate === "acked").length;
  counter.steps = counter.steps.filter((step) => step.fate === "open" || step.fate === "unknown");
  return counter;
}

/** Writes whose value an observation from `from` on may find. */
function candidates(writes: readonly Write[], from: number): Write[] {
  const settled = writes.filter((write) => write.fate === "acked" && write.doneAt < from);
  return writes.filter(
    (write) => write.fate !== "refused" && !settled.some((later) => write.doneAt < later.beganAt),
  );
}

function prune(writes: Write[], now: number): Write[] {
  return writes.length < 8 ? writes : candidates(writes, now - HISTORY_MS);
}

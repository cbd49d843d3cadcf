/**
 * Changes of this and of other processes, in the order of the log. Own writes are told inside the
 * commit that made them: when a revocation returns, every cache on this tail has heard of it.
 * Foreign ones are noticed by `PRAGMA data_version`, which changes with every commit of another
 * connection; asking for it costs a few microseconds.
 */
import type { StoreChange, Subscription, TailHandlers } from "../../engine/ports.ts";
import { tell } from "../handlers.ts";
import { storeChange } from "../sql/change.ts";
import { unpack } from "../sql/packed.ts";
import type { Connection } from "./connection.ts";
import type { SqlRow } from "./driver.ts";
import { storeFault } from "./faults.ts";
import { textOut } from "./text.ts";

const ROWS_PER_READ = 500;
/** Reads in one go before the event loop gets its turn. */
const READS_PER_TURN = 8;

interface Subscriber {
  readonly handlers: TailHandlers;
  /** Sequence of the last change delivered; `undefined` until the database is open. */
  seq: number | undefined;
  /** Where the caller wants to begin. */
  readonly from: string;
  open: boolean;
}

export interface TailOptions {
  readonly pollMs: number;
  /** The open database, opened now if need be. */
  readonly connection: () => Promise<Connection>;
}

export class Tail {
  readonly #options: TailOptions;
  readonly #subscribers: Set<Subscriber> = new Set<Subscriber>();
  #timer: NodeJS.Timeout | undefined;
  #polling = false;
  #delivering = false;
  /** `data_version` at the last complete delivery; `undefined` when there is more to read. */
  #version: number | undefined;
  #seenOn: Connection | undefined;
  #incarnation: string | undefined;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  subscribe(from: string, handlers: TailHandlers): Subscription {
    const subscriber: Subscriber = { handlers, seq: undefined, from, open: true };
    this.#subscribers.add(subscriber);
    this.#version = undefined;
    void this.#poll();
    this.#timer ??= setInterval(() => void this.#poll(), this.#options.pollMs).unref();
    return {
      close: () => {
        subscriber.open = false;
        this.#subscribers.delete(subscriber);
        if (this.#subscribers.size === 0) this.#stop();
      },
    };
  }

  /** This process has just committed changes: tell them before their callers are answered. */
  committed(db: Connection): void {
    if (this.#subscribers.size === 0) return;
    this.#version = undefined;
    try {
      this.#deliver(db);
    } catch (error) {
      // The write is done and must be reported as done; the next poll tells what was missed.
      this.#report(error);
    }
  }

  close(): void {
    for (const subscriber of this.#subscribers) subscriber.open = false;
    this.#subscribers.clear();
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      this.#deliver(await this.#options.connection());
    } catch (error) {
      this.#report(error);
    } finally {
      this.#polling = false;
    }
  }

  #report(error: unknown): void {
    const fault = storeFault(error, "tail");
    for (const subscriber of this.#subscribers) {
      tell(subscriber, (handlers) => handlers.error?.(fault));
    }
  }

  /** One turn: everything there is, or as much as fits; then the proof of freshness. */
  #deliver(db: Connection): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      const askedAt = performance.now();
      // Read before the log: a commit in between makes the next poll look again.
      const version = Number(db.get("PRAGMA data_version")?.[0]);
      // Each connection counts for itself: a file opened anew may show the same number.
      const seen = db === this.#seenOn && version === this.#version;
      const complete = seen || this.#readLog(db);
      this.#seenOn = db;
      this.#version = complete ? version : undefined;
      if (complete) this.#tellFrontier(askedAt);
      else setImmediate(() => void this.#poll());
    } finally {
      this.#delivering = false;
    }
  }

  /** @returns false when there is more than one turn may read. */
  #readLog(db: Connection): boolean {
    const { incarnation, floor, last } = boundsOf(db);
    for (const subscriber of this.#subscribers) this.#place(subscriber, incarnation, floor, last);
    this.#incarnation = incarnation;
    for (let reads = 0; reads < READS_PER_TURN; reads += 1) {
      const from = Math.min(...[...this.#subscribers].map((subscriber) => subscriber.seq ?? last));
      if (from >= last) return true;
      const rows = db.all(READ, from, ROWS_PER_READ);
      for (const row of rows) this.#tell(db, row);
      if (rows.length < ROWS_PER_READ) {
        for (const subscriber of this.#subscribers)
          subscriber.seq = Math.max(subscriber.seq ?? 0, last);
        return true;
      }
    }
    return false;
  }

  /** Give a subscriber its place in the log, or tell it that the log no longer reaches back. */
  #place(subscriber: Subscriber, incarnation: string, floor: number, last: number): void {
    const replaced = this.#incarnation !== undefined && this.#incarnation !== incarnation;
    let gap = false;
    if (subscriber.seq === undefined) {
      const wanted = subscriber.from === "now" ? last : sequenceOf(subscriber.from, incarnation);
      gap = wanted === undefined;
      subscriber.seq = wanted ?? last;
    } else if (replaced) {
      gap = true;
      subscriber.seq = last;
    }
    if (subscriber.seq > last) {
      gap = true;
      subscriber.seq = last;
    }
    if (subscriber.seq < floor) {
      gap = true;
      subscriber.seq = floor;
    }
    if (gap) tell(subscriber, (handlers) => handlers.gap?.());
  }

  #tell(db: Connection, row: SqlRow): void {
    const seq = Number(row[0]);
    const change = changeOf(db, row, `${this.#incarnation ?? ""}:${seq}`);
    for (const subscriber of this.#subscribers) {
      if (subscriber.seq === undefined || subscriber.seq >= seq) continue;
      subscriber.seq = seq;
      tell(subscriber, (handlers) => (change ? handlers.change(change) : handlers.gap?.()));
    }
  }

  #tellFrontier(askedAt: number): void {
    for (const subscriber of this.#subscribers) {
      const position = `${this.#incarnation ?? ""}:${subscriber.seq ?? 0}`;
      tell(subscriber, (handlers) => handlers.frontier?.(position, askedAt));
    }
  }
}

const READ =
  "SELECT seq, what, tenant, id, subject, detail FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const BOUNDS =
  "SELECT (SELECT value FROM meta WHERE key = 'incarnation'), " +
  "(SELECT value FROM meta WHERE key = 'log_floor'), " +
  "coalesce((SELECT max(seq) FROM change), 0)";

interface Bounds {
  readonly incarnation: string;
  readonly floor: number;
  readonly last: number;
}

function boundsOf(db: Connection): Bounds {
  const [incarnation, floor, last] = db.get(BOUNDS) ?? [];
  const bottom = Number(floor);
  // An emptied log still counts on from its floor.
  return { incarnation: String(incarnation), floor: bottom, last: Math.max(Number(last), bottom) };
}

/** @returns `undefined` for a position that is not of this log. */
function sequenceOf(position: string, incarnation: string): number | undefined {
  const [known, digits] = position.split(":");
  const sequence = Number(digits);
  return known === incarnation && Number.isSafeInteger(sequence) && sequence >= 0
    ? sequence
    : undefined;
}

function changeOf(db: Connection, row: SqlRow, position: string): StoreChange | undefined {
  return storeChange({
    what: Number(row[1]),
    tenant: db.tenantName(Number(row[2])),
    id: unpack(row[3]),
    subject: textOut(row[4]),
    detail: typeof row[5] === "string" ? row[5] : null,
    position,
  });
}

/**
 * Changes of every process, by polling the primary. Transactions commit in another order than they
 * were numbered in, so no number tells what has been read: each poll asks for what its snapshot
 * shows and that of the poll before it did not. Nothing is missed however late a transaction
 * commits, nothing is told twice, and a long transaction holds up nobody.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { StoreChange, Subscription, TailHandlers } from "../../engine/ports.ts";
import { tell } from "../handlers.ts";
import { storeChange } from "../sql/change.ts";
import type { SqlRow } from "./codec.ts";
import type { Sql } from "./database.ts";
import { requirePrimary } from "./find.ts";
import { INCARNATION } from "./identity.ts";
import { parsePosition, resumeClause } from "./position.ts";
import type { Position } from "./position.ts";
import { idOut, textOut } from "./text.ts";

const ROWS_PER_READ = 1000;
/** A poll that takes long is not followed by the next at once, but freshness is proved in time. */
const REST_MS_MAX = 200;
const TROUBLED_POLL_MS_MAX = 1000;
/** A server that was stopped never answers a poll: nobody who leaves waits longer for it. */
const LEAVE_MS = 1000;
/** As long as a transaction of ours may take. */
const OVERLAP_MS = 5000;

interface Subscriber {
  readonly handlers: TailHandlers;
  /** Where the caller wants to begin. */
  readonly from: string;
  /** When it came, by the process's own clock. */
  readonly since: number;
  /** In step with the others: it is told what each poll finds. */
  placed: boolean;
  open: boolean;
}

export interface TailOptions {
  readonly pollMs: number;
  /** Do something in one statement after another, with faults wrapped. */
  readonly run: <Result>(work: (sql: Sql) => Promise<Result>) => Promise<Result>;
}

/** What every answer of the log begins with, found rows or none. */
interface Reading {
  readonly snapshot: string;
  readonly incarnation: string;
  /** Rows of transactions below it may have been dropped. */
  readonly floor: bigint;
  readonly rows: readonly SqlRow[];
}

export class Tail {
  readonly #options: TailOptions;
  readonly #subscribers: Set<Subscriber> = new Set<Subscriber>();
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  #again = false;
  /** The snapshot up to which everything has been told, and of which incarnation it is. */
  #seen: { readonly snapshot: string; readonly incarnation: string } | undefined;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  subscribe(from: string, handlers: TailHandlers): Subscription {
    // What was seen so far was seen before now, so the next poll misses nothing from here on.
    const placed = from === "now" && this.#seen !== undefined;
    const subscriber = { handlers, from, since: performance.now(), placed, open: true };
    this.#subscribers.add(subscriber);
    this.nudge();
    return {
      close: () => {
        subscriber.open = false;
        this.#subscribers.delete(subscriber);
        if (this.#subscribers.size === 0) this.#stop();
      },
    };
  }

  /** This process has just committed a change: look at once, once for all that come meanwhile. */
  nudge(): void {
    if (this.#subscribers.size === 0) return;
    if (this.#polling !== undefined) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#polling = this.#poll().finally(() => {
      this.#polling = undefined;
      // Somebody came while it was ending.
      if (this.#again) this.nudge();
    });
  }

  /** @returns once a poll under way has come to its end, or a second later. */
  async close(): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.open = false;
    this.#subscribers.clear();
    this.#stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => void (timer = setTimeout(resolve, LEAVE_MS)));
    await Promise.race([this.#polling, late]);
    clearTimeout(timer);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    // Nobody was told what happens from here on: whoever comes next begins anew.
    this.#seen = undefined;
  }

  async #poll(): Promise<void> {
    const began = performance.now();
    let troubled = false;
    do {
      this.#again = false;
      try {
        await this.#deliver();
      } catch (error) {
        troubled = true;
        this.#report(error);
      }
    } while (this.#again && !troubled && this.#subscribers.size > 0);
    if (troubled) this.#again = false;
    if (this.#subscribers.size === 0) return;
    const { pollMs } = this.#options;
    const took = performance.now() - began;
    const rest = Math.max(pollMs, Math.min(took, REST_MS_MAX - took));
    const wait = troubled ? Math.max(pollMs, Math.min(took * 2, TROUBLED_POLL_MS_MAX)) : rest;
    this.#timer = setTimeout(() => this.nudge(), wait).unref();
  }

  /** One turn: what is new to all, then the proof of freshness, then who is new. */
  async #deliver(): Promise<void> {
    const askedAt = performance.now();
    await this.#options.run(async (sql) => {
      const seen = this.#seen;
      const first = await read(sql, seen === undefined ? NOTHING : sinceClauses(seen.snapshot));
      const { snapshot, incarnation, floor } = first;
      const lost =
        seen !== undefined && (seen.incarnation !== incarnation || xminOf(seen.snapshot) < floor);
      if (lost) this.#tellGap();
      else if (seen !== undefined) await this.#tellAll(sql, first, sinceClauses(seen.snapshot));
      this.#seen = { snapshot, incarnation };
      for (const subscriber of this.#subscribers) {
        if (!subscriber.placed) await this.#place(sql, subscriber, first);
      }
    });
    const { snapshot, incarnation } = this.#seen ?? {};
    if (snapshot === undefined || incarnation === undefined) return;
    const position = `${incarnation}:${xminOf(snapshot)}`;
    for (const subscriber of this.#subscribers) {
      if (!subscriber.placed) continue;
      tell(subscriber, (handlers) => handlers.frontier?.(position, askedAt));
    }
  }

  async #tellAll(sql: Sql, first: Reading, clauses: readonly string[]): Promise<void> {
    const told = [...this.#subscribers].filter(({ placed }) => placed);
    await this.#tellRows(sql, { first, clauses }, told);
  }

  /** Row after row in the order of the log, in as many reads as it takes, up to one snapshot. */
  async #tellRows(
    sql: Sql,
    { first, clauses }: { readonly first: Reading; readonly clauses: readonly string[] },
    told: readonly Subscriber[],
  ): Promise<void> {
    let { rows } = first;
    for (;;) {
      for (const row of rows) {
        const change = changeOf(row, first.incarnation);
        for (const one of told) {
          tell(one, (handlers) => (change ? handlers.change(change) : handlers.gap?.()));
        }
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < ROWS_PER_READ) return;
      const after = `(c.xid, c.seq) > ('${last[XID]}', ${last[SEQ]})`;
      const shown = `pg_visible_in_snapshot(c.xid, '${first.snapshot}')`;
      ({ rows } = await read(sql, clauses, `${after} AND ${shown}`));
    }
  }

  /** Bring a new subscriber to where the others are, or tell it of a log that is too short. */
  async #place(sql: Sql, subscriber: Subscriber, now: Reading): Promise<void> {
    subscriber.placed = true;
    if (subscriber.from === "now") {
      return this.#catchUp(
        sql,
        subscriber,
        recentClause(performance.now() - subscriber.since),
        now,
      );
    }
    const position = parsePosition(subscriber.from, now.incarnation);
    if (position === undefined || !reaches(position, now)) {
      tell(subscriber, (handlers) => handlers.gap?.());
      return;
    }
    await this.#catchUp(sql, subscriber, resumeClause(position), now);
  }

  /** Tell what the clause finds, up to the snapshot from which all go on together. */
  async #catchUp(sql: Sql, subscriber: Subscriber, clause: string, now: Reading): Promise<void> {
    const shown = `pg_visible_in_snapshot(c.xid, '${now.snapshot}')`;
    const first = { ...(await read(sql, [clause], shown)), snapshot: now.snapshot };
    await this.#tellRows(sql, { first, clauses: [clause] }, [subscriber]);
  }

  #tellGap(): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.placed) tell(subscriber, (handlers) => handlers.gap?.());
    }
  }

  #report(error: unknown): void {
    for (const subscriber of this.#subscribers) {
      tell(subscriber, (handlers) => handlers.error?.(error));
    }
  }
}

const SNAPSHOT = 0;
const RECOVERING = 1;
const IDENTITY = 2;
const FLOOR = 3;
const XID = 4;
const HORIZON = 5;
const SEQ = 6;
const WHAT = 7;
const TENANT = 8;
const ID = 9;
const SUBJECT = 10;
const DETAIL = 11;

const NOTHING: readonly string[] = ["false"];

/**
 * Which past the numbers of transactions belong to. A server that crashes gives those numbers again
 * that it had given to what it then lost, touches mostly: who has seen the first would take the
 * second for seen. A crash makes it begin its statistics anew; so may a person, at the cost of one
 * gap.
 */
const PAST = `${INCARNATION} || '.' || coalesce((SELECT extract(epoch FROM b.stats_reset)
  FROM pg_stat_bgwriter b), 0)`;

/**
 * New since a snapshot: begun after it, or under way when it was taken. Two clauses, so that each
 * is a range of the index: joined by OR they would be a walk over the whole log.
 */
function sinceClauses(snapshot: string): readonly string[] {
  const [, xmax = "0", under = ""] = snapshot.split(":");
  const late = under.split(",").filter((xid) => /^\d+$/.test(xid));
  const begun = `c.xid >= '${BigInt(xmax)}'`;
  if (late.length === 0) return [begun];
  return [begun, `c.xid IN (${late.map((xid) => `'${xid}'`).join(", ")})`];
}

/**
 * What happened since a subscriber came, `forMs` ago, and somewhat before: a change carries the
 * time of its writing, its transaction may have committed that much later.
 */
function recentClause(forMs: number): string {
  const from = `clock_timestamp() - make_interval(secs => ${(forMs + OVERLAP_MS) / 1000})`;
  const older =
    `SELECT b.xid FROM sojourn.change b WHERE b.at < ${from} ` +
    "ORDER BY b.xid DESC, b.seq DESC LIMIT 1";
  return `c.at >= ${from} AND c.xid >= coalesce((${older}), '0')`;
}

/** @param clauses Of which no row fits two. @param more What fits besides. */
async function read(sql: Sql, clauses: readonly string[], more: string = "true"): Promise<Reading> {
  const parts = clauses.map(
    (clause) =>
      `(SELECT c.* FROM sojourn.change c WHERE ${clause} AND ${more} ` +
      `ORDER BY c.xid, c.seq LIMIT ${ROWS_PER_READ})`,
  );
  const rows = await sql.rows(
    `SELECT pg_current_snapshot(), pg_is_in_recovery(), ${PAST}, ` +
      "(SELECT m.value FROM sojourn.meta m WHERE m.key = 'log_floor'), c.* " +
      "FROM (SELECT) one LEFT JOIN (" +
      "SELECT c.xid, c.horizon, c.seq, c.what, t.name, encode(c.id, 'hex'), c.subject, c.detail " +
      `FROM (${parts.join(" UNION ALL ")}) c JOIN sojourn.tenant t ON t.no = c.tenant ` +
      `ORDER BY c.xid, c.seq LIMIT ${ROWS_PER_READ}) c ON true`,
  );
  const [head = []] = rows;
  requirePrimary(head[RECOVERING]);
  if (typeof head[IDENTITY] !== "string") throw new StoreUnavailableError("tail: no incarnation");
  return {
    snapshot: String(head[SNAPSHOT]),
    incarnation: head[IDENTITY],
    floor: BigInt(head[FLOOR] ?? 0),
    rows: rows.filter((row) => typeof row[XID] === "string"),
  };
}

function xminOf(snapshot: string): bigint {
  return BigInt(snapshot.split(":")[0] ?? 0);
}

/** Whether the log still has, and ever had, all that follows a position. */
function reaches({ horizon, xid }: Position, { snapshot, floor }: Reading): boolean {
  const next = BigInt(snapshot.split(":")[1] ?? 0);
  return horizon >= floor && (xid ?? horizon) <= next;
}

function changeOf(row: SqlRow, incarnation: string): StoreChange | undefined {
  const change = storeChange({
    what: Number(row[WHAT]),
    tenant: textOut(String(row[TENANT])),
    id: typeof row[ID] === "string" ? idOut(row[ID]) : "",
    subject: typeof row[SUBJECT] === "string" ? textOut(row[SUBJECT]) : null,
    detail: row[DETAIL] ?? null,
    position: `${incarnation}:${row[HORIZON]}.${row[XID]}.${row[SEQ]}`,
  });
  if (change?.kind !== "subject" || change.except === undefined) return change;
  return { ...change, except: textOut(change.except) };
}

/**
 * Whoever is fed from the audit trail: a position in it, moved in one transaction with whatever
 * the consumer writes. One process of several works on it; if two believe that they do, one of them
 * cannot move the position, and nothing that it wrote is left.
 */
import { randomBytes } from "node:crypto";
import { ContentionError } from "sojourn";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";
import type { ControlSql, Statement } from "../control/control-sql.ts";

/** Entries that were removed, or a trail that went back, before the consumer had come so far. */
export interface Gap {
  readonly consumer: string;
  /** Of the last entry that it had. */
  readonly after: number;
  /** Where it goes on. */
  readonly before: number;
}

export interface ConsumerParts {
  /** For ever: its position is kept by it. */
  readonly name: string;
  readonly sql: ControlSql;
  readonly reader: TrailReader;
  readonly now: () => number;
  /** A new one begins with all there is, or with what comes. */
  readonly begins: "at-first" | "at-next";
  /** Most entries at once. */
  readonly batch: number;
  /** What it writes, together with its position. What it sends may go out a second time. */
  readonly take: (entries: readonly ReadEntry[]) => Promise<readonly Statement[]>;
  readonly onGap: (gap: Gap) => void;
}

/** Of a process that does not come back, another takes over after so long. */
export const LEASE_MS = 5_000;
const OWNER_BYTES = 12;

/** By name and position; whoever has begun already goes on. */
export const BEGIN_CONSUMER = `INSERT INTO control.trail_consumer (name, seq, owner, until_at)
  VALUES (?, ?, '', 0) ON CONFLICT DO NOTHING`;
const FIND = "SELECT seq FROM control.trail_consumer WHERE name = ?";
/** A lease beyond what anybody takes was written by a clock that is wrong. */
const CLAIM = `UPDATE control.trail_consumer SET owner = ?, until_at = ?
  WHERE name = ? AND (owner = ? OR until_at <= ? OR until_at > ?)`;
const RELEASE = "UPDATE control.trail_consumer SET until_at = ? WHERE name = ? AND owner = ?";
const MOVE = `UPDATE control.trail_consumer SET seq = ?
  WHERE name = ? AND owner = ? AND seq = ?`;

/** Nobody has worked on it for so long: it is not used any more. */
const ABANDONED_MS = 7 * 86_400_000;
const LAST_OF_ALL = `SELECT min(seq) AS seq FROM control.trail_consumer WHERE until_at > ?`;

/** The entry up to which every consumer that is worked on has all. */
export async function takenByAll(sql: ControlSql, now: number): Promise<number> {
  const { rows } = await sql.run("consumer positions", LAST_OF_ALL, Math.trunc(now - ABANDONED_MS));
  const seq = rows[0]?.["seq"] ?? null;
  return seq === null ? Infinity : Number(seq);
}

export class Consumer {
  readonly #parts: ConsumerParts;
  readonly #owner = randomBytes(OWNER_BYTES).toString("base64url");
  /** Absent while another process works on it. */
  #seq: number | undefined;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
  }

  /** This process works on it. */
  get holds(): boolean {
    return this.#seq !== undefined;
  }

  get name(): string {
    return this.#parts.name;
  }

  /** Take it if nobody has it, else stay with it. To be called every third of the lease. */
  async claim(): Promise<boolean> {
    const { name, sql, now } = this.#parts;
    const at = Math.trunc(now());
    const values = [this.#owner, at + LEASE_MS, name, this.#owner, at, at + 2 * LEASE_MS];
    const { changes } = await sql.run("consumer claim", CLAIM, ...values);
    if (changes === 0) {
      this.#seq = undefined;
      const begun = await this.#find();
      if (begun !== undefined) return false;
      await this.#begin();
      return this.claim();
    }
    this.#seq ??= await this.#find();
    return true;
  }

  /** Let go, so that another process need not wait. */
  async release(): Promise<void> {
    if (this.#seq === undefined) return;
    this.#seq = undefined;
    const { sql, name, now } = this.#parts;
    await sql.run("consumer release", RELEASE, Math.trunc(now()), name, this.#owner);
  }

  /** Take the next entries. @returns whether there may be more at once. */
  async round(): Promise<boolean> {
    const seq = this.#seq;
    if (seq === undefined) return false;
    const { reader, batch, take } = this.#parts;
    const entries = await reader.after(seq, batch);
    if (entries[0]?.seq !== seq + 1 && (await this.#leaped(seq, entries[0]?.seq))) return true;
    const last = entries.at(-1);
    if (last === undefined) return false;
    await this.#move(seq, last.seq, await take(entries));
    return entries.length === batch;
  }

  /** Retention, or a hand on the trail, was faster: said, and gone on behind it. */
  async #leaped(seq: number, next: number | undefined): Promise<boolean> {
    const head = await this.#parts.reader.head();
    if (head === undefined) return false;
    const before = head.seq < seq ? head.anchorSeq : Math.max(head.anchorSeq, (next ?? 0) - 1);
    if (before === seq || (before < seq && head.seq >= seq)) return false;
    await this.#move(seq, before, []);
    this.#parts.onGap({ consumer: this.#parts.name, after: seq, before });
    return true;
  }

  async #move(from: number, to: number, statements: readonly Statement[]): Promise<void> {
    const { sql, name } = this.#parts;
    // First: whoever else believes to work on it waits here, and then finds it moved.
    const move = { text: MOVE, values: [to, name, this.#owner, from], writes: 1 };
    try {
      await sql.all("consumer", [move, ...statements]);
      // A claim may have found out meanwhile that it is somebody else's.
      if (this.#seq !== undefined) this.#seq = to;
    } catch (error) {
      // Whether it was moved is not known after trouble: it is read again.
      this.#seq = undefined;
      if (!(error instanceof ContentionError)) throw error;
    }
  }

  #find(): Promise<number | undefined> {
    return positionOf(this.#parts.sql, this.#parts.name);
  }

  async #begin(): Promise<void> {
    const { sql, name, begins, reader } = this.#parts;
    const head = await reader.head();
    const seq = (begins === "at-next" ? head?.seq : head?.anchorSeq) ?? 0;
    await sql.run("consumer begin", BEGIN_CONSUMER, name, seq);
  }
}

/** Of the last entry that the consumer has. @returns `undefined` before its beginning. */
export async function positionOf(sql: ControlSql, name: string): Promise<number | undefined> {
  const [row] = (await sql.run("consumer position", FIND, name)).rows;
  return row === undefined ? undefined : Number(row["seq"]);
}

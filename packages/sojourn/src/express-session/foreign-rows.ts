/**
 * What Sojourn keeps in an express-session store: one row per session, one per subject, one for the
 * installation. Each is a session-shaped object, whose `cookie` makes the store keep it as long as
 * it is needed, around one text: such stores alter, drop or refuse parts of what they are given.
 */
import { hash } from "node:crypto";
import { StoreUnavailableError } from "../engine/errors.ts";
import type { Installation, SessionRef, StoredData } from "../engine/ports.ts";
import type { SessionRecord } from "../engine/record.ts";
import { SerialQueues } from "../sessions/serial.ts";
import { ForeignCalls } from "./foreign-calls.ts";
import type { ForeignStore, LateWrites } from "./foreign-calls.ts";

export interface SessionRow {
  readonly record: SessionRecord;
  readonly data: StoredData;
  readonly dataVersion: number;
}

/** The id is used up, and nothing else is known any more. */
export interface Tombstone {
  readonly until: number;
}

export interface IndexEntry {
  readonly id: string;
  readonly createdAt: number;
  /** The session's absolute end. */
  readonly until: number;
}

export interface SubjectRow {
  readonly epoch: number;
  /** Every session that may still be stored, ended ones too, in no order. */
  readonly sessions: readonly IndexEntry[];
}

export interface MetaRow {
  readonly incarnation: string;
  readonly since: number;
  readonly installation?: Installation;
}

/** What every handle on one store shares in this process: whoever writes waits for the others. */
export interface ForeignLocks {
  readonly queues: SerialQueues;
  readonly late: LateWrites;
}

export function newLocks(): ForeignLocks {
  return { queues: new SerialQueues(), late: new Map() };
}

const DAY_MS = 86_400_000;
/** Ended sessions stay readable this long past their absolute end. */
export const KEEP_ENDED_MS: number = 7 * DAY_MS;
const FOR_GOOD_MS = 10 * 365 * DAY_MS;
const FORMAT = 1;
/** No sid of express-session's own has a dot in it. */
const PREFIX = "sojourn.";
const META_KEY = `${PREFIX}installation`;

/** Hashed: a subject's name is personal, and file names and columns cannot hold every text. */
export function sessionKey({ tenant, id }: SessionRef): string {
  return `${PREFIX}session.${hash("sha256", JSON.stringify([tenant, id]), "hex")}`;
}

function subjectKey(tenant: string, subject: string): string {
  return `${PREFIX}subject.${hash("sha256", JSON.stringify([tenant, subject]), "hex")}`;
}

export class ForeignRows {
  readonly #calls: ForeignCalls;
  readonly #queues: SerialQueues;

  constructor(store: ForeignStore, timeoutMs: number, locks: ForeignLocks) {
    this.#calls = new ForeignCalls(store, timeoutMs, locks.late);
    this.#queues = locks.queues;
  }

  session(ref: SessionRef): Promise<SessionRow | Tombstone | undefined> {
    return this.#read<SessionRow | Tombstone>(sessionKey(ref));
  }

  writeSession(row: SessionRow): Promise<void> {
    const { createdAt, absoluteExpiresAt } = row.record;
    // From now on and not from `createdAt`: the store's clock need not be ours.
    const keepMs = absoluteExpiresAt - createdAt + KEEP_ENDED_MS;
    return this.#write(sessionKey(row.record), row, keepMs);
  }

  /** @param keepMs How long from now until the tombstone may go. */
  bury(ref: SessionRef, tombstone: Tombstone, keepMs: number): Promise<void> {
    return this.#write(sessionKey(ref), tombstone, keepMs + DAY_MS);
  }

  erase(ref: SessionRef): Promise<void> {
    return this.#calls.destroy(sessionKey(ref));
  }

  async subject(tenant: string, subject: string): Promise<SubjectRow> {
    const row = await this.#read<SubjectRow>(subjectKey(tenant, subject));
    return row ?? { epoch: 0, sessions: [] };
  }

  writeSubject(tenant: string, subject: string, row: SubjectRow): Promise<void> {
    const lives = row.sessions.map((entry) => entry.until - entry.createdAt);
    // An epoch outlives its sessions: it must go on refusing what was issued below it.
    const keepMs = row.epoch > 0 ? FOR_GOOD_MS : Math.max(0, ...lives) + KEEP_ENDED_MS;
    return this.#write(subjectKey(tenant, subject), row, keepMs);
  }

  /**
   * The installation's row, made if there is none. Two processes that make it at the same moment
   * both read what was written last.
   */
  meta(make: (found: MetaRow | undefined) => MetaRow): Promise<MetaRow> {
    return this.exclusive(META_KEY, async () => {
      const found = await this.#read<MetaRow>(META_KEY);
      const wanted = make(found);
      if (wanted === found) return found;
      await this.#write(META_KEY, wanted, FOR_GOOD_MS);
      return (await this.#read<MetaRow>(META_KEY)) ?? wanted;
    });
  }

  exclusiveSession<Result>(ref: SessionRef, task: () => Promise<Result>): Promise<Result> {
    return this.exclusive(sessionKey(ref), task);
  }

  /** Take this before a session's turn, never after it: two that wait for each other wait on. */
  exclusiveSubject<Result>(
    tenant: string,
    subject: string,
    task: () => Promise<Result>,
  ): Promise<Result> {
    return this.exclusive(subjectKey(tenant, subject), task);
  }

  /** One task of a key at a time. A write that was given up is waited for before the next one. */
  exclusive<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      void this.#queues.run(key, async () => {
        await task().then(resolve, reject);
        await this.#calls.settled(key);
      });
    });
  }

  async #read<Row>(key: string): Promise<Row | undefined> {
    const value = await this.#calls.get(key);
    if (value === undefined) return undefined;
    const row = unpacked(value);
    if (row !== undefined) return row as Row;
    throw new StoreUnavailableError("express-session store: a row that is not Sojourn's", {
      retryable: false,
    });
  }

  #write(key: string, row: object, keepMs: number): Promise<void> {
    const originalMaxAge = Math.min(Math.max(keepMs, DAY_MS), FOR_GOOD_MS);
    const expires = new Date(Date.now() + originalMaxAge);
    // `maxAge` as well: some stores read the getter that express-session's own cookies have.
    const cookie = { originalMaxAge, maxAge: originalMaxAge, expires, httpOnly: true, path: "/" };
    return this.#calls.set(key, { cookie, sojourn: JSON.stringify({ format: FORMAT, ...row }) });
  }
}

function unpacked(value: unknown): object | undefined {
  const text = typeof value === "object" && value !== null && "sojourn" in value && value.sojourn;
  if (typeof text !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || !("format" in parsed)) return undefined;
    const { format, ...row } = parsed;
    return format === FORMAT ? row : undefined;
  } catch {
    return undefined;
  }
}

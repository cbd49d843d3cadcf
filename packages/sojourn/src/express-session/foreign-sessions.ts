/**
 * Writes of one session in an express-session store: read, decide, write back, one at a time per
 * session in this process. What each write means is the engine's (`engine/merge.ts`).
 */
import { acceptsActivity, endedRecord, isLive, overdueEnd, summaryOf } from "../engine/liveness.ts";
import {
  decidedRecord,
  decidePatch,
  mergeSessions,
  newsOfMerge,
  touchedRecord,
} from "../engine/merge.ts";
import type {
  DataOperation,
  EndedSession,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  SessionRef,
  StoredSession,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { changeOf } from "../stores/memory-log.ts";
import type { ChangeLog } from "../stores/memory-log.ts";
import type { ForeignDeadlines } from "./foreign-deadlines.ts";
import type { ForeignRows, SessionRow, Tombstone } from "./foreign-rows.ts";

export type Row = SessionRow | Tombstone | undefined;

export interface ForeignParts {
  readonly rows: ForeignRows;
  readonly log: ChangeLog;
  readonly deadlines: ForeignDeadlines;
  readonly maxDataBytes: number;
}

interface Purge {
  readonly now?: number;
  /** How a live session ends by it. */
  readonly end?: SessionEnd;
  /** Its id stays taken at least until then. */
  readonly until?: number;
}

export function isSession(row: Row): row is SessionRow {
  return row !== undefined && "record" in row;
}

export class ForeignSessions {
  readonly #parts: ForeignParts;

  constructor(parts: ForeignParts) {
    this.#parts = parts;
  }

  /** Two reads, one for an anonymous session. */
  async find(ref: SessionRef): Promise<StoredSession | undefined> {
    const row = await this.#parts.rows.session(ref);
    if (!isSession(row)) return undefined;
    const subjectEpoch = await this.#epochOf(row.record);
    if (row.record.end !== undefined || row.record.epoch >= subjectEpoch) {
      return { ...row, subjectEpoch };
    }
    // Between the two reads a revoke-all may have raised the session that it excepts.
    const again = await this.#parts.rows.session(ref);
    return isSession(again) ? { ...again, subjectEpoch } : undefined;
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.alone(record, async (row) => {
      const stored = await this.#writable(row);
      if (stored === undefined) return "gone";
      if (stored.record.version !== expectedVersion) return "conflict";
      const decided = decidedRecord(stored.record, record);
      await this.#put({ ...stored, record: decided });
      this.#note(decided, decided.state === "ended" ? "ended" : "changed");
      return "replaced";
    });
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion: number | undefined,
  ): Promise<PatchResult> {
    return this.alone(ref, async (row) => {
      const stored = await this.#writable(row);
      if (stored === undefined) return { outcome: "gone" };
      const { maxDataBytes } = this.#parts;
      const patch = decidePatch(stored, operations, { expectedVersion, maxDataBytes });
      if (patch.outcome !== "patched") return patch;
      const { outcome, dataVersion, data, keys } = patch;
      await this.#put({ record: stored.record, data, dataVersion });
      this.#noteData(stored.record, keys);
      return { outcome, dataVersion };
    });
  }

  touch(touch: Touch): Promise<TouchResult> {
    return this.alone(touch.ref, async (row) => {
      const stored = await this.#writable(row);
      if (stored === undefined) return "gone";
      const { record } = stored;
      const late = touch.seenAt !== undefined && touch.seenAt > record.seenAt;
      if (late && !acceptsActivity(record, touch.seenAt)) return "gone";
      const touched = touchedRecord(record, touch);
      if (touched !== record) await this.#put({ ...stored, record: touched });
      return "touched";
    });
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.alone(ref, async (row) => {
      if (isSession(row)) {
        const { record } = row;
        if (record.end !== undefined) {
          const known = { record: summaryOf(record), end: record.end };
          return { outcome: "already", ...known, durability: "unknown" };
        }
        return {
          outcome: "ended",
          ...(await this.end(row, end)),
          durability: "unknown",
        };
      }
      const { now, tombstoneUntil } = options;
      const until = Math.max(tombstoneUntil ?? 0, row?.until ?? 0);
      if (tombstoneUntil !== undefined) {
        await this.#parts.rows.bury(ref, { until }, until - now);
        const change = { kind: "session", what: "ended", ref, subject: null } as const;
        this.#parts.log.append({ ...change, end });
      }
      return { outcome: "absent", durability: "unknown" };
    });
  }

  /** End a session whose turn it is, and which has not ended. */
  async end(row: SessionRow, end: SessionEnd): Promise<EndedSession> {
    const ended = endedRecord(row.record, end);
    await this.#put({ ...row, record: ended });
    this.#note(ended, "ended");
    return { record: summaryOf(row.record), end };
  }

  /** @returns how it ended, or `undefined` when it was renewed or ended otherwise. */
  endOverdue(ref: SessionRef, now: number): Promise<EndedSession | undefined> {
    return this.alone(ref, async (row) => {
      if (!isSession(row)) {
        this.#parts.deadlines.forget(ref);
        return undefined;
      }
      const end = overdueEnd(row.record, now);
      if (end !== undefined) return this.end(row, end);
      this.#parts.deadlines.note(row.record);
      return undefined;
    });
  }

  /** Put a new session where its turn found no row. */
  async insert(row: SessionRow): Promise<void> {
    await this.#put(row);
    this.#note(row.record, row.record.state === "ended" ? "ended" : "created");
  }

  /** Raise an excepted session to an epoch that its subject is about to get, if it is live. */
  raise(ref: SessionRef, from: number, epoch: number): Promise<boolean> {
    return this.alone(ref, async (row) => {
      if (!isSession(row) || row.record.end !== undefined || row.record.epoch < from) return false;
      const record = { ...row.record, epoch };
      await this.#put({ ...row, record });
      this.#note(record, "changed");
      return true;
    });
  }

  /** Erase what ended long enough ago. */
  purgeEnded(ref: SessionRef, now: number): Promise<void> {
    return this.alone(ref, async (row) => {
      if (isSession(row) && row.record.end !== undefined) await this.purge(row, { now });
      else this.#parts.deadlines.forget(ref);
    });
  }

  /** Erase a row whose turn it is; its id stays taken while its session could have lived. */
  async purge(row: SessionRow, how: Purge): Promise<void> {
    const { record } = row;
    const { now, end, until = 0 } = how;
    const last = Math.max(record.absoluteExpiresAt, until);
    if (now !== undefined && now >= last) await this.#parts.rows.erase(record);
    else await this.#parts.rows.bury(record, { until: last }, last - (now ?? record.createdAt));
    this.#parts.deadlines.forget(record);
    if (record.end !== undefined) return;
    this.#note(end === undefined ? record : endedRecord(record, end), "ended");
  }

  /** Merge a copy from elsewhere. Invariant I9. */
  merge(copy: StoredSession, subjectEpoch: number): Promise<void> {
    const { record, data, dataVersion } = copy;
    return this.alone(record, async (row) => {
      if (row === undefined) return this.insert({ record, data, dataVersion });
      if (!isSession(row)) return;
      const before: StoredSession = { ...row, subjectEpoch };
      const merged = mergeSessions(before, { ...copy, subjectEpoch });
      const news = newsOfMerge(before, merged);
      if (news === undefined) return;
      const { subjectEpoch: _epoch, ...next } = merged;
      await this.#put(next);
      if (news.record !== undefined) this.#note(merged.record, news.record);
      if (news.keys !== undefined) this.#noteData(merged.record, news.keys);
    });
  }

  /** Merge a tombstone from elsewhere: it stands above any copy. */
  bury(ref: SessionRef, until: number): Promise<void> {
    return this.alone(ref, async (row) => {
      if (isSession(row)) return this.purge(row, { until });
      const later = Math.max(until, row?.until ?? 0);
      await this.#parts.rows.bury(ref, { until: later }, later - Date.now());
    });
  }

  /** One task of a session at a time; it is given what is stored when its turn comes. */
  alone<Result>(ref: SessionRef, task: (row: Row) => Promise<Result>): Promise<Result> {
    const { rows } = this.#parts;
    return rows.exclusiveSession(ref, async () => task(await rows.session(ref)));
  }

  async #writable(row: Row): Promise<SessionRow | undefined> {
    if (!isSession(row) || row.record.state === "ended") return undefined;
    return row.record.epoch >= (await this.#epochOf(row.record)) ? row : undefined;
  }

  async #epochOf({ tenant, subject }: SessionRecord): Promise<number> {
    return subject === null ? 0 : (await this.#parts.rows.subject(tenant, subject)).epoch;
  }

  async #put(row: SessionRow): Promise<void> {
    await this.#parts.rows.writeSession(row);
    this.#parts.deadlines.note(row.record);
  }

  #note(record: SessionRecord, what: "created" | "changed" | "ended"): void {
    this.#parts.log.append(changeOf(record, what));
  }

  #noteData({ tenant, id, subject }: SessionRecord, keys: readonly string[]): void {
    this.#parts.log.append({ kind: "session", what: "data", ref: { tenant, id }, subject, keys });
  }
}

/** Judged by its own record and the subject's epoch. */
export function isLiveRow(row: Row, epoch: number, now: number): row is SessionRow {
  return isSession(row) && isLive(row.record, epoch, now);
}

/** Merging what another store saw into the memory store's table. Invariant I9. */
import { StoreUnavailableError } from "../engine/errors.ts";
import { mergeSessions, newsOfMerge } from "../engine/merge.ts";
import type { DeltaTaker } from "../engine/merge.ts";
import type { SessionRef, StoredSession } from "../engine/ports.ts";
import { changeOf } from "./memory-log.ts";
import type { ChangeLog } from "./memory-log.ts";
import { current } from "./memory-table.ts";
import type { MemoryTable, Row } from "./memory-table.ts";

/** Its methods take deltas. */
export class MemoryMerge implements DeltaTaker<void> {
  readonly #table: MemoryTable;
  readonly #log: ChangeLog;
  readonly #maxSessions: number;

  constructor(table: MemoryTable, log: ChangeLog, maxSessions: number) {
    this.#table = table;
    this.#log = log;
    this.#maxSessions = maxSessions;
  }

  /** @throws {StoreUnavailableError} when the store is full of live sessions; apply it again. */
  session(session: StoredSession): void {
    const { record, subjectEpoch } = session;
    if (record.subject !== null) this.epoch(record.tenant, record.subject, subjectEpoch);
    if (this.#table.isBuried(record)) return;
    const row = this.#table.row(record);
    if (row === undefined) this.#insert(session);
    else this.#merge(row, session);
  }

  #insert(session: StoredSession): void {
    const { record, data, dataVersion } = session;
    const full = this.#table.size >= this.#maxSessions && !this.#table.eraseOldestEnded(undefined);
    if (full && record.state !== "ended") throw new StoreUnavailableError("apply: full");
    // An end always finds room: a tombstone says all that matters of it.
    if (full) return this.#table.bury(record, record.absoluteExpiresAt);
    const row = this.#table.insert({ ...record }, { ...data }, dataVersion);
    this.#note(row, record.state === "ended" ? "ended" : "created");
  }

  #merge(row: Row, session: StoredSession): void {
    const before = current(row);
    const merged = mergeSessions(before, session);
    const { record, data, dataVersion } = merged;
    const news = newsOfMerge(before, merged);
    if (news === undefined) return;
    this.#table.write(row, record, data === before.data ? data : { ...data }, dataVersion);
    if (news.record !== undefined) this.#note(row, news.record);
    if (news.keys !== undefined) this.#noteData(row, news.keys);
  }

  tombstone(ref: SessionRef, until: number): void {
    const row = this.#table.row(ref);
    this.#table.bury(ref, until);
    if (row === undefined) return;
    if (row.stored.record.state !== "ended") this.#note(row, "ended");
    this.#table.bury(ref, row.stored.record.absoluteExpiresAt);
    this.#table.erase(row, undefined);
  }

  epoch(tenant: string, subject: string, epoch: number): void {
    if (epoch <= this.#table.epoch(tenant, subject)) return;
    this.#table.raiseEpoch(tenant, subject, epoch);
    this.#log.append({ kind: "subject", tenant, subject, epoch });
  }

  #note(row: Row, what: "created" | "changed" | "ended"): void {
    this.#log.append(changeOf(row.stored.record, what));
  }

  #noteData(row: Row, keys: readonly string[]): void {
    const { id, tenant, subject } = row.stored.record;
    const change = { kind: "session", what: "data", ref: { tenant, id }, subject, keys } as const;
    this.#log.append(change);
  }
}

/**
 * What each write of the memory store does. Nothing here waits, so every method is one step, and
 * every refusal comes before the first change.
 */
import { DataTooLargeError, StoreUnavailableError } from "../engine/errors.ts";
import { acceptsActivity, chooseEvictions, overdueEnd, summaryOf } from "../engine/liveness.ts";
import { dataBytes, decidedRecord, decidePatch, touchedRecord } from "../engine/merge.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  EndedSession,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionLimits,
  SessionRef,
  StoredData,
  SweepOptions,
  SweepResult,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { changeOf } from "./memory-log.ts";
import type { ChangeLog } from "./memory-log.ts";
import { current, isLiveRow, isWritable } from "./memory-table.ts";
import type { MemoryTable, Row, Subject } from "./memory-table.ts";

const NO_DATA: StoredData = Object.freeze({});

export interface MemoryLimits {
  readonly maxSessions: number;
  readonly maxDataBytes: number;
}

type Admission =
  | Exclude<CreateResult, { outcome: "created" }>
  | { readonly replaced: Row | undefined; readonly evict: readonly Row[] };

export class MemoryWrites {
  readonly #table: MemoryTable;
  readonly #log: ChangeLog;
  readonly #limits: MemoryLimits;

  constructor(table: MemoryTable, log: ChangeLog, limits: MemoryLimits) {
    this.#table = table;
    this.#log = log;
    this.#limits = limits;
  }

  create(record: SessionRecord, options: CreateOptions): CreateResult {
    const { now, data } = options;
    const epoch = this.#table.epoch(record.tenant, record.subject);
    const admitted = this.#admit(record, epoch, options);
    if ("outcome" in admitted) return admitted;
    const { replaced, evict } = admitted;
    this.#checkRoom(data ?? NO_DATA, evict.length + (replaced === undefined ? 0 : 1));

    const ended = replaced && this.#end(replaced, { reason: "replaced", at: now });
    const evicted = evict.map((row) => this.#end(row, { reason: "evicted", at: now }));
    const created = this.#insert({ ...record, epoch }, data, now);
    return {
      outcome: "created",
      record: created,
      evicted,
      ...(ended === undefined ? {} : { replaced: ended }),
      durability: "memory",
    };
  }

  replace(record: SessionRecord, expectedVersion: number): ReplaceResult {
    const row = this.#table.row(record);
    if (row === undefined || !isWritable(row)) return "gone";
    const { stored } = row;
    if (stored.record.version !== expectedVersion) return "conflict";
    const decided = decidedRecord(stored.record, record);
    this.#table.write(row, decided, stored.data, stored.dataVersion);
    this.#note(row, decided.state === "ended" ? "ended" : "changed");
    return "replaced";
  }

  patch(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion: number | undefined,
  ): PatchResult {
    const row = this.#table.row(ref);
    if (row === undefined || !isWritable(row)) return { outcome: "gone" };
    const { maxDataBytes } = this.#limits;
    const patch = decidePatch(row.stored, operations, { expectedVersion, maxDataBytes });
    if (patch.outcome !== "patched") return patch;
    const { outcome, dataVersion, data, keys } = patch;
    const { tenant, id, subject } = row.stored.record;
    this.#table.write(row, row.stored.record, data, dataVersion);
    this.#log.append({ kind: "session", what: "data", ref: { tenant, id }, subject, keys });
    return { outcome, dataVersion };
  }

  touch(touch: Touch): TouchResult {
    const row = this.#table.row(touch.ref);
    if (row === undefined || !isWritable(row)) return "gone";
    const { record, data, dataVersion } = row.stored;
    const late = touch.seenAt !== undefined && touch.seenAt > record.seenAt;
    if (late && !acceptsActivity(record, touch.seenAt)) return "gone";
    const touched = touchedRecord(record, touch);
    if (touched !== record) this.#table.write(row, touched, data, dataVersion);
    return "touched";
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): RevokeResult {
    const row = this.#table.row(ref);
    if (row === undefined) {
      if (options.tombstoneUntil !== undefined) {
        this.#table.bury(ref, options.tombstoneUntil);
        const { tenant, id } = ref;
        const what = "ended";
        this.#log.append({ kind: "session", what, ref: { tenant, id }, subject: null, end });
      }
      return { outcome: "absent", durability: "memory" };
    }
    const { record } = row.stored;
    if (record.end !== undefined) {
      const known = { record: summaryOf(record), end: record.end };
      return { outcome: "already", ...known, durability: "memory" };
    }
    return { outcome: "ended", ...this.#end(row, end), durability: "memory" };
  }

  revokeSubject(tenant: string, name: string, options: RevokeSubjectOptions): RevokeSubjectResult {
    const { except, end } = options;
    const before = this.#table.epoch(tenant, name);
    const subject = this.#raiseEpoch(tenant, name, options);
    const ended: EndedSession[] = [];
    for (const row of subject.live.toArray()) {
      const { record, data, dataVersion } = row.stored;
      // A higher epoch, brought by `apply`, has ended an exception of an older one already.
      if (record.id !== except || record.epoch < before) {
        ended.push(this.#end(row, end));
        continue;
      }
      this.#table.write(row, { ...record, epoch: subject.epoch }, data, dataVersion);
      this.#note(row, "changed");
    }
    return { epoch: subject.epoch, before, ended, durability: "memory" };
  }

  sweep(options: SweepOptions): SweepResult {
    const { now, limit, purgeBefore } = options;
    const overdue = this.#table.takeOverdue(now, limit);
    const ended = overdue.taken.map((row) => {
      const end = overdueEnd(row.stored.record, now);
      if (end === undefined) throw new StoreUnavailableError("sweep");
      return this.#end(row, end);
    });
    const room = limit - ended.length;
    const old =
      purgeBefore === undefined || overdue.more
        ? { taken: [], more: false }
        : this.#table.takeEndedBefore(purgeBefore, room);
    for (const row of old.taken) this.#table.erase(row, now);
    this.#table.dropTombstones(now);
    return { ended, purged: old.taken.length, more: overdue.more || old.more };
  }

  purgeSubject(tenant: string, name: string, now: number): number {
    const subject = this.#raiseEpoch(tenant, name);
    for (const row of subject.live.toArray()) {
      this.#end(row, { reason: "subject_revoked", at: now });
    }
    const rows = subject.ended.toArray();
    for (const row of rows) this.#table.erase(row, now);
    return rows.length;
  }

  /** Every reason not to create, in the order in which they are told; else whom it will end. */
  #admit(record: SessionRecord, epoch: number, options: CreateOptions): Admission {
    const { now, limits, subjectEpoch = Infinity } = options;
    const taken = this.#table.row(record) !== undefined || this.#table.isTombstoned(record, now);
    if (taken) return { outcome: "exists" };
    if (epoch > subjectEpoch) return { outcome: "stale-epoch", epoch };
    const replaced = this.#replaced(record, options);
    if (replaced === "gone" || replaced === "conflict") return { outcome: replaced };
    if (limits === undefined || record.subject === null) return { replaced, evict: [] };
    const subject = this.#table.subject(record.tenant, record.subject);
    const rows = new Map<string, Row>();
    for (const row of subject === undefined ? [] : subject.live.toArray()) {
      if (isLiveRow(row, now)) rows.set(row.stored.record.id, row);
    }
    return limitVerdict(rows, replaced, limits);
  }

  /** The session to be replaced, if one is named. */
  #replaced(record: SessionRecord, options: CreateOptions): Row | undefined | "gone" | "conflict" {
    const { replaces, now } = options;
    if (replaces === undefined) return undefined;
    const row = this.#table.row(replaces.ref);
    if (row === undefined || !isLiveRow(row, now)) return "gone";
    const before = row.stored.record;
    // Another subject's session is none that this one could replace.
    if (before.tenant !== record.tenant || before.subject !== record.subject) return "gone";
    return row.stored.dataVersion === replaces.dataVersion ? row : "conflict";
  }

  /** Refuse before anything changes. `leaving` sessions will have ended and can be forgotten. */
  #checkRoom(data: StoredData, leaving: number): void {
    const bytes = dataBytes(data);
    const { maxDataBytes, maxSessions } = this.#limits;
    if (bytes > maxDataBytes) throw new DataTooLargeError(maxDataBytes, bytes);
    if (leaving === 0 && this.#table.liveSize >= maxSessions) {
      throw new StoreUnavailableError(`create: all of ${maxSessions} sessions are live`);
    }
  }

  #insert(record: SessionRecord, data: StoredData | undefined, now: number): SessionRecord {
    if (this.#table.size >= this.#limits.maxSessions) this.#table.eraseOldestEnded(now);
    const keys = data === undefined ? 0 : Object.keys(data).length;
    const row = this.#table.insert(record, keys === 0 ? NO_DATA : { ...data }, Math.min(keys, 1));
    this.#note(row, "created");
    return row.stored.record;
  }

  #end(row: Row, end: SessionEnd): EndedSession {
    const record = summaryOf(row.stored.record);
    this.#table.end(row, end);
    this.#note(row, "ended");
    return { record, end };
  }

  #raiseEpoch(
    tenant: string,
    name: string,
    { except, above = 0 }: Pick<RevokeSubjectOptions, "except" | "above"> = {},
  ): Subject {
    const epoch = Math.max(this.#table.epoch(tenant, name), above) + 1;
    const subject = this.#table.raiseEpoch(tenant, name, epoch);
    const change = { kind: "subject", tenant, subject: name, epoch } as const;
    this.#log.append(except === undefined ? change : { ...change, except });
    return subject;
  }

  #note(row: Row, what: "created" | "changed" | "ended"): void {
    this.#log.append(changeOf(current(row).record, what));
  }
}

/** What the limit makes of the subject's live rows. */
function limitVerdict(
  rows: ReadonlyMap<string, Row>,
  replaced: Row | undefined,
  limits: SessionLimits,
): Admission {
  const counted = [...rows.values()].filter((row) => row !== replaced);
  const live = counted.map((row) => summaryOf(row.stored.record));
  const verdict = chooseEvictions(live, limits);
  if (verdict.outcome === "limit") return verdict;
  return { replaced, evict: verdict.evict.flatMap((summary) => rows.get(summary.id) ?? []) };
}

/**
 * The memory store's rows and everything that must agree with them: the index of live sessions by
 * subject, the order by creation, deadlines, tombstones. Every change of a row passes through here.
 */
import type { Place } from "../engine/listing.ts";
import { invariant } from "../engine/invariant.ts";
import { endedRecord, isLive } from "../engine/liveness.ts";
import type { SessionRef, StoredData, StoredSession } from "../engine/ports.ts";
import { endsAt } from "../engine/record.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { RowList } from "./memory-list.ts";
import { CreationOrder } from "./memory-order.ts";
import { DeadlineWheel } from "./memory-wheel.ts";
import type { Due, WheelEntry } from "./memory-wheel.ts";

export interface Row extends WheelEntry<Row> {
  /** What `find` gives out: frozen, and the same object until something changes. */
  stored: StoredSession;
  readonly tenant: Tenant;
  readonly subject: Subject | undefined;
  /** Neighbours in the subject's list. */
  newer: Row | undefined;
  older: Row | undefined;
}

export interface Subject {
  readonly name: string;
  epoch: number;
  /** Not ended in the store; a deadline or the epoch may have ended them. */
  readonly live: RowList;
  readonly ended: RowList;
}

interface Tombstone extends WheelEntry<Tombstone> {
  readonly tenant: Tenant;
  readonly id: string;
  until: number;
}

export interface Tenant {
  readonly rows: Map<string, Row>;
  readonly subjects: Map<string, Subject>;
  readonly order: CreationOrder<Row>;
  readonly tombstones: Map<string, Tombstone>;
}

/** Tombstones one sweep may drop: they cost a slot, no decision hangs on when. */
const TOMBSTONES_PER_SWEEP = 10_000;

export class MemoryTable {
  readonly #tenants: Map<string, Tenant> = new Map<string, Tenant>();
  readonly #tombstonesMax: number;
  readonly #live: DeadlineWheel<Row> = new DeadlineWheel<Row>((row) => endsAt(row.stored.record));
  readonly #ended: DeadlineWheel<Row> = new DeadlineWheel<Row>(
    (row) => row.stored.record.end?.at ?? 0,
  );
  readonly #tombstones: DeadlineWheel<Tombstone> = new DeadlineWheel<Tombstone>(
    (tombstone) => tombstone.until,
  );

  constructor(tombstonesMax: number) {
    this.#tombstonesMax = tombstonesMax;
  }

  /** Rows held, live and ended. */
  get size(): number {
    return this.#live.size + this.#ended.size;
  }

  get liveSize(): number {
    return this.#live.size;
  }

  /** In an order that stays; new ones come last. */
  get tenantNames(): readonly string[] {
    return [...this.#tenants.keys()];
  }

  tenant(name: string): Tenant | undefined {
    return this.#tenants.get(name);
  }

  row(ref: SessionRef): Row | undefined {
    return this.#tenants.get(ref.tenant)?.rows.get(ref.id);
  }

  subject(tenant: string, name: string): Subject | undefined {
    return this.#tenants.get(tenant)?.subjects.get(name);
  }

  /** The subject's present epoch; 0 without one. */
  epoch(tenant: string, name: string | null): number {
    return name === null ? 0 : (this.subject(tenant, name)?.epoch ?? 0);
  }

  /** @param epoch Higher than the present one: an epoch never goes back. */
  raiseEpoch(tenant: string, name: string, epoch: number): Subject {
    const subject = subjectOf(this.#tenantOf(tenant), name);
    invariant(epoch > subject.epoch, "an epoch only grows");
    subject.epoch = epoch;
    return subject;
  }

  isTombstoned(ref: SessionRef, now: number): boolean {
    const tombstone = this.#tenants.get(ref.tenant)?.tombstones.get(ref.id);
    return tombstone !== undefined && now < tombstone.until;
  }

  /** Whatever the time: a tombstone not yet dropped keeps copies from elsewhere out. */
  isBuried(ref: SessionRef): boolean {
    return this.#tenants.get(ref.tenant)?.tombstones.has(ref.id) === true;
  }

  /** Enter a row for an id that has none. */
  insert(record: SessionRecord, data: StoredData, dataVersion: number): Row {
    const tenant = this.#tenantOf(record.tenant);
    const subject = record.subject === null ? undefined : subjectOf(tenant, record.subject);
    const stored = freeze(record, data, dataVersion, subject?.epoch ?? 0);
    const row: Row = {
      stored,
      tenant,
      subject,
      newer: undefined,
      older: undefined,
      bucket: undefined,
      next: undefined,
      previous: undefined,
    };
    tenant.rows.set(record.id, row);
    tenant.order.add(row);
    this.#file(row);
    return row;
  }

  /** Put a new state into a row, and the row where that state belongs. Nothing leaves `ended`. */
  write(row: Row, record: SessionRecord, data: StoredData, dataVersion: number): void {
    const before = row.stored.record;
    row.stored = freeze(record, data, dataVersion, row.subject?.epoch ?? 0);
    if (record.state === "ended" && before.state !== "ended") {
      this.#live.remove(row);
      row.subject?.live.remove(row);
      this.#file(row);
    } else if (endsAt(record) < endsAt(before) || record.end !== before.end) {
      (record.state === "ended" ? this.#ended : this.#live).schedule(row);
    }
  }

  end(row: Row, end: SessionEnd): void {
    const { record, data, dataVersion } = row.stored;
    this.write(row, endedRecord(record, end), data, dataVersion);
  }

  /** Erase a row; its id stays taken while its session could have lived. */
  erase(row: Row, now: number | undefined): void {
    const { tenant, subject } = row;
    const { record } = row.stored;
    this.#live.remove(row);
    this.#ended.remove(row);
    tenant.rows.delete(record.id);
    tenant.order.remove(row);
    if (subject !== undefined) {
      (record.state === "ended" ? subject.ended : subject.live).remove(row);
      forgetIfEmpty(tenant, subject);
    }
    if (now === undefined || now < record.absoluteExpiresAt) {
      this.bury(record, record.absoluteExpiresAt);
    }
  }

  /** Remember an id as used up until an instant; the later of several holds. */
  bury(ref: SessionRef, until: number): void {
    const tenant = this.#tenantOf(ref.tenant);
    const known = tenant.tombstones.get(ref.id);
    if (known !== undefined) {
      known.until = Math.max(known.until, until);
      return;
    }
    const tombstone: Tombstone = {
      tenant,
      id: ref.id,
      until,
      bucket: undefined,
      next: undefined,
      previous: undefined,
    };
    tenant.tombstones.set(ref.id, tombstone);
    this.#tombstones.schedule(tombstone);
    if (this.#tombstones.size > this.#tombstonesMax) this.#unbury(this.#tombstones.earliest());
  }

  /** Rows whose deadline has passed at `now`. They stay in the table; end every one of them. */
  takeOverdue(now: number, limit: number): Due<Row> {
    return this.#live.takeDue(now, limit);
  }

  /** Rows that ended before `before`. Erase every one of them. */
  takeEndedBefore(before: number, limit: number): Due<Row> {
    return this.#ended.takeDue(before - 1, limit);
  }

  dropTombstones(now: number): void {
    for (const due of this.#tombstones.takeDue(now, TOMBSTONES_PER_SWEEP).taken) {
      due.tenant.tombstones.delete(due.id);
    }
  }

  /** Give up the history that ended longest ago. @returns false when all there is lives. */
  eraseOldestEnded(now: number | undefined): boolean {
    const row = this.#ended.earliest();
    if (row === undefined) return false;
    this.erase(row, now);
    return true;
  }

  clear(): void {
    this.#tenants.clear();
  }

  #file(row: Row): void {
    const ended = row.stored.record.state === "ended";
    (ended ? this.#ended : this.#live).schedule(row);
    (ended ? row.subject?.ended : row.subject?.live)?.add(row);
  }

  #unbury(tombstone: Tombstone | undefined): void {
    if (tombstone === undefined) return;
    this.#tombstones.remove(tombstone);
    tombstone.tenant.tombstones.delete(tombstone.id);
  }

  #tenantOf(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    const tenant: Tenant = {
      rows: new Map<string, Row>(),
      subjects: new Map<string, Subject>(),
      order: new CreationOrder<Row>(placeOf),
      tombstones: new Map<string, Tombstone>(),
    };
    this.#tenants.set(name, tenant);
    return tenant;
  }
}

/** What the row is now: the epoch may have moved since it was written. */
export function current(row: Row): StoredSession {
  const { stored, subject } = row;
  if (subject === undefined || stored.subjectEpoch === subject.epoch) return stored;
  row.stored = Object.freeze({ ...stored, subjectEpoch: subject.epoch });
  return row.stored;
}

/** Not ended, as far as can be judged without a time: an update-if-live may write. */
export function isWritable(row: Row): boolean {
  const { record } = row.stored;
  return record.state !== "ended" && record.epoch >= (row.subject?.epoch ?? 0);
}

export function isLiveRow(row: Row, now: number): boolean {
  return isLive(row.stored.record, row.subject?.epoch ?? 0, now);
}

export function placeOf(row: Row): Place {
  return row.stored.record;
}

function freeze(
  record: SessionRecord,
  data: StoredData,
  dataVersion: number,
  subjectEpoch: number,
): StoredSession {
  return Object.freeze({
    record: Object.freeze(record),
    data: Object.freeze(data),
    dataVersion,
    subjectEpoch,
  });
}

function subjectOf(tenant: Tenant, name: string): Subject {
  const known = tenant.subjects.get(name);
  if (known !== undefined) return known;
  const subject: Subject = { name, epoch: 0, live: new RowList(), ended: new RowList() };
  tenant.subjects.set(name, subject);
  return subject;
}

/** An epoch outlives its sessions: it must go on refusing what was issued below it. */
function forgetIfEmpty(tenant: Tenant, subject: Subject): void {
  if (subject.epoch > 0 || subject.live.size > 0 || subject.ended.size > 0) return;
  tenant.subjects.delete(subject.name);
}

/**
 * How writes meet, as pure functions: a touch or a decision onto a stored record, operations onto
 * data, and what another place saw (deltas and the lattice of invariant I9). All of them only ever
 * move forward; none makes an ended session live. Nothing changed: same object.
 */
import type {
  DataOperation,
  PatchResult,
  SessionRef,
  StoredData,
  StoreDelta,
  StoredSession,
  Touch,
} from "./ports.ts";
import type { PendingToken, SessionEnd, SessionRecord } from "./record.ts";

/** What a store does with each kind of delta. */
export interface DeltaTaker<Result> {
  session(session: StoredSession): Result;
  tombstone(ref: SessionRef, until: number): Result;
  epoch(tenant: string, subject: string, epoch: number): Result;
}

export function takeDelta<Result>(delta: StoreDelta, taker: DeltaTaker<Result>): Result {
  switch (delta.kind) {
    case "session":
      return taker.session(delta.session);
    case "tombstone":
      return taker.tombstone(delta.ref, delta.until);
    case "epoch":
      return taker.epoch(delta.tenant, delta.subject, delta.epoch);
  }
}

/** Max-merge activity and the pending token's last sending. Leaves `version` alone. */
export function touchedRecord(record: SessionRecord, touch: Omit<Touch, "ref">): SessionRecord {
  const seenAt = Math.max(record.seenAt, touch.seenAt ?? record.seenAt);
  const pending = record.rotation.pending;
  const sent = touch.sent;
  const resent =
    pending !== undefined && sent?.generation === pending.generation && sent.at > pending.sentAt;
  if (!resent) return seenAt === record.seenAt ? record : { ...record, seenAt };
  const rotation = { ...record.rotation, pending: { ...pending, sentAt: sent.at } };
  return { ...record, seenAt, rotation };
}

/**
 * The record to store for a decision made on an older read of `stored`: what monotone writes moved
 * meanwhile is kept, and what never changes (identity, subject, creation) is taken from `stored`.
 */
export function decidedRecord(stored: SessionRecord, decision: SessionRecord): SessionRecord {
  const before = stored.rotation.pending;
  const moved: SessionRecord = {
    ...decision,
    id: stored.id,
    tenant: stored.tenant,
    subject: stored.subject,
    createdAt: stored.createdAt,
    version: stored.version + 1,
    epoch: Math.max(stored.epoch, decision.epoch),
    seenAt: Math.max(stored.seenAt, decision.seenAt),
  };
  if (before === undefined) return moved;
  return touchedRecord(moved, { sent: { generation: before.generation, at: before.sentAt } });
}

/** Data after operations, applied in order. Any text is a key, `__proto__` included. */
export function patchedData(data: StoredData, operations: readonly DataOperation[]): StoredData {
  const [only, ...more] = operations;
  // By far the most common write; a computed key is data even when it is `__proto__`.
  if (only?.op === "set" && more.length === 0) return { ...data, [only.key]: only.value };
  const merged = new Map(Object.entries(data));
  for (const operation of operations) {
    if (operation.op === "set") merged.set(operation.key, operation.value);
    else merged.delete(operation.key);
  }
  return Object.fromEntries(merged);
}

export interface PatchLimits {
  readonly expectedVersion: number | undefined;
  readonly maxDataBytes: number;
}

/** Operations on the data of a writable session: what to tell and, when patched, what to store. */
export function decidePatch(
  { data, dataVersion }: Pick<StoredSession, "data" | "dataVersion">,
  operations: readonly DataOperation[],
  { expectedVersion, maxDataBytes }: PatchLimits,
): Refused<PatchResult> | Patched {
  if (expectedVersion !== undefined && expectedVersion !== dataVersion) {
    return { outcome: "conflict" };
  }
  const patched = patchedData(data, operations);
  const bytes = dataBytes(patched);
  if (bytes > maxDataBytes) return { outcome: "too-large", bytes };
  const keys = [...new Set(operations.map((operation) => operation.key))];
  return { outcome: "patched", dataVersion: dataVersion + 1, data: patched, keys };
}

type Refused<Result> = Exclude<Result, { outcome: "patched" }>;

interface Patched {
  readonly outcome: "patched";
  readonly dataVersion: number;
  readonly data: StoredData;
  readonly keys: readonly string[];
}

/** What data counts for under `maxDataBytes`: keys and values as UTF-8. */
export function dataBytes(data: StoredData): number {
  let bytes = 0;
  for (const key of Object.keys(data)) bytes += utf8Bytes(key) + utf8Bytes(data[key] ?? "");
  return bytes;
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair counts 2, so that the pair makes 4.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/**
 * Join two copies of one session: commutative, associative, idempotent. An end wins over none and
 * the earlier end over the later; latest activity, highest epoch, earliest absolute end; everything
 * else from the higher version, data from the higher data version, ties by content.
 *
 * @returns `a` itself when `b` adds nothing to it.
 */
export function mergeSessions(a: StoredSession, b: StoredSession): StoredSession {
  const record = mergeRecords(a.record, b.record);
  const dataFromB =
    b.dataVersion > a.dataVersion ||
    (b.dataVersion === a.dataVersion && canonical(b.data) > canonical(a.data));
  const subjectEpoch = Math.max(a.subjectEpoch, b.subjectEpoch);
  if (record === a.record && !dataFromB && subjectEpoch === a.subjectEpoch) return a;
  const { data, dataVersion } = dataFromB ? b : a;
  return { record, data, dataVersion, subjectEpoch };
}

/** What a merge changed, as followers are told. Touches are not changes. */
export interface MergeNews {
  readonly record?: "changed" | "ended";
  /** Of data that changed. */
  readonly keys?: readonly string[];
}

/** @returns `undefined` when nothing changed, so that there is nothing to write. */
export function newsOfMerge(before: StoredSession, merged: StoredSession): MergeNews | undefined {
  const { data, dataVersion } = merged;
  const sameData = data === before.data && dataVersion === before.dataVersion;
  if (merged.record === before.record && sameData) return undefined;
  const keys = sameData ? {} : { keys: changedKeys(before.data, data) };
  if (merged.record.end !== undefined && before.record.end === undefined) {
    return { record: "ended", ...keys };
  }
  return differsByTouch(before.record, merged.record) ? keys : { record: "changed", ...keys };
}

function changedKeys(before: StoredData, after: StoredData): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => before[key] !== after[key]);
}

/** {@link mergeSessions} for the records alone. */
export function mergeRecords(a: SessionRecord, b: SessionRecord): SessionRecord {
  const winner = compareDecisions(a, b) >= 0 ? a : b;
  const end = earlierEnd(a.end, b.end);
  const seenAt = Math.max(a.seenAt, b.seenAt);
  const epoch = Math.max(a.epoch, b.epoch);
  const absoluteExpiresAt = Math.min(a.absoluteExpiresAt, b.absoluteExpiresAt);
  const unmoved =
    winner === a &&
    end === a.end &&
    seenAt === a.seenAt &&
    epoch === a.epoch &&
    absoluteExpiresAt === a.absoluteExpiresAt;
  if (unmoved) return a;
  const joined: SessionRecord = { ...winner, seenAt, epoch, absoluteExpiresAt };
  if (end === undefined) return joined;
  const { lockFactors: _lockFactors, ...unlocked } = joined;
  return { ...unlocked, state: "ended", end };
}

/** True when nothing but activity or the sending of a token tells the two apart. */
export function differsByTouch(a: SessionRecord, b: SessionRecord): boolean {
  return a.version === b.version && untouched(a) === untouched(b);
}

function untouched(record: SessionRecord): string {
  const { pending } = record.rotation;
  const unsent = pending === undefined ? undefined : { ...pending, sentAt: 0 };
  return canonical({ ...record, seenAt: 0, rotation: { ...record.rotation, pending: unsent } });
}

/** The end that happened first; of two at the same instant always the same one. */
function earlierEnd(a: SessionEnd | undefined, b: SessionEnd | undefined): SessionEnd | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.at !== b.at) return a.at < b.at ? a : b;
  return canonical(a) <= canonical(b) ? a : b;
}

/**
 * A total order of decisions: version, then content, then `sentAt`, then state. What merges on its
 * own is left out, or the winner would depend on the order in which copies arrived; state comes
 * last because an end overwrites it.
 */
function compareDecisions(a: SessionRecord, b: SessionRecord): number {
  if (a === b) return 0;
  if (a.version !== b.version) return a.version - b.version;
  return (
    compareText(decisionText(a), decisionText(b)) ||
    sentAtOf(a.rotation.pending) - sentAtOf(b.rotation.pending) ||
    compareStates(a, b)
  );
}

function sentAtOf(pending: PendingToken | undefined): number {
  return pending?.sentAt ?? 0;
}

/** What merges on its own, set to the same in both. */
const LEVEL = { state: "active", epoch: 0, absoluteExpiresAt: 0 } as const;

function decisionText(record: SessionRecord): string {
  const { lockFactors: _lockFactors, end: _end, ...decided } = record;
  return untouched({ ...decided, ...LEVEL });
}

/** Alike as soon as one has ended: what the other was no longer shows. */
function compareStates(a: SessionRecord, b: SessionRecord): number {
  if (a.state === "ended" || b.state === "ended") return 0;
  const text = ({ state, lockFactors }: SessionRecord): string => `${state} ${lockFactors ?? 0}`;
  return compareText(text(a), text(b));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** JSON with sorted keys and without absent fields: equal content gives equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => compareText(a, b)));
  });
}

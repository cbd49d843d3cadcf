/**
 * One session as one string: a head that scripts read and write in place, then subject, cold part
 * and small data, then the end, appended when it comes. `scripts/prelude.ts` says it in Lua.
 */
import { invariant } from "../../engine/invariant.ts";
import { END_REASONS } from "../../protocol/words.ts";
import { endsAt, REFRESH_KIND } from "../../engine/record.ts";
import type { SessionEnd, SessionRecord } from "../../engine/record.ts";
import type { StoredData } from "../../engine/ports.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeCold, encodeCold } from "./cold.ts";
import { RedisRowError } from "./faults.ts";
import { decodeHead, encodeHead, slotOf } from "./head.ts";
import type { DecodedHead } from "./head.ts";

/** Data up to this size lies in the row; larger data in a hash of its own. */
export const INLINE_DATA_BYTES = 1024;
const BUCKET_BYTES = 2;
/** With the two bytes of a bucket before it. */
const SUBJECT_BYTES_MAX = 0xffff - BUCKET_BYTES;
/** Instant and reason, then what was said of it, then how long all this is. */
const END_BYTES = { at: 6, reason: 1, length: 3 } as const;

export interface RowFacts {
  readonly record: SessionRecord;
  readonly data: StoredData;
  readonly dataVersion: number;
  /** Of the subject, where it is not the one that the session's id names. */
  readonly elsewhere?: number | undefined;
}

/** A row, and the data for the hash when they are too large for it. */
export interface EncodedRow {
  readonly row: Buffer;
  /** Keys and values in turn; empty while data lie in the row. */
  readonly hash: readonly string[];
}

export function encodeRow({ record, data, dataVersion, elsewhere }: RowFacts): EncodedRow {
  const text = Buffer.from(record.subject ?? "");
  invariant(text.length <= SUBJECT_BYTES_MAX, "a subject takes at most 65533 bytes");
  const subject = elsewhere === undefined ? text : Buffer.concat([bucketBytes(elsewhere), text]);
  const cold = encodeCold(record);
  const { inline, hash } = encodeData(data);
  const { pending } = record.rotation;
  const { state, createdAt, seenAt, idleMs, absoluteExpiresAt, version, epoch } = record;
  const head = encodeHead({
    // What it was before it ended is no longer known; scripts decide by the end alone.
    state,
    createdAt,
    seenAt,
    idleMs,
    absoluteExpiresAt,
    version,
    epoch,
    dataVersion,
    inHash: hash.length > 0,
    hasSubject: record.subject !== null,
    elsewhere: elsewhere !== undefined,
    idleLocks: record.idleLockFactors !== 0,
    refresh: record.kind === REFRESH_KIND,
    sentAt: pending?.sentAt ?? createdAt,
    due: slotOf(endsAt(record)),
    pending: pending?.generation ?? 0,
    subjectBytes: subject.length,
    coldBytes: cold.length,
  });
  const end = record.end === undefined ? [] : [endBytes(record.end)];
  return { row: Buffer.concat([head, subject, cold, inline, ...end]), hash };
}

function bucketBytes(bucket: number): Buffer {
  const bytes = Buffer.alloc(BUCKET_BYTES);
  bytes.writeUInt16BE(bucket);
  return bytes;
}

function endBytes(end: SessionEnd): Buffer {
  const text = Buffer.from(endText(end));
  const { at, reason, length } = END_BYTES;
  const bytes = Buffer.alloc(at + reason + text.length + length);
  bytes.writeUIntBE(end.at, 0, at);
  bytes.writeUInt8(reasonNumber(end), at);
  text.copy(bytes, at + reason);
  bytes.writeUIntBE(bytes.length, bytes.length - length, length);
  return bytes;
}

/** What an end says beside instant and reason. */
export function endText(end: SessionEnd): string {
  const { cause, actor } = end;
  return cause === undefined && actor === undefined ? "" : JSON.stringify([cause ?? 0, actor ?? 0]);
}

export function reasonNumber(end: SessionEnd): number {
  const reason = END_REASONS.indexOf(end.reason);
  invariant(reason >= 0, "an end reason is one of the known ones");
  return reason;
}

/** The end as scripts tell it: reason, instant and {@link endText}. */
export function endOf(reason: number, at: number, text: string): SessionEnd {
  const known = END_REASONS[reason];
  if (known === undefined) throw new RedisRowError();
  if (text === "") return { reason: known, at };
  const [cause, actor] = JSON.parse(text) as unknown[];
  return {
    reason: known,
    at,
    ...(typeof cause === "string" ? { cause } : {}),
    ...(typeof actor === "string" ? { actor } : {}),
  };
}

/** Keys and values in turn; a hash knows its size by the four bytes that stay in the row. */
function encodeData(data: StoredData): { inline: Buffer; hash: readonly string[] } {
  const out = new ByteWriter();
  const entries = Object.entries(data);
  for (const [key, value] of entries) out.plain(key).plain(value);
  if (out.length <= INLINE_DATA_BYTES) return { inline: out.bytes(), hash: [] };
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  const inline = Buffer.alloc(4);
  inline.writeUInt32BE(bytes);
  return { inline, hash: entries.flat() };
}

/** The tenant, the id and, where it is in one, the hash of the data come from outside. */
export interface RowPlace {
  readonly tenant: string;
  readonly id: string;
}

export function decodeRecord(
  row: Buffer,
  place: RowPlace,
  head: DecodedHead = decodeHead(row),
): SessionRecord {
  const { state, createdAt, seenAt, idleMs, absoluteExpiresAt, version, epoch } = head;
  const subjectFrom = head.bytes + (head.elsewhere ? BUCKET_BYTES : 0);
  const coldFrom = head.bytes + head.subjectBytes;
  const { rotation, idleLockFactors, lockFactors, rest } = decodeCold(row, coldFrom, head);
  return {
    id: place.id,
    tenant: place.tenant,
    subject: head.hasSubject ? row.toString("utf8", subjectFrom, coldFrom) : null,
    version,
    state,
    epoch,
    createdAt,
    seenAt,
    idleMs,
    idleLockFactors,
    absoluteExpiresAt,
    ...(state === "locked" ? { lockFactors } : {}),
    rotation,
    ...rest,
    ...(state === "ended" ? { end: decodeEnd(row) } : {}),
  };
}

function decodeEnd(row: Buffer): SessionEnd {
  const { at, reason, length } = END_BYTES;
  const from = row.length - endLength(row);
  const text = row.toString("utf8", from + at + reason, row.length - length);
  return endOf(row.readUInt8(from + at), row.readUIntBE(from, at), text);
}

function endLength(row: Buffer): number {
  return row.readUIntBE(row.length - END_BYTES.length, END_BYTES.length);
}

function dataFrom(head: DecodedHead): number {
  return head.bytes + head.subjectBytes + head.coldBytes;
}

/** @param hash Keys and values in turn, for a row whose data lie in one. */
export function decodeData(row: Buffer, head: DecodedHead, hash: readonly Buffer[]): StoredData {
  const entries: [string, string][] = [];
  if (head.inHash) {
    for (let index = 0; index + 1 < hash.length; index += 2) {
      entries.push([String(hash[index]), String(hash[index + 1])]);
    }
    return Object.fromEntries(entries);
  }
  const read = new ByteReader(row, dataFrom(head));
  const end = row.length - (head.state === "ended" ? endLength(row) : 0);
  while (read.at < end) entries.push([read.plain(), read.plain()]);
  return Object.fromEntries(entries);
}

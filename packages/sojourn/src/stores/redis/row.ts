/**
 * One session as one string: a fixed big-endian header that scripts read and write in place, then
 * subject, cold part and small data, then the end, appended when it comes. The layout is format 1;
 * `scripts/prelude.ts` says the same in Lua.
 */
import { invariant } from "../../engine/invariant.ts";
import { END_REASONS } from "../../protocol/words.ts";
import type { SessionState } from "../../protocol/words.ts";
import { endsAt } from "../../engine/record.ts";
import type { SessionEnd, SessionRecord } from "../../engine/record.ts";
import type { StoredData } from "../../engine/ports.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeCold, encodeCold } from "./cold.ts";
import { RedisRowError } from "./faults.ts";

const ROW_FORMAT = 1;
/** Formats of newer releases; what begins otherwise is not ours. */
const FORMAT_MAX = 31;
export const HEADER_BYTES = 66;
/** Data up to this size lies in the row; larger data in a hash of its own. */
export const INLINE_DATA_BYTES = 1024;
/** Width of the lists in which sessions wait for the sweep. */
export const SLOT_MS = 60_000;

const STATES: readonly SessionState[] = ["pending", "active", "locked", "ended"];
const ENDED = 3;
const FLAG = { hash: 1, subject: 2 } as const;

/** Offsets in the header. */
const AT = {
  state: 1,
  flags: 2,
  reason: 3,
  version: 4,
  epoch: 8,
  createdAt: 12,
  seenAt: 18,
  idleMs: 24,
  absoluteExpiresAt: 30,
  idleLock: 36,
  lockFactors: 37,
  dataVersion: 38,
  pending: 42,
  sentAt: 46,
  bucket: 52,
  subjectBytes: 54,
  coldBytes: 56,
  dataBytes: 59,
  due: 62,
} as const;

export interface RowFacts {
  readonly record: SessionRecord;
  readonly data: StoredData;
  readonly dataVersion: number;
  /** Of the subject; 0 without one. */
  readonly bucket: number;
}

/** A row, and the data for the hash when they are too large for it. */
export interface EncodedRow {
  readonly row: Buffer;
  /** Keys and values in turn; empty while data lie in the row. */
  readonly hash: readonly string[];
}

/** When the sweep has to look at a session: a lower bound, in slots. */
function slotOf(at: number): number {
  return Math.max(0, Math.floor(at / SLOT_MS));
}

export function encodeRow({ record, data, dataVersion, bucket }: RowFacts): EncodedRow {
  const subject = Buffer.from(record.subject ?? "");
  invariant(subject.length <= 0xffff, "a subject takes at most 65535 bytes");
  const cold = encodeCold(record);
  const { inline, hash } = encodeData(data);
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = ROW_FORMAT;
  // What it was before it ended is no longer known; scripts decide by the end alone.
  header[AT.state] = STATES.indexOf(record.state);
  header[AT.flags] =
    (hash.length > 0 ? FLAG.hash : 0) + (record.subject === null ? 0 : FLAG.subject);
  header[AT.reason] = record.end === undefined ? 0 : END_REASONS.indexOf(record.end.reason);
  header.writeUInt32BE(record.version, AT.version);
  header.writeUInt32BE(record.epoch, AT.epoch);
  header.writeUIntBE(record.createdAt, AT.createdAt, 6);
  header.writeUIntBE(record.seenAt, AT.seenAt, 6);
  header.writeUIntBE(record.idleMs, AT.idleMs, 6);
  header.writeUIntBE(record.absoluteExpiresAt, AT.absoluteExpiresAt, 6);
  header[AT.idleLock] = record.idleLockFactors;
  header[AT.lockFactors] = record.lockFactors ?? 0;
  header.writeUInt32BE(dataVersion, AT.dataVersion);
  header.writeUInt32BE(record.rotation.pending?.generation ?? 0, AT.pending);
  header.writeUIntBE(record.rotation.pending?.sentAt ?? 0, AT.sentAt, 6);
  header.writeUInt16BE(bucket, AT.bucket);
  header.writeUInt16BE(subject.length, AT.subjectBytes);
  header.writeUIntBE(cold.length, AT.coldBytes, 3);
  header.writeUIntBE(inline.length, AT.dataBytes, 3);
  header.writeUInt32BE(slotOf(endsAt(record)), AT.due);
  const end = record.end === undefined ? [] : [endBytes(record.end)];
  return { row: Buffer.concat([header, subject, cold, inline, ...end]), hash };
}

function endBytes(end: SessionEnd): Buffer {
  const at = Buffer.alloc(6);
  at.writeUIntBE(end.at, 0, 6);
  return Buffer.concat([at, Buffer.from(endText(end))]);
}

/** What is appended behind the instant of an end. */
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

/** True when the bytes are a row of ours. @throws {RedisRowError} for a newer release's. */
export function isRow(bytes: Buffer): boolean {
  const format = bytes[0] ?? 0;
  if (format === ROW_FORMAT) return bytes.length >= HEADER_BYTES;
  if (format > ROW_FORMAT && format <= FORMAT_MAX) throw new RedisRowError();
  return false;
}

export function dataInHash(row: Buffer): boolean {
  return ((row[AT.flags] ?? 0) & FLAG.hash) > 0;
}

/** The tenant, the id and, where it is in one, the hash of the data come from outside. */
export interface RowPlace {
  readonly tenant: string;
  readonly id: string;
}

export function decodeRecord(row: Buffer, place: RowPlace): SessionRecord {
  const subjectBytes = row.readUInt16BE(AT.subjectBytes);
  const coldFrom = HEADER_BYTES + subjectBytes;
  const createdAt = row.readUIntBE(AT.createdAt, 6);
  const sentAt = row.readUIntBE(AT.sentAt, 6);
  const state = STATES[row[AT.state] ?? ENDED];
  if (state === undefined) throw new RedisRowError();
  const hasSubject = ((row[AT.flags] ?? 0) & FLAG.subject) > 0;
  const { rotation, rest } = decodeCold(row, coldFrom, { createdAt, sentAt });
  return {
    id: place.id,
    tenant: place.tenant,
    subject: hasSubject ? row.toString("utf8", HEADER_BYTES, coldFrom) : null,
    version: row.readUInt32BE(AT.version),
    state,
    epoch: row.readUInt32BE(AT.epoch),
    createdAt,
    seenAt: row.readUIntBE(AT.seenAt, 6),
    idleMs: row.readUIntBE(AT.idleMs, 6),
    idleLockFactors: row[AT.idleLock] ?? 0,
    absoluteExpiresAt: row.readUIntBE(AT.absoluteExpiresAt, 6),
    ...(state === "locked" ? { lockFactors: row[AT.lockFactors] ?? 0 } : {}),
    rotation,
    ...rest,
    ...(state === "ended" ? { end: decodeEnd(row) } : {}),
  };
}

function decodeEnd(row: Buffer): SessionEnd {
  const from = dataFrom(row) + row.readUIntBE(AT.dataBytes, 3);
  return endOf(row[AT.reason] ?? 0, row.readUIntBE(from, 6), row.toString("utf8", from + 6));
}

function dataFrom(row: Buffer): number {
  return HEADER_BYTES + row.readUInt16BE(AT.subjectBytes) + row.readUIntBE(AT.coldBytes, 3);
}

export function decodeDataVersion(row: Buffer): number {
  return row.readUInt32BE(AT.dataVersion);
}

/** @param hash Keys and values in turn, for a row with {@link dataInHash}. */
export function decodeData(row: Buffer, hash: readonly Buffer[]): StoredData {
  const entries: [string, string][] = [];
  if (dataInHash(row)) {
    for (let index = 0; index + 1 < hash.length; index += 2) {
      entries.push([String(hash[index]), String(hash[index + 1])]);
    }
    return Object.fromEntries(entries);
  }
  const read = new ByteReader(row, dataFrom(row));
  const end = read.at + row.readUIntBE(AT.dataBytes, 3);
  while (read.at < end) entries.push([read.plain(), read.plain()]);
  return Object.fromEntries(entries);
}

/**
 * The fixed part of a row, big-endian, which scripts read and write in place; in Lua it is in
 * `scripts/prelude.ts`. It has two forms: nearly every session fits the narrow one, where instants
 * are spans from the creation; whatever does not is written in the wide one, which takes all.
 */
import type { SessionState } from "../../protocol/words.ts";
import { RedisRowError } from "./faults.ts";

export const NARROW = 2;
export const WIDE = 3;
/** Formats of newer releases; what begins otherwise is not ours. */
const FORMAT_MAX = 31;
/** Width of the lists in which sessions wait for the sweep. */
export const SLOT_MS = 60_000;
/** Spans below it fit the narrow form: in milliseconds in five bytes, in slots in three. */
export const NARROW_SPAN_MS = 1e12;

const STATES: readonly SessionState[] = ["pending", "active", "locked", "ended"];
/** Beside the state in one byte. */
const BIT = { hash: 4, subject: 8, elsewhere: 16, idleLocks: 32, refresh: 64 } as const;

/** Bytes of each field, in order; `bits` follows the format, which is the first byte. */
const WIDTHS = {
  narrow: [1, 6, 5, 5, 3, 3, 5, 2, 2, 2, 2, 1, 1],
  wide: [1, 6, 6, 6, 4, 6, 6, 4, 4, 4, 4, 2, 3],
} as const;

export const NARROW_BYTES: number = 1 + WIDTHS.narrow.reduce((sum, width) => sum + width, 0);
export const WIDE_BYTES: number = 1 + WIDTHS.wide.reduce((sum, width) => sum + width, 0);

/** The same in Lua's words. */
export const FORMATS: Readonly<Record<"narrow" | "wide", string>> = {
  narrow: `>B${WIDTHS.narrow.map((width) => `I${width}`).join("")}`,
  wide: `>B${WIDTHS.wide.map((width) => `I${width}`).join("")}`,
};

export interface Head {
  readonly state: SessionState;
  /** Data lie in a hash of their own. */
  readonly inHash: boolean;
  readonly hasSubject: boolean;
  /** The subject is not in the bucket that the id names: two bytes before it say in which. */
  readonly elsewhere: boolean;
  readonly idleLocks: boolean;
  /** A family of refresh tokens, which limits do not count. */
  readonly refresh: boolean;
  readonly createdAt: number;
  readonly seenAt: number;
  /** Of the pending token; `createdAt` without one. */
  readonly sentAt: number;
  /** The slot in which the session waits for the sweep. */
  readonly due: number;
  readonly idleMs: number;
  readonly absoluteExpiresAt: number;
  /** The generation of the pending token, 0 without one. */
  readonly pending: number;
  readonly version: number;
  readonly epoch: number;
  readonly dataVersion: number;
  /** Of the subject, and of the bucket before it. */
  readonly subjectBytes: number;
  readonly coldBytes: number;
}

export interface DecodedHead extends Head {
  /** Its own bytes. */
  readonly bytes: number;
}

/** @returns the shorter of both forms that holds it exactly. */
export function encodeHead(head: Head): Buffer {
  const values = narrowValues(head);
  if (values !== undefined) return packed(NARROW, WIDTHS.narrow, [bitsOf(head), ...values]);
  return packed(WIDE, WIDTHS.wide, [bitsOf(head), ...wideValues(head)]);
}

/** @param row {@link isRow}. */
export function decodeHead(row: Buffer): DecodedHead {
  const bits = row.readUInt8(1);
  const state = STATES[bits % BIT.hash];
  if (state === undefined) throw new RedisRowError();
  const fields = row[0] === NARROW ? narrowFields(row) : wideFields(row);
  return {
    state,
    inHash: (bits & BIT.hash) > 0,
    hasSubject: (bits & BIT.subject) > 0,
    elsewhere: (bits & BIT.elsewhere) > 0,
    idleLocks: (bits & BIT.idleLocks) > 0,
    refresh: (bits & BIT.refresh) > 0,
    ...fields,
  };
}

type Bits = "state" | "inHash" | "hasSubject" | "elsewhere" | "idleLocks" | "refresh";
type Fields = Omit<DecodedHead, Bits>;

function narrowFields(row: Buffer): Fields {
  const createdAt = row.readUIntBE(2, 6);
  return {
    createdAt,
    seenAt: createdAt + row.readUIntBE(8, 5),
    sentAt: createdAt + row.readUIntBE(13, 5),
    due: slotOf(createdAt) + row.readUIntBE(18, 3),
    idleMs: row.readUIntBE(21, 3) * 1000,
    absoluteExpiresAt: createdAt + row.readUIntBE(24, 5),
    pending: row.readUInt16BE(29),
    version: row.readUInt16BE(31),
    epoch: row.readUInt16BE(33),
    dataVersion: row.readUInt16BE(35),
    subjectBytes: row.readUInt8(37),
    coldBytes: row.readUInt8(38),
    bytes: NARROW_BYTES,
  };
}

function wideFields(row: Buffer): Fields {
  return {
    createdAt: row.readUIntBE(2, 6),
    seenAt: row.readUIntBE(8, 6),
    sentAt: row.readUIntBE(14, 6),
    due: row.readUInt32BE(20),
    idleMs: row.readUIntBE(24, 6),
    absoluteExpiresAt: row.readUIntBE(30, 6),
    pending: row.readUInt32BE(36),
    version: row.readUInt32BE(40),
    epoch: row.readUInt32BE(44),
    dataVersion: row.readUInt32BE(48),
    subjectBytes: row.readUInt16BE(52),
    coldBytes: row.readUIntBE(54, 3),
    bytes: WIDE_BYTES,
  };
}

/** True when the bytes are a row of ours. @throws {RedisRowError} for a newer release's. */
export function isRow(bytes: Buffer): boolean {
  const format = bytes[0] ?? 0;
  if (format === NARROW) return bytes.length >= NARROW_BYTES;
  if (format === WIDE) return bytes.length >= WIDE_BYTES;
  if (format > WIDE && format <= FORMAT_MAX) throw new RedisRowError();
  return false;
}

/** @param row {@link isRow}. */
export function dataInHash(row: Buffer): boolean {
  return ((row[1] ?? 0) & BIT.hash) > 0;
}

/** When the sweep has to look at a session: a lower bound, in slots. */
export function slotOf(at: number): number {
  return Math.max(0, Math.floor(at / SLOT_MS));
}

function bitsOf(head: Head): number {
  return (
    STATES.indexOf(head.state) +
    (head.inHash ? BIT.hash : 0) +
    (head.hasSubject ? BIT.subject : 0) +
    (head.elsewhere ? BIT.elsewhere : 0) +
    (head.idleLocks ? BIT.idleLocks : 0) +
    (head.refresh ? BIT.refresh : 0)
  );
}

function wideValues(head: Head): readonly number[] {
  const { createdAt, seenAt, sentAt, due, idleMs, absoluteExpiresAt } = head;
  return [createdAt, seenAt, sentAt, due, idleMs, absoluteExpiresAt, ...countsOf(head)];
}

/** @returns `undefined` where one does not fit, which `encoded` in Lua judges alike. */
function narrowValues(head: Head): readonly number[] | undefined {
  const { createdAt, seenAt, sentAt, idleMs, absoluteExpiresAt } = head;
  const seen = seenAt - createdAt;
  const sent = sentAt - createdAt;
  const absolute = absoluteExpiresAt - createdAt;
  const due = head.due - slotOf(createdAt);
  const spans = [seen, sent, absolute, due * SLOT_MS, idleMs];
  if (idleMs % 1000 !== 0) return undefined;
  if (spans.some((span) => span < 0 || span >= NARROW_SPAN_MS)) return undefined;
  const counts = countsOf(head);
  const values = [createdAt, seen, sent, due, idleMs / 1000, absolute, ...counts];
  const fits = values.every((value, index) => value < 256 ** (WIDTHS.narrow[index + 1] ?? 0));
  return fits ? values : undefined;
}

function countsOf(head: Head): readonly number[] {
  const { pending, version, epoch, dataVersion, subjectBytes, coldBytes } = head;
  return [pending, version, epoch, dataVersion, subjectBytes, coldBytes];
}

function packed(format: number, widths: readonly number[], values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(format === NARROW ? NARROW_BYTES : WIDE_BYTES);
  let at = bytes.writeUInt8(format);
  for (const [index, width] of widths.entries()) {
    at = bytes.writeUIntBE(values[index] ?? 0, at, width);
  }
  return bytes;
}

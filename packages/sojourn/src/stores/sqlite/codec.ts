/**
 * Session records as rows and back, exactly. What SQL decides on has a column of its own; the
 * rest is positional JSON whose trailing defaults are cut off, so that no key is ever repeated.
 * In such an array 0 stands for "absent".
 */
import { END_REASONS } from "../../protocol/words.ts";
import type { SessionState } from "../../protocol/words.ts";
import { invariant } from "../../engine/invariant.ts";
import { endsAt } from "../../engine/record.ts";
import type { Device, SessionEnd, SessionRecord, SessionSummary } from "../../engine/record.ts";
import type { StoredData } from "../../engine/ports.ts";
import { decodeRotation } from "./codec-rotation.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { pack, textIn, textOut, unpack } from "./packed.ts";
import { assuranceParts, decodeAssurance, json, numberOf, parse } from "./parts.ts";
import type { Part, Parts } from "./parts.ts";

/** Live states by their number in `session.state`; `active`, the common one, takes no byte. */
const STATES: readonly SessionState[] = ["pending", "active", "locked"];
const SECOND_MS = 1000;

/** Columns of a summary, in the order that {@link decodeSummary} reads them. */
export const SUMMARY_COLUMNS: string =
  "id, subject, version, state, epoch, created_at, seen_at, idle_ms, idle_lock, life_ms, " +
  "lock_factors, ended_at, ending, device, cold";
/** How many columns a whole record has; data follows. */
export const RECORD_WIDTH = 23;

/** The values of {@link SUMMARY_COLUMNS}. */
export function encodeSummary(record: SessionSummary): SqlValue[] {
  return [
    pack(record.id),
    textIn(record.subject),
    record.version,
    stateNumber(record),
    record.epoch,
    record.createdAt,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - record.createdAt,
    record.lockFactors ?? null,
    record.end?.at ?? null,
    record.end === undefined ? null : encodeEnd(record.end),
    textIn(record.device?.id ?? null),
    encodeCold(record),
  ];
}

/** What a decision may change beside the rotation, in the order of `REPLACE` in `writes.ts`. */
export function encodeDecision(record: SessionRecord): SqlValue[] {
  return [
    stateNumber(record),
    record.epoch,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - record.createdAt,
    record.lockFactors ?? null,
    encodeCold(record),
  ];
}

/** An ended record no longer knows what it was; the column then says `active`. */
function stateNumber(record: SessionSummary): number {
  const state = record.state === "ended" ? 1 : STATES.indexOf(record.state);
  invariant(state >= 0, "a session state is one of the known ones");
  return state;
}

/** Lower bound of the deadline, in seconds: what the sweep looks for. */
export function dueOf(record: SessionSummary): number {
  return Math.floor(endsAt(record) / SECOND_MS);
}

/** Read {@link SUMMARY_COLUMNS}; `tenant` comes from the caller, who knows its name. */
export function decodeSummary(row: SqlRow, tenant: string): SessionSummary {
  const createdAt = Number(row[5]);
  const ended = row[11] !== null;
  const state = ended ? "ended" : STATES[Number(row[3])];
  invariant(state !== undefined, "a stored state is one of the known ones");
  const cold = parse(row[14]);
  return {
    id: unpack(row[0]),
    tenant,
    subject: textOut(row[1]),
    kind: typeof cold[2] === "string" ? cold[2] : "user",
    version: Number(row[2]),
    state,
    epoch: Number(row[4]),
    createdAt,
    authenticatedAt: createdAt + numberOf(cold[1]),
    seenAt: Number(row[6]),
    idleMs: Number(row[7]),
    idleLockFactors: Number(row[8]),
    absoluteExpiresAt: createdAt + Number(row[9]),
    ...(ended || row[10] === null ? {} : { lockFactors: Number(row[10]) }),
    assurance: decodeAssurance(cold[0], createdAt),
    ...decodeCold(cold, row[13]),
    ...(ended ? { end: decodeEnd(row[12], Number(row[11])) } : {}),
  };
}

/** Read the columns of a summary and, after them, those of the rotation. */
export function decodeRecord(row: SqlRow, tenant: string): SessionRecord {
  const summary = decodeSummary(row, tenant);
  return { ...summary, rotation: decodeRotation(row, summary.createdAt) };
}

export function encodeData(data: StoredData): string | null {
  const text = JSON.stringify(data);
  return text === "{}" ? null : text;
}

export function decodeData(value: SqlValue | undefined): StoredData {
  return typeof value === "string" ? (JSON.parse(value) as StoredData) : {};
}

/** `ended_at` holds the instant. The reason's number keeps the common case at one byte. */
export function encodeEnd(end: SessionEnd): string {
  const reason = END_REASONS.indexOf(end.reason);
  invariant(reason >= 0, "an end reason is one of the known ones");
  if (end.cause === undefined && end.actor === undefined) return String(reason);
  return JSON.stringify([reason, end.cause ?? 0, end.actor ?? 0]);
}

function decodeEnd(value: SqlValue | undefined, at: number): SessionEnd {
  const read: unknown = JSON.parse(String(value));
  const [number, cause, actor] = Array.isArray(read) ? (read as Part[]) : [read as Part];
  const reason = END_REASONS[numberOf(number)];
  invariant(reason !== undefined, "a stored end reason is one of the known ones");
  return {
    reason,
    at,
    ...(typeof cause === "string" ? { cause } : {}),
    ...(typeof actor === "string" ? { actor } : {}),
  };
}

function encodeCold(record: SessionSummary): string | null {
  const { createdAt, device } = record;
  return json([
    assuranceParts(record.assurance, createdAt),
    record.authenticatedAt - createdAt,
    record.kind === "user" ? 0 : record.kind,
    record.client,
    record.roles && [...record.roles],
    device && [device.label ?? 0, device.address ?? 0],
    record.parent,
    record.actor,
    record.remember === undefined ? 0 : record.remember ? 1 : 2,
  ]);
}

function decodeCold(cold: Parts, deviceId: SqlValue | undefined): Partial<SessionSummary> {
  const [, , , client, roles, device, parent, actor, remember] = cold;
  return {
    ...(typeof client === "string" ? { client } : {}),
    ...(Array.isArray(roles) ? { roles: roles as string[] } : {}),
    ...(Array.isArray(device) ? { device: decodeDevice(device as Parts, deviceId) } : {}),
    ...(typeof parent === "string" ? { parent } : {}),
    ...(typeof actor === "string" ? { actor } : {}),
    ...(remember === 1 || remember === 2 ? { remember: remember === 1 } : {}),
  };
}

function decodeDevice(parts: Parts, stored: SqlValue | undefined): Device {
  const id = textOut(stored);
  const [label, address] = parts;
  return {
    ...(id === null ? {} : { id }),
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof address === "string" ? { address } : {}),
  };
}

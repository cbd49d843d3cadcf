/**
 * Session records as rows and back, exactly. What SQL decides on has a column of its own; the
 * rest of the summary is positional JSON without keys, the rest of the rotation bytes.
 */
import { END_REASONS } from "../../protocol/words.ts";
import type { SessionState } from "../../protocol/words.ts";
import { invariant } from "../../engine/invariant.ts";
import type { StoredData, StoredSession } from "../../engine/ports.ts";
import { endsAt } from "../../engine/record.ts";
import type { Device, SessionEnd, SessionRecord, SessionSummary } from "../../engine/record.ts";
import { assuranceParts, decodeAssurance, json, numberOf, parse } from "../sqlite/parts.ts";
import type { Part, Parts } from "../sqlite/parts.ts";
import { idIn, idOut, textIn, textInOrNull, textOut } from "./text.ts";
import { decodeTurn, encodeTurn } from "./turn.ts";

/** What the driver is told to give for every column: the server's own text, or NULL. */
export type SqlRow = readonly (string | null | undefined)[];

/** Live states by their number in `session.state`. */
const STATES: readonly SessionState[] = ["pending", "active", "locked"];
/** Deadlines are filed in spans of 10 s: equal keys share one entry of the index. */
export const DUE_MS = 10_000;

/** Of a session `s`, in the order that {@link decodeSummary} reads, the tenant's name aside. */
export const SUMMARY: string =
  "encode(s.id, 'hex') AS id, s.subject, s.version, s.state, s.epoch, s.created_at, s.seen_at, " +
  "s.idle_ms, s.idle_lock, s.life_ms, s.lock_factors, s.ended_at, s.ending, s.device, s.cold";
/** The same out of a subquery `s` that selected {@link SUMMARY}. */
export const SUMMARY_AGAIN: string = SUMMARY.replace("encode(s.id, 'hex') AS id", "s.id");
/** {@link SUMMARY} and after it the rotation, then the data. */
export const WHOLE: string =
  `${SUMMARY}, s.pending, s.sent_at, encode(s.turn, 'hex') AS turn, ` +
  "s.data_version, s.data::text AS data";
/** The first column that follows those of {@link SUMMARY}, of {@link WHOLE}. */
export const AFTER_SUMMARY = 15;
export const AFTER_WHOLE = 20;
const ENDED_AT = 11;

/** A live record never says `ended`: an ended one keeps `active` in this column. */
function stateNumber(record: SessionSummary): number {
  const state = record.state === "ended" ? 1 : STATES.indexOf(record.state);
  invariant(state >= 0, "a session state is one of the known ones");
  return state;
}

/** Lower bound of the deadline, in {@link DUE_MS}: what the sweep looks for. */
export function dueOf(record: SessionSummary): number {
  return Math.floor(endsAt(record) / DUE_MS);
}

/** The columns of a session beside `id` and `tenant`, in the order of {@link COLUMNS}. */
export function encodeColumns(record: SessionRecord): unknown[] {
  const { rotation, createdAt } = record;
  return [
    record.version,
    stateNumber(record),
    record.epoch,
    createdAt,
    record.seenAt,
    record.idleMs,
    record.idleLockFactors,
    record.absoluteExpiresAt - createdAt,
    record.lockFactors ?? null,
    record.end?.at ?? null,
    record.end === undefined ? null : encodeEnd(record.end),
    textInOrNull(record.device?.id),
    encodeCold(record),
    rotation.pending?.generation ?? null,
    rotation.pending?.sentAt ?? null,
    encodeTurn(rotation, createdAt),
    dueOf(record),
  ];
}

/** Where they are, from which parameter on. One list, so that no writer forgets one. */
export const COLUMNS: readonly string[] = [
  "version",
  "state",
  "epoch",
  "created_at",
  "seen_at",
  "idle_ms",
  "idle_lock",
  "life_ms",
  "lock_factors",
  "ended_at",
  "ending",
  "device",
  "cold",
  "pending",
  "sent_at",
  "turn",
  "due",
];

/** @param row Begins with {@link SUMMARY}. */
export function decodeSummary(row: SqlRow, tenant: string): SessionSummary {
  const createdAt = Number(row[5]);
  const end = typeof row[11] === "string" ? decodeEnd(row[12], Number(row[11])) : undefined;
  const state = end === undefined ? STATES[Number(row[3])] : "ended";
  invariant(state !== undefined, "a stored state is one of the known ones");
  const cold = parse(row[14] ?? null);
  return {
    id: idOut(String(row[0])),
    tenant,
    subject: typeof row[1] === "string" ? textOut(row[1]) : null,
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
    ...(end !== undefined || typeof row[10] !== "string" ? {} : { lockFactors: Number(row[10]) }),
    assurance: decodeAssurance(cold[0], createdAt),
    ...decodeCold(cold, row[13]),
    ...(end === undefined ? {} : { end }),
  };
}

/** @param row Begins with {@link WHOLE}; the subject's epoch follows. */
export function decodeStored(row: SqlRow, tenant: string): StoredSession {
  const summary = decodeSummary(row, tenant);
  const columns = { generation: Number(row[15]), sentAt: Number(row[16]) };
  const turn = Buffer.from(String(row[17]), "hex");
  const rotation = decodeTurn(turn, summary.createdAt, columns);
  return {
    record: { ...summary, rotation },
    dataVersion: Number(row[18]),
    data: decodeData(String(row[19])),
    subjectEpoch: Number(row[AFTER_WHOLE]),
  };
}

/** A session as it was just before its row, which comes from the update that ended it. */
export function decodeBeforeEnd(row: SqlRow, tenant: string): SessionSummary {
  return decodeSummary(row.with(ENDED_AT, null), tenant);
}

/** JSON that `jsonb` takes: it has no NUL and no lone surrogate. */
export function encodeData(data: StoredData): string {
  const entries = Object.entries(data).map(([key, value]) => [textIn(key), textIn(value)]);
  return JSON.stringify(Object.fromEntries(entries));
}

function decodeData(text: string): StoredData {
  const data = JSON.parse(text) as StoredData;
  if (!text.includes("\\u0001")) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [textOut(key), textOut(value)]),
  );
}

/** `ended_at` holds the instant. The reason's number keeps the common case at two bytes. */
export function encodeEnd(end: SessionEnd): string {
  const reason = END_REASONS.indexOf(end.reason);
  invariant(reason >= 0, "an end reason is one of the known ones");
  if (end.cause === undefined && end.actor === undefined) return String(reason);
  return JSON.stringify([reason, end.cause ?? 0, end.actor ?? 0]);
}

function decodeEnd(value: string | null | undefined, at: number): SessionEnd {
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

function decodeCold(cold: Parts, deviceId: string | null | undefined): Partial<SessionSummary> {
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

function decodeDevice([label, address]: Parts, id: string | null | undefined): Device {
  return {
    ...(typeof id === "string" ? { id: textOut(id) } : {}),
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof address === "string" ? { address } : {}),
  };
}

/** The first two parameters of most statements. */
export function keyOf(ref: { readonly id: string; readonly tenant: string }): unknown[] {
  return [idIn(ref.id), textIn(ref.tenant)];
}

/**
 * Session records as rows of PostgreSQL and back, exactly. Beside the columns of a summary, the
 * rotation is bytes; ids come out as hexadecimal text.
 */
import type { SessionRef, StoredData, StoredSession } from "../../engine/ports.ts";
import { endsAt } from "../../engine/record.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import * as summary from "../sql/summary.ts";
import { AFTER_SUMMARY, ENDED_AT, SUMMARY_COLUMNS } from "../sql/summary.ts";
import { idIn, idOut, textIn, textInOrNull, textOut } from "./text.ts";
import { decodeTurn, encodeTurn } from "./turn.ts";

/** What the driver is told to give for every column: the server's own text, or NULL. */
export type SqlRow = readonly (string | null | undefined)[];

/** Deadlines are filed in spans of 10 s: equal keys share one entry of the index. */
export const DUE_MS = 10_000;
const NAMES: summary.Names = {
  id: (stored) => idOut(String(stored)),
  text: (stored) => (typeof stored === "string" ? textOut(stored) : null),
};

/** Of a session `s`, in the order that {@link decodeSummary} reads, the tenant's name aside. */
export const SUMMARY: string = ["encode(s.id, 'hex') AS id", "s.subject"]
  .concat(SUMMARY_COLUMNS.map((column) => `s.${column}`))
  .join(", ");
/** The same out of a subquery `s` that selected {@link SUMMARY}. */
export const SUMMARY_AGAIN: string = SUMMARY.replace("encode(s.id, 'hex') AS id", "s.id");
/** {@link SUMMARY} and after it the rotation, then the data. */
export const WHOLE: string =
  `${SUMMARY}, s.pending, s.sent_at, encode(s.turn, 'hex') AS turn, ` +
  "s.data_version, s.data::text AS data";
/** The first column that follows those of {@link WHOLE}. */
export const AFTER_WHOLE: number = AFTER_SUMMARY + 5;

/** Lower bound of the deadline, in {@link DUE_MS}: what the sweep looks for. */
export function dueOf(record: SessionSummary): number {
  return Math.floor(endsAt(record) / DUE_MS);
}

/** The columns of a session beside `id` and `tenant`, in the order of {@link COLUMNS}. */
export function encodeColumns(record: SessionRecord): unknown[] {
  const { rotation, createdAt } = record;
  return [
    ...summary.encodeSummary(record, textInOrNull(record.device?.id)),
    rotation.pending?.generation ?? null,
    rotation.pending?.sentAt ?? null,
    encodeTurn(rotation, createdAt),
    dueOf(record),
  ];
}

/** Where they are, from which parameter on. One list, so that no writer forgets one. */
export const COLUMNS: readonly string[] = [...SUMMARY_COLUMNS, "pending", "sent_at", "turn", "due"];

/** @param row Begins with {@link SUMMARY}. */
export function decodeSummary(row: SqlRow, tenant: string): SessionSummary {
  return summary.decodeSummary(row, tenant, NAMES);
}

/** @param row Begins with {@link WHOLE}; the subject's epoch follows. */
export function decodeStored(row: SqlRow, tenant: string): StoredSession {
  const facts = decodeSummary(row, tenant);
  const columns = { generation: Number(row[15]), sentAt: Number(row[16]) };
  const turn = Buffer.from(String(row[17]), "hex");
  const rotation = decodeTurn(turn, facts.createdAt, columns);
  return {
    record: { ...facts, rotation },
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

/** The first two parameters of most statements. */
export function keyOf(ref: { readonly id: string; readonly tenant: string }): unknown[] {
  return [idIn(ref.id), textIn(ref.tenant)];
}

/** Of several, as two arrays. */
export function keysOf(refs: readonly SessionRef[]): unknown[] {
  return [refs.map(({ id }) => Buffer.from(idIn(id))), refs.map(({ tenant }) => textIn(tenant))];
}

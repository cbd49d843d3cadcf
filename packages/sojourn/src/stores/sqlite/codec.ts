/** Session records as rows of SQLite and back, exactly. */
import { endsAt } from "../../engine/record.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import type { StoredData } from "../../engine/ports.ts";
import { pack, unpack } from "../sql/packed.ts";
import * as summary from "../sql/summary.ts";
import { encodeCold, stateNumber } from "../sql/summary.ts";
import { decodeRotation } from "./codec-rotation.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { textIn, textOut } from "./text.ts";

const SECOND_MS = 1000;
const NAMES: summary.Names = {
  id: unpack,
  text: (stored) => textOut(stored as SqlValue | undefined),
};

/** Columns of a summary, in the order that {@link decodeSummary} reads them. */
export const SUMMARY_COLUMNS: string = ["id", "subject", ...summary.SUMMARY_COLUMNS].join(", ");
/** How many columns a whole record has; data follows. */
export const RECORD_WIDTH = 23;

/** The values of {@link SUMMARY_COLUMNS}. */
export function encodeSummary(record: SessionSummary): SqlValue[] {
  const device = textIn(record.device?.id ?? null);
  return [pack(record.id), textIn(record.subject), ...summary.encodeSummary(record, device)];
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

/** Lower bound of the deadline, in seconds: what the sweep looks for. */
export function dueOf(record: SessionSummary): number {
  return Math.floor(endsAt(record) / SECOND_MS);
}

/** Read {@link SUMMARY_COLUMNS}; `tenant` comes from the caller, who knows its name. */
export function decodeSummary(row: SqlRow, tenant: string): SessionSummary {
  return summary.decodeSummary(row, tenant, NAMES);
}

/** Read the columns of a summary and, after them, those of the rotation. */
export function decodeRecord(row: SqlRow, tenant: string): SessionRecord {
  const facts = decodeSummary(row, tenant);
  return { ...facts, rotation: decodeRotation(row, facts.createdAt) };
}

export function encodeData(data: StoredData): string | null {
  const text = JSON.stringify(data);
  return text === "{}" ? null : text;
}

export function decodeData(value: SqlValue | undefined): StoredData {
  return typeof value === "string" ? (JSON.parse(value) as StoredData) : {};
}

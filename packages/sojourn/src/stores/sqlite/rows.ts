/** Reading session rows: the one place that knows the order in which columns are selected. */
import type { SessionRef, StoredSession } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { pack } from "../sql/packed.ts";
import { decodeData, decodeRecord, decodeSummary, RECORD_WIDTH, SUMMARY_COLUMNS } from "./codec.ts";
import { ROTATION_COLUMNS } from "./codec-rotation.ts";
import type { Connection } from "./connection.ts";
import type { SqlRow } from "./driver.ts";
import { textIn } from "./text.ts";

/** The present epoch of the row's subject. */
export const SUBJECT_EPOCH: string =
  "coalesce((SELECT e.epoch FROM subject_epoch AS e " +
  "WHERE e.tenant = session.tenant AND e.subject = session.subject), 0)";

/** Not ended, as far as can be judged without a time: an update-if-live may write. */
export const WRITABLE: string = `ended_at IS NULL AND epoch >= ${SUBJECT_EPOCH}`;

/** `endsAt` of the engine, in SQL. A live row's state 0 is `pending`. */
export const ENDS_AT: string =
  "CASE WHEN idle_lock = 0 OR state = 0 " +
  "THEN min(seen_at + idle_ms, created_at + life_ms) ELSE created_at + life_ms END";

const FIND =
  `SELECT ${SUMMARY_COLUMNS}, ${ROTATION_COLUMNS}, data_version, data, ${SUBJECT_EPOCH} ` +
  "FROM session WHERE id = ?1 AND tenant = ?2";
const SUMMARY = `SELECT ${SUMMARY_COLUMNS} FROM session WHERE id = ?1 AND tenant = ?2`;
const EXISTS = "SELECT 1 FROM session WHERE id = ?1 AND tenant = ?2";
const LIVE_OF_SUBJECT =
  `SELECT ${SUMMARY_COLUMNS} FROM session INDEXED BY session_subject_live ` +
  "WHERE tenant = ?1 AND subject = ?2 AND ended_at IS NULL";

/** Columns after those of the record in {@link findRow}. */
const DATA_VERSION = RECORD_WIDTH;
const DATA = RECORD_WIDTH + 1;
const EPOCH = RECORD_WIDTH + 2;

export function findRow(db: Connection, ref: SessionRef): StoredSession | undefined {
  const tenant = db.tenant(ref.tenant);
  if (tenant === undefined) return undefined;
  const row = db.get(FIND, pack(ref.id), tenant);
  return row === undefined ? undefined : storedOf(row, ref.tenant);
}

function storedOf(row: SqlRow, tenant: string): StoredSession {
  return {
    record: decodeRecord(row, tenant),
    data: decodeData(row[DATA]),
    dataVersion: Number(row[DATA_VERSION]),
    subjectEpoch: Number(row[EPOCH]),
  };
}

export function summaryRow(db: Connection, ref: SessionRef): SessionSummary | undefined {
  const tenant = db.tenant(ref.tenant);
  if (tenant === undefined) return undefined;
  const row = db.get(SUMMARY, pack(ref.id), tenant);
  return row === undefined ? undefined : decodeSummary(row, ref.tenant);
}

export function hasRow(db: Connection, id: string, tenant: number): boolean {
  return db.get(EXISTS, pack(id), tenant) !== undefined;
}

/** Rows of a subject that nothing stored has ended; deadlines are not judged here. */
export function liveRows(db: Connection, tenantName: string, subject: string): SessionSummary[] {
  const tenant = db.tenant(tenantName);
  if (tenant === undefined) return [];
  return db
    .all(LIVE_OF_SUBJECT, tenant, textIn(subject))
    .map((row) => decodeSummary(row, tenantName));
}

/** Reading sessions by their key, and the pieces of SQL that every statement about them shares. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { SessionRef, StoredSession } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { AFTER_WHOLE, decodeStored, decodeSummary } from "./codec.ts";
import { keyOf, keysOf, SUMMARY, WHOLE } from "./codec.ts";
import type { Sql } from "./database.ts";
import { textIn } from "./text.ts";

/** The number of the tenant whose name is the second parameter, as {@link keyOf} gives them. */
export const TENANT = "(SELECT t.no FROM sojourn.tenant t WHERE t.name = $2)";
export const AT_KEY: string = `s.id = $1 AND s.tenant = ${TENANT}`;

/** The present epoch of the subject of a session `s`. */
export const SUBJECT_EPOCH: string =
  "coalesce((SELECT e.epoch FROM sojourn.subject_epoch e " +
  "WHERE e.tenant = s.tenant AND e.subject = s.subject), 0)";

/** Not ended, as far as can be judged without a time: an update-if-live may write. */
export const WRITABLE: string = `s.ended_at IS NULL AND s.epoch >= ${SUBJECT_EPOCH}`;

/** `endsAt` of the engine, in SQL. A live row's state 0 is `pending`. */
export const ENDS_AT: string =
  "CASE WHEN s.idle_lock = 0 OR s.state = 0 " +
  "THEN least(s.seen_at + s.idle_ms, s.created_at + s.life_ms) " +
  "ELSE s.created_at + s.life_ms END";

const FIND =
  `SELECT ${WHOLE}, ${SUBJECT_EPOCH}, pg_is_in_recovery() ` +
  `FROM (SELECT) one LEFT JOIN sojourn.session s ON ${AT_KEY}`;
const FIND_ALL =
  `SELECT ${WHOLE}, ${SUBJECT_EPOCH}, pg_is_in_recovery() ` +
  "FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY u (id, tenant, n) " +
  "LEFT JOIN sojourn.tenant t ON t.name = u.tenant " +
  "LEFT JOIN sojourn.session s ON s.id = u.id AND s.tenant = t.no ORDER BY u.n";
const FIND_SUMMARY = `SELECT ${SUMMARY} FROM sojourn.session s WHERE ${AT_KEY}`;
const EPOCH =
  "SELECT coalesce(" +
  "(SELECT e.epoch FROM sojourn.subject_epoch e WHERE e.tenant = t.no AND e.subject = $1), " +
  "(SELECT x.epoch FROM sojourn.erased_subject x " +
  "WHERE x.hash = sojourn.subject_hash($1, t.no)), 0), pg_is_in_recovery() " +
  "FROM (SELECT) one LEFT JOIN sojourn.tenant t ON t.name = $2";

export async function findSession(sql: Sql, ref: SessionRef): Promise<StoredSession | undefined> {
  const [row = []] = await sql.rows(FIND, ...keyOf(ref));
  requirePrimary(row[AFTER_WHOLE + 1]);
  return typeof row[0] === "string" ? decodeStored(row, ref.tenant) : undefined;
}

/** What a row says, read when it is asked for. @throws {SojournError} when it says nothing good. */
export type Found = () => StoredSession | undefined;

/** One for each of several, in their order. */
export async function findSessions(
  sql: Sql,
  refs: readonly SessionRef[],
): Promise<readonly Found[]> {
  const rows = await sql.rows(FIND_ALL, ...keysOf(refs));
  requirePrimary(rows[0]?.[AFTER_WHOLE + 1]);
  return refs.map(({ tenant }, at) => () => {
    const row = rows[at] ?? [];
    return typeof row[0] === "string" ? decodeStored(row, tenant) : undefined;
  });
}

export async function findSummary(sql: Sql, ref: SessionRef): Promise<SessionSummary | undefined> {
  const [row] = await sql.rows(FIND_SUMMARY, ...keyOf(ref));
  return row && decodeSummary(row, ref.tenant);
}

/** The epoch, that of an erased subject included. */
export async function epochOf(sql: Sql, tenant: string, subject: string): Promise<number> {
  const [row = []] = await sql.rows(EPOCH, textIn(subject), textIn(tenant));
  requirePrimary(row[1]);
  return Number(row[0] ?? 0);
}

/** What a standby says may be older than a revocation that was acknowledged. Invariant I3. */
export function requirePrimary(recovering: string | null | undefined): void {
  if (recovering !== "t") return;
  throw new StoreUnavailableError("read: the server is a standby; connect to the primary");
}

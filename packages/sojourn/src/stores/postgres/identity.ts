/**
 * What tells one past of the database from another: the store's own mark, the cluster's identity
 * and its timeline, which every promotion of a standby and every restore to a point in time
 * changes. The timeline is read from what is being written, since the control file lags behind.
 */
import type { StoreHealth } from "../../engine/ports.ts";
import type { Database, Sql } from "./database.ts";

export const INCARNATION: string =
  "(SELECT m.value FROM sojourn.meta m WHERE m.key = 'store') || '.' || " +
  "(SELECT c.system_identifier FROM pg_control_system() c) || '.' || " +
  "CASE WHEN pg_is_in_recovery() THEN (SELECT c.timeline_id FROM pg_control_checkpoint() c) " +
  "ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END";
const HEALTH =
  `SELECT ${INCARNATION}, pg_is_in_recovery(), current_setting('transaction_read_only'), ` +
  "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, " +
  "CASE WHEN pg_is_in_recovery() THEN " +
  "greatest(0, floor(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) " +
  "* 1000))::bigint ELSE 0 END, " +
  "(SELECT m.value FROM sojourn.meta m WHERE m.key = 'incarnation')";
/** The first to see a new incarnation notes since when; the others take that over. */
const NOTE =
  "INSERT INTO sojourn.meta AS m (key, value) VALUES ('incarnation', $1) " +
  "ON CONFLICT (key) DO UPDATE SET value = CASE " +
  "WHEN m.value::jsonb ->> 'of' = excluded.value::jsonb ->> 'of' THEN m.value " +
  "ELSE excluded.value END RETURNING m.value";

interface Noted {
  readonly of: string;
  readonly since: number;
}

export function healthOf(database: Database): Promise<StoreHealth> {
  return database.run("health", async (sql) => {
    const [row = []] = await sql.rows(HEALTH);
    const [incarnation, recovering, readOnly, now, lag, noted] = row;
    const standby = recovering === "t";
    const writable = !standby && readOnly === "off";
    const known = await notedOf(
      sql,
      { of: String(incarnation), since: Number(now) },
      noted,
      writable,
    );
    return {
      role: standby ? "replica" : "primary",
      incarnation: known.of,
      incarnationSince: known.since,
      nowAt: Number(now),
      writable,
      lagMs: Number(lag ?? 0),
    };
  });
}

async function notedOf(
  sql: Sql,
  found: Noted,
  text: string | null | undefined,
  writable: boolean,
): Promise<Noted> {
  const noted = typeof text === "string" ? (JSON.parse(text) as Noted) : undefined;
  if (noted?.of === found.of) return noted;
  if (!writable) return found;
  // The first one has lost nothing: since 0.
  const since = noted === undefined ? 0 : found.since;
  const [row] = await sql.rows(NOTE, JSON.stringify({ ...found, since }));
  return JSON.parse(String(row?.[0])) as Noted;
}

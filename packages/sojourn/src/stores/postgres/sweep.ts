/**
 * Ending what is overdue, erasing what has been ended long enough, keeping the log bounded. One
 * worker at a time; rows that somebody holds are left for the next run; short transactions.
 */
import { overdueEnd } from "../../engine/liveness.ts";
import type { SweepOptions, SweepResult } from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { AFTER_SUMMARY } from "../sql/summary.ts";
import { decodeSummary, DUE_MS, dueOf, SUMMARY } from "./codec.ts";
import type { Database, Sql } from "./database.ts";
import { endRows, JOIN_IN_ORDER } from "./ends.ts";
import { ENDS_AT } from "./find.ts";
import { idIn, textIn, textOut } from "./text.ts";

const TRANSACTION_MS = 10_000;
/** Most tombstones that one run drops. */
const DROPPED_MAX = 10_000;
/** Of the log, in one transaction, and in how many of them. */
const TRIMMED_MAX = 5000;
const TRIMS_MAX = 100;

/**
 * Nobody waits for the disk: what a crash undoes is overdue all the same, and found again. The
 * first few that are due come out of the index in order: on a table that grew since it was looked
 * at, the planner would fetch and sort all of them, for every batch.
 */
const SETTINGS =
  `SET LOCAL synchronous_commit = off; SET LOCAL enable_sort = off; ` +
  `SET LOCAL enable_bitmapscan = off; ${JOIN_IN_ORDER}`;
const CLAIM = "SELECT pg_try_advisory_xact_lock($1)";
const DUE =
  `SELECT ${SUMMARY}, t.name FROM sojourn.session s JOIN sojourn.tenant t ON t.no = s.tenant ` +
  `WHERE s.ended_at IS NULL AND s.due <= $1 AND (s.due < $1 OR ${ENDS_AT} <= $2) ` +
  "ORDER BY s.due LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED";
const REFILE =
  "UPDATE sojourn.session s SET due = u.due FROM " +
  "unnest($1::bytea[], $2::text[], $3::integer[]) u (id, tenant, due) " +
  "JOIN sojourn.tenant t ON t.name = u.tenant WHERE s.id = u.id AND s.tenant = t.no";
/** A session's id stays taken while it could have lived. */
const PURGE =
  "WITH old AS MATERIALIZED (SELECT s.id, s.tenant FROM sojourn.session s " +
  "WHERE s.ended_at IS NOT NULL AND s.ended_at < $1 ORDER BY s.ended_at LIMIT $2 " +
  "FOR UPDATE SKIP LOCKED), " +
  "gone AS (DELETE FROM sojourn.session s USING old o WHERE s.id = o.id AND s.tenant = o.tenant " +
  "RETURNING s.id, s.tenant, s.created_at + s.life_ms AS until), " +
  "entombed AS (INSERT INTO sojourn.tombstone (hash, until) " +
  "SELECT sojourn.id_hash(g.id, g.tenant), g.until FROM gone g WHERE g.until > $3 " +
  "ON CONFLICT (hash) DO UPDATE SET until = greatest(tombstone.until, excluded.until)) " +
  "SELECT count(*) FROM gone";
const DROP_TOMBSTONES =
  "DELETE FROM sojourn.tombstone WHERE hash IN (SELECT hash FROM sojourn.tombstone " +
  `WHERE until <= $1 ORDER BY until LIMIT ${DROPPED_MAX} FOR UPDATE SKIP LOCKED)`;
/**
 * Only what every follower can have read: below the oldest transaction still open. Positions below
 * the floor are told of a gap.
 */
const TRIM =
  "WITH oldest AS MATERIALIZED (SELECT c.xid, c.seq, c.at FROM sojourn.change c " +
  `ORDER BY c.xid, c.seq LIMIT ${TRIMMED_MAX}), erased AS MATERIALIZED (` +
  "SELECT c.xid, c.seq, c.at FROM sojourn.change c WHERE c.what = 6 " +
  "AND c.at < clock_timestamp() - make_interval(secs => $2) LIMIT 100), " +
  "gone AS (DELETE FROM sojourn.change c USING (SELECT o.xid, o.seq FROM oldest o " +
  "WHERE o.at < clock_timestamp() - make_interval(secs => $1) " +
  "UNION SELECT e.xid, e.seq FROM erased e) o " +
  "WHERE c.xid = o.xid AND c.seq = o.seq AND c.xid < pg_snapshot_xmin(pg_current_snapshot()) " +
  "RETURNING c.xid), " +
  "top AS (SELECT g.xid FROM gone g ORDER BY g.xid DESC LIMIT 1), " +
  "raised AS (UPDATE sojourn.meta m SET value = (top.xid::text::bigint + 1)::text FROM top " +
  "WHERE m.key = 'log_floor' AND m.value::bigint <= top.xid::text::bigint) " +
  "SELECT count(*) FROM gone";

/** By then every follower has heard that a subject was erased, and the log forgets the name. */
const ERASURE_TOLD_S = 60;

export async function sweepSessions(
  database: Database,
  options: SweepOptions,
  logKeptMs: number,
): Promise<SweepResult> {
  const claim = String(database.lock("sweep"));
  const timing = { statementTimeoutMs: TRANSACTION_MS, settings: SETTINGS };
  const result = await database.transaction("sweep", timing, async (sql) => {
    const [claimed] = await sql.rows(CLAIM, claim);
    return claimed?.[0] === "t" ? sweep(sql, options) : undefined;
  });
  if (result === undefined) return { ended: [], purged: 0, more: false };
  if (!result.more) await trimLog(database, logKeptMs);
  return result;
}

/** In transactions of its own: a log that grew for hours does not hold up the ends. */
async function trimLog(database: Database, keptMs: number): Promise<void> {
  for (let turn = 0; turn < TRIMS_MAX; turn += 1) {
    const [row] = await database.transaction("sweep", {}, (sql) =>
      sql.rows(TRIM, keptMs / 1000, ERASURE_TOLD_S),
    );
    if (Number(row?.[0]) < TRIMMED_MAX) return;
  }
}

async function sweep(sql: Sql, options: SweepOptions): Promise<SweepResult> {
  const { now, limit, purgeBefore } = options;
  const rows = await sql.rows(DUE, Math.floor(now / DUE_MS), now, limit);
  const due = rows.map((row) => decodeSummary(row, textOut(String(row[AFTER_SUMMARY]))));
  const overdue = due.flatMap((record) => {
    const end = overdueEnd(record, now);
    return end === undefined ? [] : [{ record, end }];
  });
  await endRows(sql, overdue);
  const over = new Set(overdue.map(({ record }) => record));
  await refile(
    sql,
    due.filter((record) => !over.has(record)),
  );
  const room = limit - due.length;
  let purged = 0;
  if (purgeBefore !== undefined && room > 0) {
    const [row] = await sql.rows(PURGE, purgeBefore, room, now);
    purged = Number(row?.[0]);
  }
  await sql.rows(DROP_TOMBSTONES, now);
  return { ended: overdue, purged, more: due.length + purged >= limit };
}

/** File what activity has kept alive under its new deadline: about once per idle span. */
async function refile(sql: Sql, sessions: readonly SessionSummary[]): Promise<void> {
  if (sessions.length === 0) return;
  await sql.rows(
    REFILE,
    sessions.map(({ id }) => Buffer.from(idIn(id))),
    sessions.map(({ tenant }) => textIn(tenant)),
    sessions.map(dueOf),
  );
}

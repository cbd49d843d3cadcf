/** Every way a session ends or is erased. The first end is kept. Invariants I2, I5. */
import { overdueEnd } from "../../engine/liveness.ts";
import type {
  EndedSession,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
  SweepOptions,
  SweepResult,
} from "../../engine/ports.ts";
import type { SessionEnd, SessionSummary } from "../../engine/record.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import { pack } from "../sql/packed.ts";
import { AFTER_SUMMARY as TENANT, encodeEnd } from "../sql/summary.ts";
import { decodeSummary, dueOf, SUMMARY_COLUMNS } from "./codec.ts";
import type { Connection } from "./connection.ts";
import type { SqlValue } from "./driver.ts";
import type { WriteScope } from "./group-commit.ts";
import { ENDS_AT, liveRows, summaryRow } from "./rows.ts";
import { textIn } from "./text.ts";

const SECOND_MS = 1000;
/** Most tombstones one sweep drops: they cost a few bytes, no decision hangs on when. */
const TOMBSTONES_PER_SWEEP = 1000;
/** By then every follower has heard that a subject was erased, and the log forgets the name. */
const ERASURE_TOLD_MS = 60_000;

const END =
  "UPDATE session SET ended_at = ?3, ending = ?4 " +
  "WHERE id = ?1 AND tenant = ?2 AND ended_at IS NULL";
const RAISE = "UPDATE session SET epoch = max(epoch, ?3) WHERE id = ?1 AND tenant = ?2";
const SCHEDULE = "UPDATE session SET due = ?3 WHERE id = ?1 AND tenant = ?2";
const ERASE = "DELETE FROM session WHERE id = ?1 AND tenant = ?2";
const DUE =
  `SELECT ${SUMMARY_COLUMNS}, tenant FROM session INDEXED BY session_due ` +
  `WHERE ended_at IS NULL AND due <= ?1 AND (due < ?1 OR ${ENDS_AT} <= ?2) ORDER BY due LIMIT ?3`;
const ENDED_BEFORE =
  `SELECT ${SUMMARY_COLUMNS}, tenant FROM session INDEXED BY session_ended ` +
  "WHERE ended_at IS NOT NULL AND ended_at < ?1 ORDER BY ended_at LIMIT ?2";
const ENDED_OF_SUBJECT =
  `SELECT ${SUMMARY_COLUMNS} FROM session INDEXED BY session_subject_ended ` +
  "WHERE tenant = ?1 AND subject = ?2 AND ended_at IS NOT NULL";
const DROP_TOMBSTONES =
  "DELETE FROM tombstone WHERE hash IN (SELECT hash FROM tombstone WHERE until <= ?1 " +
  `ORDER BY until LIMIT ${TOMBSTONES_PER_SWEEP})`;

/** End a session that a caller has just read as not ended. On disk when it is reported. */
export function endRow(
  db: Connection,
  scope: WriteScope,
  session: SessionSummary,
  end: SessionEnd,
): EndedSession {
  scope.requireDurable();
  markEnded(db, session, end, session.subject);
  return { record: session, end };
}

function markEnded(
  db: Connection,
  session: SessionSummary,
  end: SessionEnd,
  subject: string | null,
): void {
  const tenant = db.tenantMade(session.tenant);
  const id = pack(session.id);
  db.run(END, id, tenant, end.at, encodeEnd(end));
  db.appendEnded({ tenant, id, subject }, end);
}

export function revokeSession(
  db: Connection,
  scope: WriteScope,
  ref: SessionRef,
  change: { readonly end: SessionEnd; readonly options: RevokeOptions },
): RevokeResult {
  const { end, options } = change;
  const session = summaryRow(db, ref);
  if (session === undefined) {
    if (options.tombstoneUntil !== undefined) {
      scope.requireDurable();
      db.entomb(db.idHash(ref.tenant, ref.id), options.tombstoneUntil);
      const id = pack(ref.id);
      db.appendEnded({ tenant: db.tenantMade(ref.tenant), id, subject: null }, end);
    }
    return { outcome: "absent", durability: "local" };
  }
  if (session.end !== undefined) {
    return { outcome: "already", record: session, end: session.end, durability: "local" };
  }
  return { outcome: "ended", ...endRow(db, scope, session, end), durability: "local" };
}

export function revokeSubject(
  db: Connection,
  scope: WriteScope,
  who: { readonly tenant: string; readonly subject: string },
  options: RevokeSubjectOptions,
): RevokeSubjectResult {
  scope.requireDurable();
  const { except, end, above = 0 } = options;
  const tenant = db.tenantMade(who.tenant);
  const before = db.subjectState(tenant, who.subject).epoch;
  const epoch = Math.max(before, above) + 1;
  db.raiseEpoch(tenant, who.subject, epoch);
  const detail = JSON.stringify(except === undefined ? { epoch } : { epoch, except });
  db.append({ what: CHANGE.subject, tenant, id: null, subject: who.subject, detail });
  const ended: EndedSession[] = [];
  for (const session of liveRows(db, who.tenant, who.subject)) {
    // A higher epoch, brought by `apply`, has ended an exception of an older one already.
    if (session.id !== except || session.epoch < before) {
      ended.push(endRow(db, scope, session, end));
      continue;
    }
    const id = pack(session.id);
    db.run(RAISE, id, tenant, epoch);
    const told = { what: CHANGE.changed, detail: liveDetail(session.state) };
    db.append({ ...told, tenant, id, subject: who.subject });
  }
  return { epoch, before, ended, durability: "local" };
}

/**
 * End what is overdue, erase what has been ended long enough. A row whose deadline activity has
 * moved is filed under the new one: each session is looked at about once per idle span.
 */
export function sweepSessions(db: Connection, options: SweepOptions): SweepResult {
  const { now, limit, purgeBefore } = options;
  const due = db.all(DUE, Math.floor(now / SECOND_MS), now, limit);
  const ended: EndedSession[] = [];
  for (const row of due) {
    const tenant = Number(row[TENANT]);
    const record = decodeSummary(row, db.tenantName(tenant));
    const end = overdueEnd(record, now);
    if (end === undefined) {
      db.run(SCHEDULE, pack(record.id), tenant, dueOf(record));
      continue;
    }
    markEnded(db, record, end, record.subject);
    ended.push({ record, end });
  }
  const room = limit - due.length;
  const old = purgeBefore === undefined || room <= 0 ? [] : db.all(ENDED_BEFORE, purgeBefore, room);
  for (const row of old) erase(db, decodeSummary(row, db.tenantName(Number(row[TENANT]))), now);
  db.run(DROP_TOMBSTONES, now);
  scrubLog(db, now);
  const purged = old.length;
  return { ended, purged, more: due.length + purged >= limit };
}

/** Erase a subject. Its name stays nowhere; the raised epoch is kept under a hash of it. */
export function purgeSubject(
  db: Connection,
  who: { readonly tenant: string; readonly subject: string },
  now: number,
): number {
  const tenant = db.tenantMade(who.tenant);
  const epoch = db.subjectState(tenant, who.subject).epoch + 1;
  const live = liveRows(db, who.tenant, who.subject);
  const ended = db.all(ENDED_OF_SUBJECT, tenant, textIn(who.subject));
  db.append({
    what: CHANGE.erased,
    tenant,
    id: null,
    subject: who.subject,
    detail: JSON.stringify({ epoch, at: now }),
  });
  forgetInLog(db, tenant, who.subject);
  for (const session of live) {
    markEnded(db, session, { reason: "subject_revoked", at: now }, null);
    erase(db, session, now);
  }
  for (const row of ended) erase(db, decodeSummary(row, who.tenant), now);
  db.run(
    "DELETE FROM subject_epoch WHERE tenant = ?1 AND subject = ?2",
    tenant,
    textIn(who.subject),
  );
  db.run(
    "INSERT INTO erased_subject (hash, epoch) VALUES (?1, ?2) " +
      "ON CONFLICT (hash) DO UPDATE SET epoch = max(epoch, excluded.epoch)",
    db.subjectHash(tenant, who.subject),
    epoch,
  );
  return live.length + ended.length;
}

/** Erase a row; its id stays taken while its session could have lived. */
export function erase(db: Connection, session: SessionSummary, now: number | undefined): void {
  db.run(ERASE, pack(session.id), db.tenantMade(session.tenant));
  if (now !== undefined && now >= session.absoluteExpiresAt) return;
  db.entomb(db.idHash(session.tenant, session.id), session.absoluteExpiresAt);
}

/**
 * Reads the whole log, which is bounded: erasures are rare, an index for them is not worth it. The
 * newest row stays, here and below, since the next one takes the number that follows it.
 */
function forgetInLog(db: Connection, tenant: number, subject: string): void {
  const who: SqlValue[] = [tenant, textIn(subject)];
  db.run(
    "DELETE FROM change WHERE id IS NULL AND tenant = ?1 AND subject = ?2 " +
      "AND seq < (SELECT max(seq) FROM change)",
    ...who,
  );
  db.run(
    "UPDATE change SET subject = NULL WHERE id IS NOT NULL AND tenant = ?1 AND subject = ?2",
    ...who,
  );
}

function scrubLog(db: Connection, now: number): void {
  const told = db.all(
    "SELECT seq, detail FROM change INDEXED BY change_erased " +
      "WHERE what = 6 AND seq < (SELECT max(seq) FROM change) ORDER BY seq LIMIT 100",
  );
  for (const [seq, detail] of told) {
    const { at } = JSON.parse(String(detail)) as { at: number };
    if (at > now - ERASURE_TOLD_MS) continue;
    db.run("DELETE FROM change WHERE seq = ?", seq ?? null);
    db.raiseFloor(Number(seq));
  }
}

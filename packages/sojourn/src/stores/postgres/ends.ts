/** Ends by revocation, and erasing. The first end is kept. Invariants I2, I5. */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type {
  EndedSession,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
} from "../../engine/ports.ts";
import type { Durability } from "../../protocol/words.ts";
import type { SessionEnd } from "../../engine/record.ts";
import { CHANGE, liveDetail } from "../sql/change.ts";
import { AFTER_SUMMARY, encodeEnd, LOCKED_STATE } from "../sql/summary.ts";
import { decodeBeforeEnd, keyOf, SUMMARY, SUMMARY_AGAIN } from "./codec.ts";
import { SETTINGS } from "./database.ts";
import type { Database, Sql } from "./database.ts";
import { CONFIRMED_BY, durabilityOf } from "./durability.ts";
import { AT_KEY, epochOf, findSummary } from "./find.ts";
import { APPEND, endDetail } from "./log.ts";
import { idIn, textIn } from "./text.ts";

const ATTEMPTS_MAX = 5;
const PURGE_TIMEOUT_MS = 60_000;

const REVOKE =
  `WITH ${SETTINGS.durable}, ended AS (UPDATE sojourn.session s SET ended_at = $3, ending = $4 ` +
  `FROM setting WHERE ${AT_KEY} AND s.ended_at IS NULL ` +
  `RETURNING s.tenant, s.id AS key, ${SUMMARY}), logged AS (` +
  `${APPEND} SELECT e.tenant, ${CHANGE.ended}, e.key, e.subject, $5::text FROM ended e) ` +
  `SELECT ${SUMMARY_AGAIN}, ${CONFIRMED_BY} FROM ended s, setting`;
const REVOKE_REPLICATED = REVOKE.replace(SETTINGS.durable, SETTINGS.replicated);
const ENTOMB =
  "INSERT INTO sojourn.tombstone (hash, until) " +
  "SELECT sojourn.id_hash(u.id, t.no), u.until FROM unnest($1::bytea[], $2::text[], " +
  "$3::bigint[]) u (id, tenant, until) JOIN sojourn.tenant t ON t.name = u.tenant " +
  "ON CONFLICT (hash) DO UPDATE SET until = greatest(tombstone.until, excluded.until)";
const TELL_ENDED =
  `${APPEND} SELECT t.no, ${CHANGE.ended}, $1::bytea, NULL, $3::text ` +
  "FROM sojourn.tenant t WHERE t.name = $2";
/** Through `named` first, and in words no partial index answers, as in {@link END_SUBJECT}. */
const END_ROWS =
  "WITH named AS MATERIALIZED (SELECT u.*, t.no FROM " +
  "unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[], $5::text[]) WITH ORDINALITY " +
  "u (id, tenant, at, ending, detail, n) JOIN sojourn.tenant t ON t.name = u.tenant), " +
  "ended AS (UPDATE sojourn.session s SET ended_at = u.at, ending = u.ending FROM named u " +
  "WHERE s.id = u.id AND s.tenant = u.no AND coalesce(s.ended_at, -1) = -1 " +
  "RETURNING s.tenant, s.id, s.subject, u.detail, u.n) " +
  `${APPEND} SELECT e.tenant, ${CHANGE.ended}, e.id, e.subject, e.detail FROM ended e ORDER BY e.n`;

/** An erased subject's name comes back with the epoch that is known under its hash. */
const RAISE =
  "WITH was AS MATERIALIZED (SELECT t.no, coalesce(" +
  "(SELECT e.epoch FROM sojourn.subject_epoch e WHERE e.tenant = t.no AND e.subject = $1), " +
  "(SELECT x.epoch FROM sojourn.erased_subject x " +
  "WHERE x.hash = sojourn.subject_hash($1, t.no)), 0) AS epoch FROM sojourn.tenant t " +
  "WHERE t.name = $2), raised AS (INSERT INTO sojourn.subject_epoch AS e (tenant, subject, epoch) " +
  "SELECT w.no, $1, greatest(w.epoch, $4::bigint) + 1 FROM was w " +
  "ON CONFLICT (tenant, subject) DO UPDATE SET epoch = excluded.epoch " +
  "RETURNING e.tenant, e.subject, e.epoch), " +
  `logged AS (${APPEND} SELECT r.tenant, ${CHANGE.subject}, NULL, r.subject, ` +
  "(jsonb_build_object('epoch', r.epoch) || $3::jsonb)::text FROM raised r) " +
  "SELECT r.epoch, w.epoch, current_setting('synchronous_commit'), " +
  "current_setting('synchronous_standby_names') FROM raised r, was w";
/**
 * Rows are written in the order of their keys: the join goes through `live`, since the others are
 * switched off. One is kept, and raised, unless a higher epoch (brought by `apply`) has ended it
 * already. That a row is live is asked in words which no partial index answers: on a table that
 * grew since it was looked at, the planner would take all of a tenant for each row.
 */
const END_SUBJECT =
  "WITH live AS MATERIALIZED (SELECT s.tenant, s.id, " +
  "s.id IS NOT DISTINCT FROM $3 AND s.epoch >= $8 AS kept " +
  "FROM sojourn.session s WHERE s.subject = $1 AND s.ended_at IS NULL " +
  "AND s.tenant = (SELECT t.no FROM sojourn.tenant t WHERE t.name = $2) ORDER BY s.id), " +
  "written AS (UPDATE sojourn.session s SET " +
  "epoch = CASE WHEN l.kept THEN greatest(s.epoch, $4) ELSE s.epoch END, " +
  "ended_at = CASE WHEN NOT l.kept THEN $5::bigint END, " +
  "ending = CASE WHEN NOT l.kept THEN $6::text END FROM live l " +
  "WHERE s.id = l.id AND s.tenant = l.tenant AND coalesce(s.ended_at, -1) = -1 " +
  `RETURNING l.kept, s.tenant, s.id AS key, ${SUMMARY}), logged AS (${APPEND} SELECT w.tenant, ` +
  `CASE WHEN w.kept THEN ${CHANGE.changed} ELSE ${CHANGE.ended} END, w.key, w.subject, ` +
  "CASE WHEN NOT w.kept THEN $7::text " +
  `WHEN w.state = ${LOCKED_STATE} THEN '${liveDetail("locked")}' END FROM written w) ` +
  `SELECT ${SUMMARY_AGAIN} FROM written s WHERE NOT s.kept`;
export const JOIN_IN_ORDER: string =
  "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; " +
  "SET LOCAL enable_seqscan = off; SET LOCAL enable_material = off; SET LOCAL jit = off";

const ALL_OF_SUBJECT =
  "SELECT s.id FROM sojourn.session s WHERE s.subject = $1 " +
  "AND s.tenant = (SELECT t.no FROM sojourn.tenant t WHERE t.name = $2) ORDER BY s.id FOR UPDATE";
/** Followers hear of the erasure; older rows of the log forget the name. */
const FORGET =
  "UPDATE sojourn.change c SET subject = NULL FROM sojourn.tenant t " +
  "WHERE t.name = $2 AND c.tenant = t.no AND c.subject = $1 AND c.id IS NOT NULL";
const FORGET_EPOCHS =
  "DELETE FROM sojourn.change c USING sojourn.tenant t " +
  "WHERE t.name = $2 AND c.tenant = t.no AND c.subject = $1 AND c.id IS NULL";
const TELL_ERASED =
  `${APPEND} SELECT t.no, ${CHANGE.erased}, NULL, $1, $3::text ` +
  "FROM sojourn.tenant t WHERE t.name = $2";
const ERASE_SUBJECT =
  "WITH gone AS (DELETE FROM sojourn.session s USING sojourn.tenant t WHERE t.name = $2 " +
  "AND s.tenant = t.no AND s.subject = $1 " +
  "RETURNING s.tenant, s.id, s.ended_at, s.created_at + s.life_ms AS until), " +
  `logged AS (${APPEND} SELECT g.tenant, ${CHANGE.ended}, g.id, NULL, $4::text ` +
  "FROM gone g WHERE g.ended_at IS NULL), " +
  "entombed AS (INSERT INTO sojourn.tombstone (hash, until) " +
  "SELECT sojourn.id_hash(g.id, g.tenant), g.until FROM gone g WHERE g.until > $3 " +
  "ON CONFLICT (hash) DO UPDATE SET until = greatest(tombstone.until, excluded.until)) " +
  "SELECT count(*) FROM gone";
const FORGET_SUBJECT =
  "WITH gone AS (DELETE FROM sojourn.subject_epoch e USING sojourn.tenant t " +
  "WHERE t.name = $2 AND e.tenant = t.no AND e.subject = $1) " +
  "INSERT INTO sojourn.erased_subject AS x (hash, epoch) " +
  "SELECT sojourn.subject_hash($1, t.no), $3 FROM sojourn.tenant t WHERE t.name = $2 " +
  "ON CONFLICT (hash) DO UPDATE SET epoch = greatest(x.epoch, excluded.epoch)";

/** End sessions that the transaction has locked, each with its line in the log, in this order. */
export async function endRows(sql: Sql, ended: readonly EndedSession[]): Promise<void> {
  if (ended.length === 0) return;
  await sql.rows(
    END_ROWS,
    ended.map(({ record }) => Buffer.from(idIn(record.id))),
    ended.map(({ record }) => textIn(record.tenant)),
    ended.map(({ end }) => end.at),
    ended.map(({ end }) => encodeEnd(end)),
    ended.map(({ end }) => endDetail(end)),
  );
}

/** One statement, unless an absent id is to be remembered: then under the id's lock. */
export async function revokeSession(
  database: Database,
  ref: SessionRef,
  end: SessionEnd,
  options: RevokeOptions,
): Promise<RevokeResult> {
  const until = options.tombstoneUntil;
  const { durability } = options;
  return confirmed(async (unconfirmed) => {
    const endIt = (sql: Sql): Promise<RevokeResult> => endOne(sql, ref, { end, asked: durability });
    if (until === undefined) return database.run("revoke", endIt, unconfirmed);
    await database.run("revoke", () => database.knowTenant(ref.tenant));
    const locks = [database.lock("id", ref.tenant, ref.id)];
    return database.transaction("revoke", { locks, durability, unconfirmed }, async (sql) => {
      const result = await endIt(sql);
      if (result.outcome !== "absent") return result;
      await entomb(sql, [{ ...ref, until }]);
      await sql.rows(TELL_ENDED, idIn(ref.id), textIn(ref.tenant), endDetail(end));
      return result;
    });
  });
}

/** Claim no more than was confirmed: the server may commit and give up on its standbys. */
async function confirmed<Result extends { readonly durability: Durability }>(
  write: (unconfirmed: () => void) => Promise<Result>,
): Promise<Result> {
  let alone = false;
  const result = await write(() => void (alone = true));
  return alone ? { ...result, durability: "local" } : result;
}

async function endOne(
  sql: Sql,
  ref: SessionRef,
  { end, asked }: { readonly end: SessionEnd; readonly asked: Durability | undefined },
): Promise<RevokeResult> {
  const text = asked === undefined || asked === "local" ? REVOKE : REVOKE_REPLICATED;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const values = [...keyOf(ref), end.at, encodeEnd(end), endDetail(end)];
    const [row] = await sql.rows(text, ...values);
    if (row !== undefined) {
      const record = decodeBeforeEnd(row, ref.tenant);
      const durability = durabilityOf(row[AFTER_SUMMARY], row[AFTER_SUMMARY + 1]);
      return { outcome: "ended", record, end, durability };
    }
    const known = await findSummary(sql, ref);
    if (known === undefined) return { outcome: "absent", durability: "local" };
    const already = { outcome: "already", record: known, durability: "local" } as const;
    if (known.end !== undefined) return { ...already, end: known.end };
    // It was opened between the two statements: once more.
  }
  throw new StoreUnavailableError("revoke: the session changed with every look at it");
}

/** Remember ids as used up. Their tenants must be known, and no id may be named twice. */
export async function entomb(
  sql: Sql,
  refs: readonly (SessionRef & { readonly until: number })[],
): Promise<void> {
  if (refs.length === 0) return;
  await sql.rows(
    ENTOMB,
    refs.map(({ id }) => Buffer.from(idIn(id))),
    refs.map(({ tenant }) => textIn(tenant)),
    refs.map(({ until }) => until),
  );
}

/** Of all that is written of the subject; its tenant is known from here on. */
async function locksOn(
  database: Database,
  operation: string,
  who: { readonly tenant: string; readonly subject: string },
): Promise<readonly bigint[]> {
  await database.run(operation, () => database.knowTenant(who.tenant));
  return [database.lock("subject", who.tenant, who.subject)];
}

export async function revokeSubject(
  database: Database,
  who: { readonly tenant: string; readonly subject: string },
  options: RevokeSubjectOptions,
): Promise<RevokeSubjectResult> {
  const locks = await locksOn(database, "revokeSubject", who);
  const { durability } = options;
  return confirmed((unconfirmed) => {
    const terms = { locks, durability, unconfirmed, settings: JOIN_IN_ORDER };
    return database.transaction("revokeSubject", terms, (sql) => {
      return endSubject(database, sql, who, options);
    });
  });
}

async function endSubject(
  database: Database,
  sql: Sql,
  { tenant, subject }: { readonly tenant: string; readonly subject: string },
  { except, end, above = 0 }: RevokeSubjectOptions,
): Promise<RevokeSubjectResult> {
  const name = [textIn(subject), textIn(tenant)];
  const detail = JSON.stringify(except === undefined ? {} : { except: textIn(except) });
  const [raised] = await sql.rows(RAISE, ...name, detail, above);
  if (raised === undefined) throw database.tenantLost("revokeSubject");
  const [epoch, before] = [Number(raised[0]), Number(raised[1])];
  const rows = await sql.rows(
    END_SUBJECT,
    ...name,
    except === undefined ? null : idIn(except),
    epoch,
    end.at,
    encodeEnd(end),
    endDetail(end),
    before,
  );
  const ended = rows.map((row) => ({ record: decodeBeforeEnd(row, tenant), end }));
  return { epoch, before, ended, durability: durabilityOf(raised[2], raised[3]) };
}

/** Erase a subject. Its name stays nowhere; the raised epoch is kept under a hash of it. */
export async function purgeSubject(
  database: Database,
  who: { readonly tenant: string; readonly subject: string },
  now: number,
): Promise<number> {
  const { tenant, subject } = who;
  const locks = await locksOn(database, "purgeSubject", who);
  const options = { locks, statementTimeoutMs: PURGE_TIMEOUT_MS };
  return database.transaction("purgeSubject", options, async (sql) => {
    const name = [textIn(subject), textIn(tenant)];
    const epoch = (await epochOf(sql, tenant, subject)) + 1;
    await sql.rows(ALL_OF_SUBJECT, ...name);
    await sql.rows(FORGET, ...name);
    await sql.rows(FORGET_EPOCHS, ...name);
    await sql.rows(TELL_ERASED, ...name, JSON.stringify({ epoch }));
    const end = endDetail({ reason: "subject_revoked", at: now });
    const [row] = await sql.rows(ERASE_SUBJECT, ...name, now, end);
    await sql.rows(FORGET_SUBJECT, ...name, epoch);
    return Number(row?.[0]);
  });
}

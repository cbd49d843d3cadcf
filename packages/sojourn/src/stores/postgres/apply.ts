/** Merging what another store saw. Order and repetition do not matter. Invariant I9. */
import { mergeSessions, newsOfMerge } from "../../engine/merge.ts";
import type { SessionRef, StoreDelta, StoredSession } from "../../engine/ports.ts";
import type { SessionRecord } from "../../engine/record.ts";
import { CHANGE } from "../sql/change.ts";
import {
  AFTER_WHOLE,
  COLUMNS,
  decodeStored,
  encodeColumns,
  encodeData,
  keyOf,
  WHOLE,
} from "./codec.ts";
import type { Database, Sql } from "./database.ts";
import { entomb } from "./ends.ts";
import { AT_KEY, epochOf, SUBJECT_EPOCH, TENANT } from "./find.ts";
import { APPEND, endDetail } from "./log.ts";
import { textIn, textInOrNull } from "./text.ts";

/** One transaction holds locks for at most so many deltas. */
const BATCH_MAX = 64;

const ENTOMBED = `EXISTS (SELECT FROM sojourn.tombstone b WHERE b.hash = sojourn.id_hash($1, ${TENANT}))`;
const FIND =
  `SELECT ${WHOLE}, ${SUBJECT_EPOCH}, ${ENTOMBED} ` +
  `FROM (SELECT) one LEFT JOIN sojourn.session s ON ${AT_KEY}`;
/** Every row of the batch, locked in the order of keys before any is written. */
const LOCK_ROWS =
  "SELECT 1 FROM unnest($1::bytea[], $2::text[]) u (id, tenant) " +
  "JOIN sojourn.tenant t ON t.name = u.tenant " +
  "JOIN sojourn.session s ON s.id = u.id AND s.tenant = t.no " +
  "ORDER BY s.id, s.tenant FOR NO KEY UPDATE OF s";
const FIRST_COLUMN = 6;
const PUT =
  "INSERT INTO sojourn.session " +
  `(id, tenant, subject, data, data_version, ${COLUMNS.join(", ")}) ` +
  `VALUES ($1, ${TENANT}, $3, $4, $5, ` +
  `${COLUMNS.map((_, index) => `$${FIRST_COLUMN + index}`).join(", ")}) ` +
  "ON CONFLICT (id, tenant) DO UPDATE SET " +
  ["data", "data_version", "subject", ...COLUMNS]
    .map((column) => `${column} = excluded.${column}`)
    .join(", ");
const ERASE = `DELETE FROM sojourn.session s WHERE ${AT_KEY}`;
const LOG =
  `${APPEND} SELECT t.no, $3::smallint, $1::bytea, $4::text, $5::text ` +
  "FROM sojourn.tenant t WHERE t.name = $2";
const RAISE =
  "WITH raised AS (INSERT INTO sojourn.subject_epoch AS e (tenant, subject, epoch) " +
  "SELECT t.no, $1, $3::integer FROM sojourn.tenant t WHERE t.name = $2 " +
  "ON CONFLICT (tenant, subject) DO UPDATE SET epoch = greatest(e.epoch, excluded.epoch) " +
  "RETURNING e.tenant, e.subject) " +
  `${APPEND} SELECT r.tenant, ${CHANGE.subject}, NULL, r.subject, $4::text FROM raised r`;

export async function applyDeltas(
  database: Database,
  deltas: readonly StoreDelta[],
): Promise<void> {
  for (let from = 0; from < deltas.length; from += BATCH_MAX) {
    await applyBatch(database, deltas.slice(from, from + BATCH_MAX));
  }
}

async function applyBatch(database: Database, deltas: readonly StoreDelta[]): Promise<void> {
  const refs = deltas.flatMap(refOf);
  const subjects = deltas.flatMap(subjectOf);
  const tenants = new Set([...refs, ...subjects].map(({ tenant }) => tenant));
  await database.run("apply", async () => {
    for (const tenant of tenants) await database.knowTenant(tenant);
  });
  // Subjects come before ids in every transaction, so they are taken in two goes.
  const locks = subjects.map(({ tenant, subject }) => database.lock("subject", tenant, subject));
  await database.transaction("apply", { locks }, async (sql) => {
    await lockIds(
      sql,
      refs.map(({ tenant, id }) => database.lock("id", tenant, id)),
    );
    const keys = refs.map(keyOf);
    await sql.rows(
      LOCK_ROWS,
      keys.map(([id]) => Buffer.from(id as Uint8Array)),
      keys.map(([, tenant]) => tenant),
    );
    for (const delta of deltas) await applyDelta(sql, delta);
  });
}

async function lockIds(sql: Sql, locks: readonly bigint[]): Promise<void> {
  const ordered = [...new Set(locks)].toSorted((a, b) => (a < b ? -1 : 1));
  if (ordered.length === 0) return;
  await sql.rows(ordered.map((lock) => `SELECT pg_advisory_xact_lock(${lock})`).join("; "));
}

function refOf(delta: StoreDelta): readonly SessionRef[] {
  if (delta.kind === "session") return [delta.session.record];
  return delta.kind === "tombstone" ? [delta.ref] : [];
}

function subjectOf(delta: StoreDelta): readonly { tenant: string; subject: string }[] {
  if (delta.kind === "epoch") return [delta];
  if (delta.kind === "tombstone") return [];
  const { tenant, subject } = delta.session.record;
  return subject === null ? [] : [{ tenant, subject }];
}

function applyDelta(sql: Sql, delta: StoreDelta): Promise<void> {
  switch (delta.kind) {
    case "session":
      return applySession(sql, delta.session);
    case "tombstone":
      return applyTombstone(sql, delta.ref, delta.until);
    case "epoch":
      return applyEpoch(sql, delta.tenant, delta.subject, delta.epoch);
  }
}

async function applySession(sql: Sql, session: StoredSession): Promise<void> {
  const { record, subjectEpoch } = session;
  if (record.subject !== null) await applyEpoch(sql, record.tenant, record.subject, subjectEpoch);
  const { before, entombed } = await find(sql, record);
  if (entombed) return;
  if (before === undefined) {
    await put(sql, session);
    return note(sql, record, record.end === undefined ? CHANGE.created : CHANGE.ended);
  }
  const merged = mergeSessions(before, session);
  const news = newsOfMerge(before, merged);
  if (news === undefined) return;
  await put(sql, merged);
  if (news.record !== undefined) await note(sql, merged.record, CHANGE[news.record]);
  if (news.keys !== undefined) await noteData(sql, record, news.keys);
}

async function applyTombstone(sql: Sql, ref: SessionRef, until: number): Promise<void> {
  const before = (await find(sql, ref)).before?.record;
  await entomb(sql, ref, Math.max(until, before?.absoluteExpiresAt ?? until));
  if (before === undefined) return;
  if (before.end === undefined) await note(sql, before, CHANGE.ended);
  await sql.rows(ERASE, ...keyOf(ref));
}

async function applyEpoch(sql: Sql, tenant: string, subject: string, epoch: number): Promise<void> {
  if (epoch === 0 || epoch <= (await epochOf(sql, tenant, subject))) return;
  await sql.rows(RAISE, textIn(subject), textIn(tenant), epoch, JSON.stringify({ epoch }));
}

interface Found {
  readonly before: StoredSession | undefined;
  readonly entombed: boolean;
}

async function find(sql: Sql, ref: SessionRef): Promise<Found> {
  const [row = []] = await sql.rows(FIND, ...keyOf(ref));
  const before = typeof row[0] === "string" ? decodeStored(row, ref.tenant) : undefined;
  return { before, entombed: row[AFTER_WHOLE + 1] === "t" };
}

async function put(sql: Sql, session: StoredSession): Promise<void> {
  const { record, data, dataVersion } = session;
  const values = [textInOrNull(record.subject), encodeData(data), dataVersion];
  await sql.rows(PUT, ...keyOf(record), ...values, ...encodeColumns(record));
}

async function note(sql: Sql, record: SessionRecord, what: number): Promise<void> {
  const detail = record.end === undefined ? null : endDetail(record.end);
  await sql.rows(LOG, ...keyOf(record), what, textInOrNull(record.subject), detail);
}

async function noteData(sql: Sql, record: SessionRecord, keys: readonly string[]): Promise<void> {
  const detail = JSON.stringify(keys);
  await sql.rows(LOG, ...keyOf(record), CHANGE.data, textInOrNull(record.subject), detail);
}

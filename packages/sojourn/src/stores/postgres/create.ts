/**
 * Making a session. Alone it is one statement; with others to end it is a transaction under the
 * subject's lock. Every refusal comes before the first change.
 */
import { DataTooLargeError } from "../../engine/errors.ts";
import { chooseEvictions, isLive } from "../../engine/liveness.ts";
import { dataBytes } from "../../engine/merge.ts";
import type { CreateOptions, CreateResult, StoredData } from "../../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../../engine/record.ts";
import { CHANGE } from "../sql/change.ts";
import { AFTER_SUMMARY } from "../sql/summary.ts";
import { COLUMNS, decodeSummary, encodeColumns, encodeData, keyOf, SUMMARY } from "./codec.ts";
import { SETTINGS } from "./database.ts";
import type { Database, Sql } from "./database.ts";
import { endRows } from "./ends.ts";
import { AT_KEY, TENANT } from "./find.ts";
import { APPEND } from "./log.ts";
import { idIn, textIn, textInOrNull } from "./text.ts";

const NO_DATA: StoredData = Object.freeze({});

/** After id and tenant: subject, the two locks, now, the caller's epoch, data; then the columns. */
const FIRST_COLUMN = 10;
const INSERTED = COLUMNS.map((column, index) =>
  column === "epoch" ? "a.epoch" : `$${FIRST_COLUMN + index}`,
).join(", ");

/**
 * $13, the record's own epoch, is what the caller believes: the store's is the one that counts. It
 * is named once, since a statement uses every parameter that it is sent.
 */
const CREATE =
  `WITH ${SETTINGS.durable}, place AS MATERIALIZED (` +
  `SELECT ${TENANT} AS tenant, $12::integer AS believed FROM setting), ` +
  "a AS MATERIALIZED (SELECT p.tenant, x.* FROM place p, " +
  "sojourn.admit(p.tenant, $3::text, $4::bigint, $1::bytea, $5::bigint, $6::bigint) x), " +
  "made AS (INSERT INTO sojourn.session " +
  `(id, tenant, subject, data, data_version, ${COLUMNS.join(", ")}) ` +
  `SELECT $1, a.tenant, $3, $8::jsonb, $9, ${INSERTED} FROM a ` +
  "WHERE a.tenant IS NOT NULL AND NOT a.taken AND a.epoch <= coalesce($7::integer, a.epoch) " +
  "ON CONFLICT DO NOTHING RETURNING id, tenant, subject, epoch), " +
  `logged AS (${APPEND} SELECT m.tenant, ${CHANGE.created}, m.id, m.subject, NULL FROM made m), ` +
  // The name is back, so its epoch moves from the erased name's hash to where reads look.
  "restored AS (INSERT INTO sojourn.subject_epoch (tenant, subject, epoch) " +
  "SELECT m.tenant, m.subject, m.epoch FROM made m, a WHERE a.erased ON CONFLICT DO NOTHING) " +
  "SELECT a.tenant IS NOT NULL, a.taken, a.epoch, EXISTS (SELECT FROM made) FROM a";

const ADMIT =
  "SELECT x.taken, x.epoch FROM sojourn.admit(" +
  `${TENANT}, $3::text, $4::bigint, $1::bytea, $5::bigint, $6::bigint) x`;
const LIVE_OF_SUBJECT =
  `SELECT ${SUMMARY} FROM sojourn.session s ` +
  "WHERE s.tenant = (SELECT t.no FROM sojourn.tenant t WHERE t.name = $1) " +
  "AND s.subject = $2 AND s.ended_at IS NULL";
const LEAVING =
  `SELECT ${SUMMARY}, s.data_version FROM sojourn.session s ` +
  "WHERE s.id = ANY($1::bytea[]) AND s.ended_at IS NULL " +
  "AND s.tenant = (SELECT t.no FROM sojourn.tenant t WHERE t.name = $2) " +
  "ORDER BY s.id FOR NO KEY UPDATE";
const REPLACED = `SELECT ${SUMMARY}, s.data_version FROM sojourn.session s WHERE ${AT_KEY}`;

type Refusal = Exclude<CreateResult, { outcome: "created" }>;

export async function createSession(
  database: Database,
  record: SessionRecord,
  options: CreateOptions,
  maxDataBytes: number,
): Promise<CreateResult> {
  const bytes = dataBytes(options.data ?? NO_DATA);
  if (bytes > maxDataBytes) throw new DataTooLargeError(maxDataBytes, bytes);
  await database.run("create", () => database.knowTenant(record.tenant));
  const limited = options.limits !== undefined && record.subject !== null;
  if (!limited && options.replaces === undefined) {
    return database.run("create", (sql) => insertKnown(database, sql, record, options));
  }
  const locks =
    record.subject === null ? [] : [database.lock("subject", record.tenant, record.subject)];
  return database.transaction("create", { locks }, (sql) =>
    createAmong(database, sql, record, options),
  );
}

/** With others: those that have to go are locked, ended and named in the log before the new one. */
async function createAmong(
  database: Database,
  sql: Sql,
  record: SessionRecord,
  options: CreateOptions,
): Promise<CreateResult> {
  const { now, subjectEpoch } = options;
  const [row = []] = await sql.rows(ADMIT, ...admission(database, record, now));
  const epoch = Number(row[1]);
  if (row[0] === "t") return { outcome: "exists" };
  if (subjectEpoch !== undefined && epoch > subjectEpoch) return { outcome: "stale-epoch", epoch };
  const leaving = await whoLeaves(sql, record, options, epoch);
  if ("outcome" in leaving) return leaving;
  const ended = (sessions: readonly SessionSummary[], reason: "replaced" | "evicted") =>
    sessions.map((before) => ({ record: before, end: { reason, at: now } }));
  const replaced = ended(leaving.replaced, "replaced");
  const evicted = ended(leaving.evicted, "evicted");
  await endRows(sql, [...replaced, ...evicted]);
  const created = await insertKnown(database, sql, record, options);
  if (created.outcome !== "created") {
    // Whoever took the id did not take the subject's lock: undo what was ended for nothing.
    throw Object.assign(new Error("the id was taken meanwhile"), { code: "40001" });
  }
  return { ...created, evicted, ...(replaced[0] && { replaced: replaced[0] }) };
}

interface Leaving {
  readonly replaced: readonly SessionSummary[];
  readonly evicted: readonly SessionSummary[];
}

/** Whom the new session ends, locked and still live; or why there may be no new one. */
async function whoLeaves(
  sql: Sql,
  record: SessionRecord,
  options: CreateOptions,
  epoch: number,
): Promise<Leaving | Refusal> {
  const { now, limits, replaces } = options;
  const { tenant, subject } = record;
  if (replaces !== undefined) {
    const [row] = await sql.rows(REPLACED, ...keyOf(replaces.ref));
    const refusal = replacedVerdict(row, record, options, epoch);
    if (refusal !== undefined) return refusal;
  }
  let evict: readonly SessionSummary[] = [];
  if (limits !== undefined && subject !== null) {
    const rows = await sql.rows(LIVE_OF_SUBJECT, textIn(tenant), textIn(subject));
    const live = rows
      .map((row) => decodeSummary(row, tenant))
      .filter((one) => one.id !== replaces?.ref.id && isLive(one, epoch, now));
    const verdict = chooseEvictions(live, limits);
    if (verdict.outcome === "limit") return verdict;
    ({ evict } = verdict);
  }
  const ids = [...evict.map(({ id }) => id), ...(replaces === undefined ? [] : [replaces.ref.id])];
  if (ids.length === 0) return { replaced: [], evicted: [] };
  const buffers = ids.map((id) => Buffer.from(idIn(id)));
  const rows = await sql.rows(LEAVING, buffers, textIn(tenant));
  const locked = new Map(rows.map((row) => [decodeSummary(row, tenant).id, row]));
  const still = (id: string): readonly SessionSummary[] => {
    const row = locked.get(id);
    return row === undefined ? [] : [decodeSummary(row, tenant)];
  };
  const evicted = evict.flatMap(({ id }) => still(id));
  if (replaces === undefined) return { replaced: [], evicted };
  const refusal = replacedVerdict(locked.get(replaces.ref.id), record, options, epoch);
  return refusal ?? { replaced: still(replaces.ref.id), evicted };
}

/** @param row {@link REPLACED} of the session that is to be replaced. */
function replacedVerdict(
  row: readonly (string | null | undefined)[] | undefined,
  record: SessionRecord,
  { replaces, now }: CreateOptions,
  epoch: number,
): Refusal | undefined {
  if (row === undefined || replaces === undefined) return { outcome: "gone" };
  const before = decodeSummary(row, replaces.ref.tenant);
  if (!isLive(before, epoch, now)) return { outcome: "gone" };
  // Another subject's session is none that this one could replace.
  if (before.tenant !== record.tenant || before.subject !== record.subject) {
    return { outcome: "gone" };
  }
  const same = Number(row[AFTER_SUMMARY]) === replaces.dataVersion;
  return same ? undefined : { outcome: "conflict" };
}

/** The insert itself, under locks that it takes: the id's, and shared with others the subject's. */
async function insertKnown(
  database: Database,
  sql: Sql,
  record: SessionRecord,
  options: CreateOptions,
): Promise<CreateResult> {
  const { now, data = NO_DATA, subjectEpoch } = options;
  const values = [
    ...admission(database, record, now),
    subjectEpoch ?? null,
    encodeData(data),
    Math.min(Object.keys(data).length, 1),
    ...encodeColumns(record),
  ];
  const [row = []] = await sql.rows(CREATE, ...values);
  const [known, taken, found, made] = row;
  if (known !== "t") throw database.tenantLost("create");
  const epoch = Number(found);
  if (made === "t") {
    const stored = record.epoch === epoch ? record : { ...record, epoch };
    return { outcome: "created", record: stored, evicted: [], durability: "local" };
  }
  const stale = taken !== "t" && subjectEpoch !== undefined && epoch > subjectEpoch;
  return stale ? { outcome: "stale-epoch", epoch } : { outcome: "exists" };
}

/** The first six parameters of {@link ADMIT} and {@link CREATE}. */
function admission(database: Database, record: SessionRecord, now: number): unknown[] {
  const { tenant, subject, id } = record;
  return [
    ...keyOf(record),
    textInOrNull(subject),
    subject === null ? null : String(database.lock("subject", tenant, subject)),
    String(database.lock("id", tenant, id)),
    now,
  ];
}

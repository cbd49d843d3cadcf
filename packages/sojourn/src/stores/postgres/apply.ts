/**
 * Merging what another store saw: a batch is read under its locks, merged in memory and written
 * with a statement per table. Order and repetition do not matter. Invariant I9.
 */
import type { StoreDelta, StoredSession } from "../../engine/ports.ts";
import { Batch } from "./batch.ts";
import type { LogEntry, Who } from "./batch.ts";
import { COLUMNS, decodeStored, encodeColumns, encodeData, keyOf, keysOf, WHOLE } from "./codec.ts";
import type { Database, Sql } from "./database.ts";
import { entomb } from "./ends.ts";
import { SUBJECT_EPOCH } from "./find.ts";
import { APPEND } from "./log.ts";
import { idIn, textIn, textInOrNull } from "./text.ts";

/** One transaction holds locks for at most so many deltas. */
const BATCH_MAX = 128;

const AMONG =
  "FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY u (id, tenant, n) " +
  "JOIN sojourn.tenant t ON t.name = u.tenant ";
/** Locked in the order of keys before any is written. */
const ROWS =
  `SELECT ${WHOLE}, ${SUBJECT_EPOCH}, u.n ${AMONG}` +
  "JOIN sojourn.session s ON s.id = u.id AND s.tenant = t.no " +
  "ORDER BY s.id, s.tenant FOR NO KEY UPDATE OF s";
const ENTOMBED = `SELECT u.n ${AMONG}JOIN sojourn.tombstone b ON b.hash = sojourn.id_hash(u.id, t.no)`;
/** The epoch of an erased subject is known under a hash of its name. */
const EPOCHS =
  "SELECT u.n, coalesce((SELECT e.epoch FROM sojourn.subject_epoch e " +
  "WHERE e.tenant = t.no AND e.subject = u.subject), (SELECT x.epoch " +
  "FROM sojourn.erased_subject x WHERE x.hash = sojourn.subject_hash(u.subject, t.no)), 0) " +
  "FROM unnest($1::text[], $2::text[]) WITH ORDINALITY u (subject, tenant, n) " +
  "JOIN sojourn.tenant t ON t.name = u.tenant";
const RAISE =
  "INSERT INTO sojourn.subject_epoch AS e (tenant, subject, epoch) " +
  "SELECT t.no, u.subject, u.epoch FROM unnest($1::text[], $2::text[], $3::integer[]) " +
  "u (subject, tenant, epoch) JOIN sojourn.tenant t ON t.name = u.tenant " +
  "ON CONFLICT (tenant, subject) DO UPDATE SET epoch = greatest(e.epoch, excluded.epoch)";
const ERASE =
  "DELETE FROM sojourn.session s USING unnest($1::bytea[], $2::text[]) u (id, tenant), " +
  "sojourn.tenant t WHERE t.name = u.tenant AND s.id = u.id AND s.tenant = t.no";
const LOG =
  `${APPEND} SELECT t.no, u.what, u.id, u.subject, u.detail FROM unnest($1::bytea[], $2::text[], ` +
  "$3::smallint[], $4::text[], $5::text[]) WITH ORDINALITY u (id, tenant, what, subject, detail, " +
  "n) JOIN sojourn.tenant t ON t.name = u.tenant ORDER BY u.n";

/** What {@link encodeColumns} gives, as the types of arrays. */
const TYPES: Readonly<Record<string, string>> = {
  created_at: "bigint",
  seen_at: "bigint",
  idle_ms: "bigint",
  life_ms: "bigint",
  sent_at: "bigint",
  ended_at: "bigint",
  ending: "text",
  device: "text",
  cold: "text",
  turn: "bytea",
};
const PUT_COLUMNS = ["subject", "data", "data_version", ...COLUMNS];
const PUT =
  `INSERT INTO sojourn.session (id, tenant, ${PUT_COLUMNS.join(", ")}) ` +
  `SELECT u.id, t.no, ${PUT_COLUMNS.map((column) => `u.${column}`).join(", ")} ` +
  "FROM unnest($1::bytea[], $2::text[], $3::text[], $4::jsonb[], $5::integer[], " +
  `${COLUMNS.map((column, index) => `$${index + 6}::${TYPES[column] ?? "integer"}[]`).join(", ")}) ` +
  `u (id, tenant, ${PUT_COLUMNS.join(", ")}) JOIN sojourn.tenant t ON t.name = u.tenant ` +
  "ON CONFLICT (id, tenant) DO UPDATE SET " +
  PUT_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ");

export async function applyDeltas(
  database: Database,
  deltas: readonly StoreDelta[],
): Promise<void> {
  for (let from = 0; from < deltas.length; from += BATCH_MAX) {
    await applyBatch(database, deltas.slice(from, from + BATCH_MAX));
  }
}

async function applyBatch(database: Database, deltas: readonly StoreDelta[]): Promise<void> {
  const { places, epochs } = new Batch(deltas);
  const tenants = new Set([...places, ...epochs].map(({ tenant }) => tenant));
  await database.run("apply", async () => {
    for (const tenant of tenants) await database.knowTenant(tenant);
  });
  // Subjects come before ids in every transaction, so they are taken in two goes.
  const locks = epochs.map(({ tenant, subject }) => database.lock("subject", tenant, subject));
  const ids = places.map(({ tenant, id }) => database.lock("id", tenant, id));
  await database.transaction("apply", { locks }, async (sql) => {
    // A transaction that is tried again begins with nothing read.
    const batch = new Batch(deltas);
    await lockIds(sql, ids);
    await read(sql, batch);
    const log = batch.merge();
    await write(sql, batch);
    await tell(sql, log);
  });
}

async function lockIds(sql: Sql, locks: readonly bigint[]): Promise<void> {
  const ordered = [...new Set(locks)].toSorted((a, b) => (a < b ? -1 : 1));
  if (ordered.length === 0) return;
  await sql.rows(ordered.map((lock) => `SELECT pg_advisory_xact_lock(${lock})`).join("; "));
}

/** Everything the deltas meet, under the locks of the transaction. */
async function read(sql: Sql, { places, epochs }: Batch): Promise<void> {
  const keys = keysOf(places);
  for (const row of await sql.rows(ROWS, ...keys)) {
    const place = places[Number(row.at(-1)) - 1];
    if (place !== undefined) place.stored = decodeStored(row, place.tenant);
  }
  for (const [n] of await sql.rows(ENTOMBED, ...keys)) {
    const place = places[Number(n) - 1];
    if (place !== undefined) place.entombed = true;
  }
  if (epochs.length === 0) return;
  for (const [n, epoch] of await sql.rows(EPOCHS, ...namesOf(epochs))) {
    const found = epochs[Number(n) - 1];
    if (found !== undefined) found.epoch = Number(epoch);
  }
}

async function write(sql: Sql, { places, epochs }: Batch): Promise<void> {
  const raised = epochs.filter((one) => one.raised);
  if (raised.length > 0) {
    await sql.rows(
      RAISE,
      ...namesOf(raised),
      raised.map(({ epoch }) => epoch),
    );
  }
  const erased = places.filter((place) => place.write === "erase");
  if (erased.length > 0) await sql.rows(ERASE, ...keysOf(erased));
  const put = places.flatMap((place) => (place.write === "put" ? (place.stored ?? []) : []));
  if (put.length > 0) await sql.rows(PUT, ...columnsOf(put));
  await entomb(
    sql,
    places.flatMap(({ tenant, id, until }) => (until === undefined ? [] : { tenant, id, until })),
  );
}

async function tell(sql: Sql, log: readonly LogEntry[]): Promise<void> {
  if (log.length === 0) return;
  await sql.rows(
    LOG,
    log.map(({ id }) => (id === null ? null : Buffer.from(idIn(id)))),
    log.map(({ tenant }) => textIn(tenant)),
    log.map(({ what }) => what),
    log.map(({ subject }) => textInOrNull(subject)),
    log.map(({ detail }) => detail),
  );
}

function namesOf(subjects: readonly Who[]): unknown[] {
  const names = subjects.map(({ subject }) => textIn(subject));
  return [names, subjects.map(({ tenant }) => textIn(tenant))];
}

/** The parameters of {@link PUT}: an array for each column. */
function columnsOf(sessions: readonly StoredSession[]): unknown[] {
  const rows = sessions.map(({ record, data, dataVersion }) =>
    [
      ...keyOf(record),
      textInOrNull(record.subject),
      encodeData(data),
      dataVersion,
      ...encodeColumns(record),
    ].map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
  );
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}

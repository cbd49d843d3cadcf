/**
 * Migrations, run at first use by whoever comes first; others wait
 * for the lock and find them done. A newer layout is refused, somebody else's schema is refused.
 */
import { ConfigError } from "../../engine/errors.ts";
import { StoreSchemaError } from "../schema-error.ts";
import type { Sql } from "./database.ts";
import { MIGRATIONS } from "./layout.ts";

const SCHEMA_VERSION: number = MIGRATIONS.length;

/** What runs inside one transaction that holds the lock of migrations. */
type Transact = <Result>(work: (sql: Sql) => Promise<Result>) => Promise<Result>;

/**
 * @throws {ConfigError} when the server is too old, or the schema holds what is not ours.
 * @throws {StoreSchemaError} when a newer release wrote it.
 */
export async function migrate(alone: Sql, schema: string, transact: Transact): Promise<void> {
  await requireServer(alone);
  if ((await versionOf(alone, schema)) === SCHEMA_VERSION) return;
  await transact(async (sql) => {
    const found = await versionOf(sql, schema);
    if (found === 0) await makeSchema(sql, schema);
    for (const steps of MIGRATIONS.slice(found)) {
      for (const step of steps) await sql.rows(step);
    }
    if (found < SCHEMA_VERSION) await sql.rows(SET_VERSION, String(SCHEMA_VERSION));
  });
}

const SERVER_VERSION_MIN = 150_000;

/** @throws {ConfigError} */
async function requireServer(sql: Sql): Promise<void> {
  const [row = []] = await sql.rows(
    "SELECT current_setting('server_version_num'), current_setting('server_encoding'), " +
      "pg_is_in_recovery(), current_setting('transaction_read_only')",
  );
  const problems = [];
  if (Number(row[0]) < SERVER_VERSION_MIN) {
    problems.push("the server is older than PostgreSQL 15; upgrade it");
  }
  if (row[1] !== "UTF8") {
    problems.push(`the database is encoded in ${row[1]}; make one with ENCODING 'UTF8'`);
  }
  if (row[2] === "t") {
    problems.push("the server is a standby; connect to the primary (target_session_attrs)");
  } else if (row[3] === "on") {
    problems.push("the connection only reads; set default_transaction_read_only to off");
  }
  if (problems.length === 0) return;
  throw new ConfigError(problems.map((message) => ({ path: "store.pool", message })));
}

const SET_VERSION =
  "INSERT INTO sojourn.meta (key, value) VALUES ('schema', $1) " +
  "ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/** 0 when there is nothing yet. Reads the catalogue first: a missing table is an error. */
async function versionOf(sql: Sql, schema: string): Promise<number> {
  const [counts] = await sql.rows(OBJECTS, schema);
  const [objects, ours] = counts ?? [];
  if (ours === "1") {
    const [row] = await sql.rows("SELECT value FROM sojourn.meta WHERE key = 'schema'");
    const found = Number(row?.[0] ?? 0);
    if (found > SCHEMA_VERSION) throw new StoreSchemaError(found, SCHEMA_VERSION);
    if (found > 0) return found;
  }
  if (objects === "0") return 0;
  const message = `the schema "${schema}" holds tables of another application; choose another name`;
  throw new ConfigError([{ path: "store.schema", message }]);
}

const OBJECTS =
  "SELECT count(*), count(*) FILTER (WHERE c.relname = 'meta' AND obj_description(c.oid, " +
  "'pg_class') = 'sojourn') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1";

/** Making a schema needs a right that using one does not. */
async function makeSchema(sql: Sql, schema: string): Promise<void> {
  const [found] = await sql.rows("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema);
  if (found === undefined) await sql.rows(`CREATE SCHEMA "${schema}"`);
}

/**
 * The file's layout. Written once per file; a newer layout is refused, a foreign file is refused,
 * an older one would be migrated here, step by step, inside the one transaction that notices it.
 */
import { ConfigError } from "../../engine/errors.ts";
import type { Driver } from "./driver.ts";
import { StoreSchemaError } from "../schema-error.ts";

/** "SJRN": tells our files from any other SQLite database. */
const APPLICATION_ID = 0x534a524e;
const SCHEMA_VERSION = 1;

/**
 * `session.state` keeps the last state before the end; `ended_at` says whether there is one.
 * Instants are milliseconds; `seen_at` and `sent_at` are whole instants, so that a touch never
 * changes the size of a row, everything else is a span from `created_at`. `due` is a lower bound
 * of the deadline in seconds, moved only when the sweep meets it: an index on the deadline itself
 * would be rewritten by every touch. Ended rows leave the indexes of live ones. `turn`, `cold` and
 * `data` are positional JSON, absent when all is default.
 */
const TABLES: readonly string[] = [
  `CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID`,
  `CREATE TABLE tenant (no INTEGER NOT NULL PRIMARY KEY, name ANY NOT NULL UNIQUE) STRICT`,
  `CREATE TABLE session (
    id ANY NOT NULL, tenant INTEGER NOT NULL, subject ANY,
    version INTEGER NOT NULL, state INTEGER NOT NULL, epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    idle_ms INTEGER NOT NULL, idle_lock INTEGER NOT NULL, life_ms INTEGER NOT NULL,
    lock_factors INTEGER, ended_at INTEGER, ending TEXT, device ANY,
    due INTEGER NOT NULL,
    generation INTEGER NOT NULL, verifier ANY NOT NULL, confirmed INTEGER NOT NULL,
    issued INTEGER NOT NULL, fingerprint ANY, pending INTEGER, sent_at INTEGER,
    turn TEXT, cold TEXT, data_version INTEGER NOT NULL, data TEXT,
    PRIMARY KEY (id, tenant)
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX session_subject_live ON session (tenant, subject, created_at)
    WHERE ended_at IS NULL AND subject IS NOT NULL`,
  `CREATE INDEX session_subject_ended ON session (tenant, subject, created_at)
    WHERE ended_at IS NOT NULL AND subject IS NOT NULL`,
  `CREATE INDEX session_tenant_live ON session (tenant, created_at) WHERE ended_at IS NULL`,
  `CREATE INDEX session_tenant_ended ON session (tenant, created_at) WHERE ended_at IS NOT NULL`,
  `CREATE INDEX session_device ON session (tenant, device, created_at) WHERE device IS NOT NULL`,
  `CREATE INDEX session_due ON session (due) WHERE ended_at IS NULL`,
  `CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL`,
  // Only subjects that were ever revoked as a whole: the others have epoch 0.
  `CREATE TABLE subject_epoch (
    tenant INTEGER NOT NULL, subject ANY NOT NULL, epoch INTEGER NOT NULL,
    PRIMARY KEY (tenant, subject)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE erased_subject (hash BLOB NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL)
    STRICT, WITHOUT ROWID`,
  `CREATE TABLE tombstone (hash BLOB NOT NULL PRIMARY KEY, until INTEGER NOT NULL)
    STRICT, WITHOUT ROWID`,
  `CREATE INDEX tombstone_until ON tombstone (until)`,
  `CREATE TABLE change (
    seq INTEGER NOT NULL PRIMARY KEY, what INTEGER NOT NULL, tenant INTEGER NOT NULL,
    id ANY, subject ANY, detail TEXT
  ) STRICT`,
  `CREATE INDEX change_erased ON change (seq) WHERE what = 6`,
  `INSERT INTO meta (key, value) VALUES
    ('incarnation', lower(hex(randomblob(8)))), ('salt', randomblob(16)), ('log_floor', 0)`,
];

/**
 * Judge the file without changing it. @returns true when it already has our schema.
 *
 * @throws {ConfigError} when the file belongs to another application.
 * @throws {StoreSchemaError} when a newer release wrote it.
 */
export function inspectSchema(driver: Driver): boolean {
  const applicationId = pragma(driver, "application_id");
  const version = pragma(driver, "user_version");
  if (applicationId === APPLICATION_ID) {
    if (version > SCHEMA_VERSION) throw new StoreSchemaError(version, SCHEMA_VERSION);
    return version === SCHEMA_VERSION;
  }
  const objects = Number(driver.prepare("SELECT count(*) FROM sqlite_schema").get()?.[0] ?? 0);
  if (applicationId === 0 && version === 0 && objects === 0) return false;
  const message =
    "the file is an SQLite database of another application; give sessions a file of their own";
  throw new ConfigError([{ path: "store.path", message }]);
}

/** Write the schema unless another process has meanwhile. Runs inside an immediate transaction. */
export function writeSchema(driver: Driver): void {
  if (inspectSchema(driver)) return;
  for (const statement of TABLES) driver.exec(statement);
  driver.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  driver.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

function pragma(driver: Driver, name: string): number {
  return Number(driver.prepare(`PRAGMA ${name}`).get()?.[0] ?? 0);
}

/**
 * The file of the control store: opened, brought to its schema, and its trouble named. Statements
 * here take their values by plain `?`: Node 22.13 takes `?1` for a name.
 */
import { chmodSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { SojournError, StoreUnavailableError } from "sojourn";

/** A caller waits this long for another process's write; the event loop waits with it. */
const BUSY_MS = 250;
const SCHEMA_VERSION = 1;
const OWNER_ONLY = 0o600;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS service_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  tenant TEXT NOT NULL,
  scopes TEXT NOT NULL,
  verifier TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS service_key_name ON service_key (name) WHERE revoked_at IS NULL;
CREATE TABLE IF NOT EXISTS reply (
  slot BLOB PRIMARY KEY,
  created_at INTEGER NOT NULL,
  sealed BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reply_age ON reply (created_at);
`;

/**
 * Open or make the file; several processes may hold it.
 *
 * @param path A file, or `:memory:`.
 * @throws {SojournError} `ERR_STORE_SCHEMA` for a file of a newer version, else as {@link guard}.
 */
export function openControlDatabase(path: string): DatabaseSync {
  return guard("open", () => {
    const { DatabaseSync } = loadSqlite();
    const database = new DatabaseSync(path);
    try {
      // Not the option `timeout`, which Node 22.13 ignores without a word.
      database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
      if (path !== ":memory:") chmodSync(path, OWNER_ONLY);
      migrate(database, path);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function migrate(database: DatabaseSync, path: string): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (version === SCHEMA_VERSION) return;
  if (typeof version === "number" && version > SCHEMA_VERSION) {
    throw new SojournError(
      "ERR_STORE_SCHEMA",
      `${path} has schema ${version}; this version knows ${SCHEMA_VERSION}: upgrade sojourn-server`,
    );
  }
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

/**
 * Run one call. Trouble of the engine is `unavailable`, so that it answers 503 and never 401.
 * Invariant I7.
 */
export function guard<Result>(operation: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    if (error instanceof SojournError) throw error;
    throw new StoreUnavailableError(`control ${operation}`, { cause: error });
  }
}

/** Node prints an ExperimentalWarning for this module, about which an operator can do nothing. */
function loadSqlite(): { readonly DatabaseSync: typeof DatabaseSync } {
  const emitWarning = Reflect.get(process, "emitWarning") as (...call: unknown[]) => void;
  process.emitWarning = (...call: unknown[]): void => {
    const text = call[0] instanceof Error ? call[0].message : String(call[0]);
    if (!text.startsWith("SQLite is an experimental")) Reflect.apply(emitWarning, process, call);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

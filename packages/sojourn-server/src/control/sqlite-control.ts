/**
 * The control store in a file: opened, brought to its schema, and its trouble named. Statements
 * here take their values by plain `?`: Node 22.13 takes `?1` for a name.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { checkWrites, controlFault, newerSchema } from "./control-sql.ts";
import type { ControlSql, SqlOutcome, SqlValue, Statement } from "./control-sql.ts";
import { auditIndexes, auditTables } from "./audit-tables.ts";
import { serviceIndexes, serviceTables } from "./service-tables.ts";
import { loadSqlite } from "./sqlite-module.ts";

const TABLES = [
  ...auditTables("INTEGER", "TEXT"),
  ...serviceTables({ int: "INTEGER", text: "TEXT", bytes: "BLOB" }),
];
const INDEXES = [...auditIndexes(""), ...serviceIndexes("")];

/** A caller waits this long for another process's write; the event loop waits with it. */
const BUSY_MS = 250;
const SCHEMA_VERSION = 5;
const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

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
CREATE TABLE IF NOT EXISTS proof (
  slot TEXT PRIMARY KEY,
  until_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS proof_end ON proof (until_at);
${TABLES.map((table) => `CREATE TABLE IF NOT EXISTS ${table} STRICT, WITHOUT ROWID;`).join("")}
${INDEXES.map((index) => `CREATE INDEX IF NOT EXISTS ${index};`).join("")}
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

export class SqliteControl implements ControlSql {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Open or make the file; several processes may hold it.
   *
   * @param path A file, or `:memory:`.
   * @throws {SojournError} `ERR_STORE_SCHEMA` for a file of a newer version.
   * @throws {StoreUnavailableError} when it cannot be used.
   */
  constructor(path: string) {
    try {
      this.#database = openDatabase(path);
    } catch (error) {
      throw controlFault(error, "open");
    }
  }

  run(operation: string, text: string, ...values: readonly SqlValue[]): Promise<SqlOutcome> {
    return this.#guard(operation, () => this.#run({ text, values }));
  }

  all(operation: string, statements: readonly Statement[]): Promise<void> {
    // In one turn of the event loop: no other call's statement comes between.
    return this.#guard(operation, () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        for (const statement of statements) checkWrites(statement, this.#run(statement));
        this.#database.exec("COMMIT");
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#guard("close", () => this.#database.close());
  }

  #run({ text, values }: Statement): SqlOutcome {
    const known = this.#statements.get(text);
    const statement = known ?? this.#database.prepare(text.replaceAll("control.", ""));
    if (known === undefined) this.#statements.set(text, statement);
    if (text.startsWith("SELECT")) return { rows: statement.all(...values), changes: 0 };
    return { rows: [], changes: Number(statement.run(...values).changes) };
  }

  async #guard<Result>(operation: string, call: () => Result): Promise<Result> {
    try {
      return call();
    } catch (error) {
      throw controlFault(error, operation);
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
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
}

function migrate(database: DatabaseSync, path: string): void {
  // What was erased is not left lying in the file.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (version === SCHEMA_VERSION) return;
  if (typeof version === "number" && version > SCHEMA_VERSION) {
    throw newerSchema(path, version, SCHEMA_VERSION);
  }
  database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
}

/**
 * The narrow seam over SQLite drivers: `node:sqlite` and better-sqlite3, both synchronous. Rows
 * are arrays in the order of the columns; integers are numbers, blobs are `Uint8Array`.
 *
 * better-sqlite3 13 is built for N-API 10, which Node has from 22.14 on: where it is older,
 * constructing a `Database` ends the whole process. `node:sqlite` carries the store there.
 */
import { ConfigError } from "../../engine/errors.ts";
import { resultCode } from "./faults.ts";
import { isRecord } from "./shape.ts";

export type SqlValue = null | number | string | Uint8Array;
export type SqlRow = readonly SqlValue[];

export interface Statement {
  get(...values: readonly SqlValue[]): SqlRow | undefined;
  all(...values: readonly SqlValue[]): readonly SqlRow[];
  /** @returns how many rows were changed. */
  run(...values: readonly SqlValue[]): number;
}

export interface Driver {
  readonly name: "node:sqlite" | "better-sqlite3";
  exec(sql: string): void;
  prepare(sql: string): Statement;
  /** True while somebody else's transaction is open on this connection. */
  inTransaction(): boolean;
  close(): void;
}

/** What both drivers' database objects have; the rest is told apart by {@link adoptDriver}. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): unknown;
  close(): unknown;
}

interface NodeStatement {
  get(...values: readonly SqlValue[]): unknown;
  all(...values: readonly SqlValue[]): unknown[];
  run(...values: readonly SqlValue[]): { readonly changes: number | bigint };
  setReadBigInts(enabled: boolean): void;
  setReturnArrays?(enabled: boolean): void;
}

interface BetterStatement {
  readonly reader: boolean;
  get(...values: readonly SqlValue[]): unknown;
  all(...values: readonly SqlValue[]): unknown[];
  run(...values: readonly SqlValue[]): { readonly changes: number };
  raw(enabled: boolean): unknown;
  safeIntegers(enabled: boolean): unknown;
}

/** The oldest Node whose built-in SQLite needs no flag. */
const NODE_FLOOR: readonly [number, number] = [22, 13];
/** What better-sqlite3 13 is built for; Node has it from 22.14 on. */
const BETTER_NAPI = 10;
/** What `BEGIN` inside of a transaction answers. */
const SQLITE_ERROR = 1;

/** As `process.versions` has it. */
type Versions = Readonly<Record<string, string | undefined>>;

/**
 * Refuse a runtime that cannot carry the store before a driver is touched.
 *
 * @throws {ConfigError} naming the version that is needed.
 */
export function requireRuntime(versions: Versions): void {
  if (isOtherRuntime(versions)) return;
  const [major = 0, minor = 0] = (versions["node"] ?? "0.0").split(".").map(Number);
  const [floorMajor, floorMinor] = NODE_FLOOR;
  if (major > floorMajor || (major === floorMajor && minor >= floorMinor)) return;
  const message = `SqliteStore needs Node ${NODE_FLOOR.join(".")} or newer; this is ${major}.${minor}`;
  throw new ConfigError([{ path: "store", message }]);
}

/** Bun and Deno say a Node version and an N-API version too, which mean less there. */
function isOtherRuntime(versions: Versions): boolean {
  return versions["bun"] !== undefined || versions["deno"] !== undefined;
}

/**
 * Mostly for the reader: better-sqlite3 13 itself is more likely to end the process before this.
 *
 * @throws {ConfigError} for a Node that better-sqlite3 13 cannot run on.
 */
function requireBetter(versions: Versions): void {
  if (isOtherRuntime(versions) || Number(versions["napi"] ?? 0) >= BETTER_NAPI) return;
  const message =
    `better-sqlite3 13 needs N-API ${BETTER_NAPI}, which Node has from 22.14 on; ` +
    `this is Node ${versions["node"]}: upgrade it, or pass { path } to use node:sqlite`;
  throw new ConfigError([{ path: "store.database", message }]);
}

/**
 * Wrap a database object that the application opened.
 *
 * @throws {ConfigError} for anything else, and for better-sqlite3 where Node is too old for it.
 */
export function adoptDriver(
  database: SqliteDatabase,
  versions: Versions = process.versions,
): Driver {
  const shape: unknown = database;
  const usable =
    isRecord(shape) &&
    typeof shape["prepare"] === "function" &&
    typeof shape["exec"] === "function";
  if (usable && typeof shape["pragma"] === "function") {
    requireBetter(versions);
    return betterDriver(database);
  }
  // `location` came with Node 22.16; `open` is a method of node:sqlite alone.
  if (usable && ["location", "open"].some((name) => typeof shape[name] === "function")) {
    return nodeDriver(database);
  }
  const message =
    "expected a Database of better-sqlite3 13 or a DatabaseSync of node:sqlite; " +
    "pass { path } to let the store open the file itself";
  throw new ConfigError([{ path: "store.database", message }]);
}

/** Open a file with the driver that Node brings along. */
export function openNodeDriver(path: string, load: LoadBuiltin = loadNodeSqlite): Driver {
  const sqlite = load();
  if (sqlite === undefined) {
    const message =
      "this runtime has no node:sqlite; pass { database } with an open better-sqlite3 Database";
    throw new ConfigError([{ path: "store.path", message }]);
  }
  return nodeDriver(new sqlite.DatabaseSync(path));
}

export type LoadBuiltin = () => NodeSqlite | undefined;

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

/**
 * Load `node:sqlite` on first use, so that an application that never makes this store never loads
 * it. Node 22 and early 24 print an ExperimentalWarning then, which the application's operator
 * can do nothing about: that one line is left out, every other warning passes.
 */
function loadNodeSqlite(): NodeSqlite | undefined {
  if (typeof process.getBuiltinModule !== "function") return undefined;
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  process.emitWarning = (...call: unknown[]): void => {
    const text = call[0] instanceof Error ? call[0].message : String(call[0]);
    if (text.startsWith("SQLite is an experimental feature")) return;
    if (typeof emitWarning === "function") Reflect.apply(emitWarning, process, call);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    Reflect.set(process, "emitWarning", emitWarning);
  }
}

function nodeDriver(database: SqliteDatabase): Driver {
  const numbered = bindsNumbered(database);
  return {
    name: "node:sqlite",
    exec: (sql) => void database.exec(sql),
    prepare: (sql) => {
      if (numbered) return nodeStatement(database.prepare(sql) as NodeStatement);
      const { text, order } = anonymous(sql);
      return reordered(nodeStatement(database.prepare(text) as NodeStatement), order);
    },
    inTransaction: transactionProbe(database),
    close: () => void database.close(),
  };
}

/**
 * Node 22.16 brought `isTransaction`, together with `location`. Before, a `BEGIN` finds out, which
 * takes no lock: who does not know of the application's transaction would roll it back.
 */
function transactionProbe(database: SqliteDatabase): () => boolean {
  const state = database as SqliteDatabase & { readonly isTransaction?: boolean };
  if ("isTransaction" in state || "location" in state) return () => state.isTransaction === true;
  let begin: NodeStatement | undefined;
  let commit: NodeStatement | undefined;
  return () => {
    begin ??= database.prepare("BEGIN") as NodeStatement;
    commit ??= database.prepare("COMMIT") as NodeStatement;
    try {
      begin.run();
    } catch (error) {
      if (resultCode(error) === SQLITE_ERROR) return true;
      throw error;
    }
    commit.run();
    return false;
  };
}

function nodeStatement(statement: NodeStatement): Statement {
  statement.setReadBigInts(false);
  const run = (...values: readonly SqlValue[]): number => Number(statement.run(...values).changes);
  if (statement.setReturnArrays !== undefined) {
    statement.setReturnArrays(true);
    return {
      get: (...values) => statement.get(...values) as SqlRow | undefined,
      all: (...values) => statement.all(...values) as SqlRow[],
      run,
    };
  }
  // Node 22 before 22.16 has objects only; our columns all have names of their own.
  return {
    get: (...values) => {
      const row = statement.get(...values);
      return isRecord(row) ? (Object.values(row) as SqlRow) : undefined;
    },
    all: (...values) =>
      statement.all(...values).map((row) => Object.values(row as object) as SqlRow),
    run,
  };
}

function betterDriver(database: SqliteDatabase): Driver {
  const state = database as SqliteDatabase & { readonly inTransaction?: boolean };
  return {
    name: "better-sqlite3",
    exec: (sql) => void database.exec(sql),
    prepare: (sql) => {
      const { text, order } = anonymous(sql);
      return reordered(betterStatement(database.prepare(text) as BetterStatement), order);
    },
    inTransaction: () => state.inTransaction === true,
    close: () => void database.close(),
  };
}

/** better-sqlite3 and Node 22 take `?1` for a name; so each occurrence becomes a `?` of its own. */
function anonymous(sql: string): { text: string; order: readonly number[] } {
  const order: number[] = [];
  const text = sql.replaceAll(/\?(\d+)/g, (_whole, digits: string) => {
    order.push(Number(digits) - 1);
    return "?";
  });
  return { text, order };
}

/** A statement of {@link anonymous} placeholders that takes its values by number. */
function reordered(statement: Statement, order: readonly number[]): Statement {
  if (order.length === 0) return statement;
  const placed = (values: readonly SqlValue[]): SqlValue[] =>
    order.map((index) => values[index] ?? null);
  return {
    get: (...values) => statement.get(...placed(values)),
    all: (...values) => statement.all(...placed(values)),
    run: (...values) => statement.run(...placed(values)),
  };
}

/** Whether `?1` is bound by position, as newer versions of Node do. */
function bindsNumbered(database: SqliteDatabase): boolean {
  try {
    return (database.prepare("SELECT ?1") as NodeStatement).get(1) !== undefined;
  } catch {
    return false;
  }
}

function betterStatement(statement: BetterStatement): Statement {
  if (statement.reader) {
    statement.raw(true);
    statement.safeIntegers(false);
  }
  return {
    get: (...values) => statement.get(...values) as SqlRow | undefined,
    all: (...values) => statement.all(...values) as SqlRow[],
    run: (...values) => statement.run(...values).changes,
  };
}

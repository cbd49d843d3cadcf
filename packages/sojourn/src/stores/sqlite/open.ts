/**
 * Opening a database: what it must be, how it is set up, and whether its past may have changed.
 * Another process may be doing the same, so every step that meets its lock is tried again.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { dirname } from "node:path";
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import { Connection } from "./connection.ts";
import { adoptDriver, openNodeDriver } from "./driver.ts";
import type { Driver, SqliteDatabase } from "./driver.ts";
import { isBusy, isReadOnly, storeFault } from "./faults.ts";
import { inspectSchema, writeSchema } from "./schema.ts";

export type Place = { readonly path: string } | { readonly database: SqliteDatabase };

/** SQLite itself waits no longer: its waiting blocks the event loop. */
const BUSY_STEP_MS = 5;
const RETRY_MIN_MS = 5;
const RETRY_SPREAD_MS = 30;

/**
 * 16 MB of page cache; a log of up to 4000 pages (16 MB) before it is written back, cut to 64 MB
 * after a long reader let it grow. `fullfsync` makes a sync reach the disk on macOS too.
 */
const SETTINGS: readonly string[] = [
  "PRAGMA synchronous = NORMAL",
  "PRAGMA fullfsync = ON",
  "PRAGMA cache_size = -16000",
  "PRAGMA wal_autocheckpoint = 4000",
  "PRAGMA journal_size_limit = 67108864",
  "PRAGMA cell_size_check = ON",
  // What is deleted is overwritten wherever its page is written anyway: erased means erased.
  "PRAGMA secure_delete = FAST",
  "PRAGMA trusted_schema = OFF",
];

/**
 * Open, set up and migrate.
 *
 * @param mustExist The file was there before: an empty one in its place would look like a logout
 *   of everybody.
 * @throws {ConfigError} for a missing directory, a foreign database, one that cannot use WAL.
 * @throws {StoreSchemaError} for a file of a newer release.
 * @throws {StoreUnavailableError} for everything else, `busyTimeoutMs` of foreign locks included.
 */
export async function openConnection(
  place: Place,
  busyTimeoutMs: number,
  mustExist: boolean,
): Promise<Connection> {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    let driver: Driver | undefined;
    try {
      driver = openDriver(place, mustExist);
      return setUp(driver);
    } catch (error) {
      if ("path" in place) driver?.close();
      if (!isBusy(error) || performance.now() >= deadline) throw storeFault(error, "open");
    }
    await new Promise((resolve) => {
      setTimeout(resolve, RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS);
    });
  }
}

function openDriver(place: Place, mustExist: boolean): Driver {
  if ("database" in place) return adoptDriver(place.database);
  const { path } = place;
  if (mustExist && !existsSync(path)) {
    throw new StoreUnavailableError(`open: ${path} has disappeared; restore it and go on`);
  }
  const directory = dirname(path);
  if (!existsSync(directory)) {
    const message = `the directory ${directory} does not exist; create it or choose another path`;
    throw new ConfigError([{ path: "store.path", message }]);
  }
  return openNodeDriver(path);
}

function setUp(driver: Driver): Connection {
  driver.exec(`PRAGMA busy_timeout = ${BUSY_STEP_MS}`);
  // One snapshot: another process may be writing the schema between two reads.
  const known = inTransaction(driver, "DEFERRED", () => inspectSchema(driver));
  const mode = String(driver.prepare("PRAGMA journal_mode = WAL").get()?.[0]);
  if (mode !== "wal") {
    const message =
      `the database works in journal mode "${mode}" and cannot change to WAL; ` +
      "use a file on a local disk (MemoryStore keeps sessions in memory)";
    throw new ConfigError([{ path: "store.path", message }]);
  }
  for (const setting of SETTINGS) driver.exec(setting);
  if (!known) inTransaction(driver, "IMMEDIATE", () => writeSchema(driver));
  const connection = new Connection(driver);
  noteIncarnation(connection);
  return connection;
}

/**
 * Give the store a new incarnation when writes may be missing from it: another boot of the machine
 * (relaxed writes of its last moments may be lost), another file under the path (a restored copy).
 * A copy written over the same file in place cannot be told from the original.
 */
function noteIncarnation(connection: Connection): void {
  const file = String(connection.get("PRAGMA database_list")?.[2] ?? "");
  const seen = `${bootId()} ${inodeOf(file) ?? "-"}`;
  const stored = connection.get("SELECT value FROM meta WHERE key = 'seen'")?.[0];
  if (stored === seen) return;
  try {
    inTransaction(connection.driver, "IMMEDIATE", () => {
      const renew = stored !== undefined && connection.get(SEEN)?.[0] !== seen;
      if (renew) connection.run(RENEW);
      if (renew || stored === undefined) connection.run(PUT, "incarnation_since", Date.now());
      connection.run(PUT, "seen", seen);
    });
  } catch (error) {
    // Who may only read sees what the last writer noted.
    if (!isReadOnly(error)) throw error;
  }
}

const SEEN = "SELECT value FROM meta WHERE key = 'seen'";
const RENEW = "UPDATE meta SET value = lower(hex(randomblob(8))) WHERE key = 'incarnation'";
const PUT =
  "INSERT INTO meta (key, value) VALUES (?1, ?2) " +
  "ON CONFLICT (key) DO UPDATE SET value = excluded.value";

function inTransaction<Result>(
  driver: Driver,
  kind: "DEFERRED" | "IMMEDIATE",
  run: () => Result,
): Result {
  driver.exec(`BEGIN ${kind}`);
  try {
    const result = run();
    driver.exec("COMMIT");
    return result;
  } catch (error) {
    rollback(driver);
    throw error;
  }
}

/** SQLite may have rolled back by itself (full, I/O error): then there is nothing left to undo. */
export function rollback(driver: Driver): void {
  try {
    driver.exec("ROLLBACK");
  } catch {
    // Nothing was open.
  }
}

/** Which file a path means now; `undefined` when there is none. */
export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** Linux tells; elsewhere the start of the machine to the minute comes close enough. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return String(Math.round((Date.now() / 1000 - uptime()) / 60));
  }
}

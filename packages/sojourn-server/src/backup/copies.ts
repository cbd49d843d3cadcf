/** Copies of what an engine holds, made and put back by the engine's own means. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, copyFileSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { present } from "../config/present.ts";
import type { ControlPlace, PostgresPlace, StorePlace } from "../config/places.ts";
import { nameOfPlace } from "../config/places.ts";
import { loadSqlite } from "../control/sqlite-module.ts";
import { openPostgres } from "../engines/postgres.ts";
import { PlaceError } from "../engines/trouble.ts";

const OWNER_ONLY = 0o600;
const SQLITE_BUSY = 5;
const MARK_MS = 5_000;

/** Beside running services. @returns `undefined` where the engine has no means of its own here. */
export async function copyOut(
  place: StorePlace | ControlPlace,
  standardSchema: string,
  target: string,
): Promise<string | undefined> {
  if (place.kind === "sqlite") {
    const file = `${target}.db`;
    copySqlite(place.path, file);
    return file;
  }
  if (place.kind !== "postgres") return undefined;
  const file = `${target}.pgdump`;
  ownerOnly(file);
  const how = ["--format=custom", "--no-owner", "--no-privileges"];
  const schema = `--schema=${place.schema ?? standardSchema}`;
  await program("pg_dump", [...how, schema, `--file=${file}`], place);
  return file;
}

/** In the place of what is there, in one transaction. Nothing may be connected. */
export async function putBackPostgres(place: PostgresPlace, file: string): Promise<void> {
  const how = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--exit-on-error"];
  const database = `--dbname=${place.database ?? place.user ?? ""}`;
  await program("pg_restore", [...how, "--single-transaction", database, file], place);
  await newMark(place);
}

/** Tells every service, and what follows the store, that its past is another one. */
async function newMark(place: PostgresPlace): Promise<void> {
  const pool = await openPostgres(place, MARK_MS, 2);
  try {
    const schema = (place.schema ?? "sojourn").replaceAll('"', '""');
    const mark = randomBytes(4).toString("hex");
    await pool.query(`UPDATE "${schema}".meta SET value = '${mark}' WHERE key = 'store'`);
  } finally {
    await pool.end();
  }
}

/** A copy that nobody finds yet: it is made right first. */
export function besideSqlite(path: string, file: string): string {
  const beside = `${path}.restoring`;
  for (const end of ["", "-wal", "-shm"]) rmSync(beside + end, { force: true });
  ownerOnly(beside);
  copyFileSync(file, beside);
  return beside;
}

/** @returns where the file went that was there; `undefined`: there was none. */
export function putBackSqlite(path: string, beside: string, stamp: string): string | undefined {
  const there = existsSync(path);
  const kept = `${path}.replaced-${stamp}`;
  for (const end of ["", "-wal", "-shm"]) {
    if (existsSync(path + end)) renameSync(path + end, kept + end);
  }
  renameSync(beside, path);
  return there ? kept : undefined;
}

/** @throws {PlaceError} when another process has the file open. */
export function refuseSqliteInUse(path: string): void {
  if (!existsSync(path)) return;
  const { DatabaseSync } = loadSqlite();
  let database: InstanceType<typeof DatabaseSync> | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(
      "PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT",
    );
  } catch (error) {
    // Whatever else is wrong with it is why it is being replaced.
    if (error instanceof Error && Reflect.get(error, "errcode") !== SQLITE_BUSY) return;
    throw new PlaceError(path, "is in use; stop every service and command first");
  } finally {
    database?.close();
  }
}

function copySqlite(path: string, file: string): void {
  if (!existsSync(path)) throw new PlaceError(path, "does not exist");
  ownerOnly(file);
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    database.prepare("VACUUM INTO ?").run(file);
  } finally {
    database.close();
  }
}

/** An empty file: who writes into it does not choose who may read it. */
function ownerOnly(file: string): void {
  closeSync(openSync(file, "wx", OWNER_ONLY));
}

/** @throws {PlaceError} with what the program said last; a password is nowhere in it. */
async function program(name: string, args: readonly string[], place: PostgresPlace): Promise<void> {
  const { host, port, user, password, database, tls } = place;
  const env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    ...present({ PGUSER: user, PGPASSWORD: password, PGDATABASE: database }),
    PGSSLMODE: tls === undefined ? "prefer" : tls.verify ? "verify-full" : "require",
    ...present({ PGSSLROOTCERT: tls?.caFile }),
  };
  const { code, said } = await run(name, args, env);
  if (code === 0) return;
  throw new PlaceError(nameOfPlace(place), `${name} ended with ${code}: ${said}`);
}

const SAID_CHARS_MAX = 500;

/** @returns what it said last. @throws {PlaceError} when there is no such program. */
export function run(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-SAID_CHARS_MAX);
    });
    child.on("error", () =>
      reject(new PlaceError(name, "this program is missing, or not on PATH")),
    );
    child.on("close", (code) => resolve({ code: code ?? -1, said: said.trim() }));
  });
}

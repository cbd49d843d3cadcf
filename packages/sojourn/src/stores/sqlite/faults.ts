/**
 * Driver errors told apart by SQLite's result code, never by their words, and wrapped as what the
 * store promises: trouble that says what is wrong and what mends it. Invariant I7.
 */
import { SojournError, StoreUnavailableError } from "../../engine/errors.ts";
import { isRecord } from "./shape.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const CODES: Readonly<Record<string, number>> = {
  SQLITE_ERROR: 1,
  SQLITE_PERM: 3,
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_SCHEMA: 17,
  SQLITE_NOTADB: 26,
};

const BUSY = 5;
const LOCKED = 6;
const PROTOCOL = 15;
const READONLY = 8;

/** What to tell, and whether the same call may succeed later by itself. */
const ADVICE: Readonly<Record<number, readonly [text: string, retryable: boolean]>> = {
  1: ["SQLite refused the statement", false],
  3: ["access to the database file was refused; check its permissions", false],
  5: ["the database stayed locked by another writer", true],
  6: ["the database stayed locked by another writer", true],
  8: ["the database is read-only; make the file and its directory writable", false],
  10: ["the disk reported an error; check the device and the file system", true],
  11: [
    "the database is damaged; restore it from a backup (PRAGMA integrity_check tells more)",
    false,
  ],
  13: ["the disk or the database's page limit is full; free space", true],
  14: ["the database file cannot be opened; check path and permissions", false],
  15: ["the database stayed locked by another writer", true],
  17: ["the schema was changed while the store ran; start again", false],
  26: ["the file is not an SQLite database; check the path", false],
};

/** SQLite's primary result code, or `undefined` for an error that is not SQLite's. */
export function resultCode(error: unknown): number | undefined {
  if (!isRecord(error)) return undefined;
  const number = error["errcode"];
  if (typeof number === "number") return number & 0xff;
  const name = error["code"];
  if (typeof name !== "string" || !name.startsWith("SQLITE_")) return undefined;
  // Extended names follow the primary one: SQLITE_BUSY_SNAPSHOT.
  const primary = name.split("_", 2).join("_");
  return CODES[primary] ?? 1;
}

/** True when another connection holds the lock, so that trying again makes sense. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === BUSY || code === LOCKED || code === PROTOCOL;
}

export function isReadOnly(error: unknown): boolean {
  return resultCode(error) === READONLY;
}

/** Wrap what a driver threw during `operation`; our own errors pass unchanged. */
export function storeFault(error: unknown, operation: string): Error {
  if (error instanceof SojournError) return error;
  const code = resultCode(error);
  const advice = code === undefined ? undefined : ADVICE[code];
  const text = advice?.[0] ?? "the driver failed";
  const retryable = advice?.[1] ?? false;
  return new StoreUnavailableError(`${operation}: ${text}`, { cause: error, retryable });
}

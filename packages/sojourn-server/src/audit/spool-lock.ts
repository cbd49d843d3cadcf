/**
 * "The owner of these files lives": a lock of the kernel on a file, by way of SQLite, since Node
 * has no other. It ends with its process, also by `kill -9`, and cannot be forged by a process id.
 */
import { chmodSync, existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { loadSqlite } from "../control/sqlite-module.ts";

const OWNER_ONLY = 0o600;
/** Somebody may be looking at this very moment whether it is free. */
const TAKEN_MS = 1_000;

export class SpoolLock {
  readonly #database: DatabaseSync;

  /** @throws when the file cannot be made or is locked. */
  static take(path: string): SpoolLock {
    return new SpoolLock(path, TAKEN_MS);
  }

  /** Without a file there is no owner. */
  static isFree(path: string): boolean {
    if (!existsSync(path)) return true;
    try {
      new SpoolLock(path, 0).release();
      return true;
    } catch {
      return false;
    }
  }

  private constructor(path: string, waitMs: number) {
    const { DatabaseSync } = loadSqlite();
    const database = new DatabaseSync(path);
    try {
      database.exec(`PRAGMA busy_timeout = ${waitMs}`);
      chmodSync(path, OWNER_ONLY);
      database.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
  }

  release(): void {
    this.#database.close();
  }
}

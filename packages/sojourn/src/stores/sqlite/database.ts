/**
 * The database over its life: opened at first use, read directly, written in groups, followed by
 * the tail, noticed when its file goes away, closed in order.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { StoreHealth, Subscription, TailHandlers } from "../../engine/ports.ts";
import type { Connection } from "./connection.ts";
import { isBusy, isReadOnly, storeFault } from "./faults.ts";
import { GroupCommit } from "./group-commit.ts";
import type { SyncLevel, WriteScope } from "./group-commit.ts";
import { inodeOf, openConnection, rollback } from "./open.ts";
import type { Place } from "./open.ts";
import { Tail } from "./tail.ts";

/** What a write does inside its transaction. */
export type WriteStep<Result> = (db: Connection, scope: WriteScope) => Result;

export interface DatabaseOptions {
  readonly busyTimeoutMs: number;
  readonly tailPollMs: number;
}

/** How often the path is asked whether it still means the file that is open. */
const MOVED_CHECK_MS = 100;
const READ_RETRY_MS = 10;

export class Database {
  readonly #place: Place;
  readonly #options: DatabaseOptions;
  readonly #group: GroupCommit;
  readonly #tail: Tail;
  #connection: Connection | undefined;
  #opening: Promise<Connection> | undefined;
  #inode: number | undefined;
  #checkedAt = 0;
  #everOpen = false;
  #closed = false;
  #level: SyncLevel = "NORMAL";

  constructor(place: Place, options: DatabaseOptions) {
    this.#place = place;
    this.#options = options;
    this.#group = new GroupCommit(
      {
        begin: (level) => this.#begin(level),
        commit: () => this.#commit(),
        rollback: () => this.#rollback(),
        committed: () => this.#committed(),
      },
      options,
    );
    this.#tail = new Tail({
      pollMs: options.tailPollMs,
      connection: () => this.#opened(),
    });
  }

  async read<Result>(name: string, run: (db: Connection) => Result): Promise<Result> {
    const deadline = performance.now() + this.#options.busyTimeoutMs;
    for (;;) {
      const db = this.#current() ?? (await this.#opened());
      try {
        return run(db);
      } catch (error) {
        // Readers wait for nobody in WAL, except while another process recovers the log.
        if (!isBusy(error) || performance.now() >= deadline) throw storeFault(error, name);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, READ_RETRY_MS);
      });
    }
  }

  /** @param durable The caller is answered only after the disk has it. */
  write<Result>(name: string, durable: boolean, step: WriteStep<Result>): Promise<Result> {
    const write = {
      name,
      durable,
      run: (scope: WriteScope): Result => step(this.#required(), scope),
    };
    if (this.#current() !== undefined) return this.#group.submit(write);
    return this.#opened().then(() => this.#group.submit(write));
  }

  tail(from: string, handlers: TailHandlers): Subscription {
    if (this.#closed) throw closedError("tail");
    return this.#tail.subscribe(from, handlers);
  }

  health(): Promise<StoreHealth> {
    return this.read("health", (db) => {
      const read = "SELECT value FROM meta WHERE key = ?";
      return {
        role: "primary",
        incarnation: String(db.get(read, "incarnation")?.[0]),
        incarnationSince: Number(db.get(read, "incarnation_since")?.[0] ?? 0),
        writable: isWritable(db),
        lagMs: 0,
      };
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#tail.close();
    await this.#opening?.catch(() => undefined);
    await this.#group.drained();
    this.#release();
  }

  #opened(): Promise<Connection> {
    const open = this.#current();
    if (open !== undefined) return Promise.resolve(open);
    if (this.#closed) return Promise.reject(closedError("open"));
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Connection> {
    const opened = await openConnection(this.#place, this.#options.busyTimeoutMs, this.#everOpen);
    this.#inode = "path" in this.#place ? inodeOf(this.#place.path) : undefined;
    this.#level = "NORMAL";
    this.#everOpen = true;
    this.#checkedAt = performance.now();
    this.#connection = opened;
    return opened;
  }

  /** The open connection, unless its file is no longer the one under the path. */
  #current(): Connection | undefined {
    if (this.#connection === undefined || !("path" in this.#place)) return this.#connection;
    const now = performance.now();
    if (now - this.#checkedAt < MOVED_CHECK_MS) return this.#connection;
    this.#checkedAt = now;
    // What would be written now would be lost with the file that nobody can find any more.
    if (inodeOf(this.#place.path) !== this.#inode) this.#release();
    return this.#connection;
  }

  #required(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new StoreUnavailableError("the database file has been removed or replaced");
  }

  #release(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined && "path" in this.#place) connection.driver.close();
  }

  #begin(level: SyncLevel): void {
    this.#current();
    const db = this.#required();
    if (db.driver.inTransaction()) {
      const text = "the application has a transaction of its own open on this connection";
      throw Object.assign(new Error(text), { code: "SQLITE_BUSY" });
    }
    if (level !== this.#level) {
      db.driver.exec(`PRAGMA synchronous = ${level}`);
      this.#level = level;
    }
    db.run("BEGIN IMMEDIATE");
  }

  #commit(): void {
    const db = this.#required();
    db.trimLog();
    db.run("COMMIT");
  }

  #rollback(): void {
    if (this.#connection === undefined) return;
    rollback(this.#connection.driver);
    this.#connection.forget();
  }

  #committed(): void {
    const db = this.#connection;
    if (db === undefined || !db.logged) return;
    db.logged = false;
    this.#tail.committed(db);
  }
}

/** Whether a write would be let in; one that has to wait for another would. */
function isWritable(db: Connection): boolean {
  if (db.driver.inTransaction()) return true;
  try {
    db.run("BEGIN IMMEDIATE");
    // Only a write shows it: a read-only connection may begin as it likes.
    db.raiseFloor(0);
  } catch (error) {
    rollback(db.driver);
    if (isReadOnly(error)) return false;
    if (isBusy(error)) return true;
    throw error;
  }
  rollback(db.driver);
  return true;
}

function closedError(operation: string): StoreUnavailableError {
  return new StoreUnavailableError(`${operation}: the store is closed`, { retryable: false });
}

/**
 * Sessions in one SQLite file: the embedded default. Several processes of one machine may share the
 * file; the tail tells each what the others changed.
 *
 * On Node 22.13 the store works with `node:sqlite` only: better-sqlite3 13 needs N-API 10, which
 * Node has from 22.14 on, and ends an older process when its `Database` is constructed.
 */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { unknownOptions } from "../engine/given.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  Installation,
  Page,
  PageOptions,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  ScanOptions,
  SessionFilter,
  SessionRef,
  SessionStore,
  StoreCapabilities,
  StoreDelta,
  StoredSession,
  StoreHealth,
  Subscription,
  SweepOptions,
  SweepResult,
  TailHandlers,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "../engine/record.ts";
import { wholeNumbers } from "./sql/numbers.ts";
import { applyDelta } from "./sqlite/apply.ts";
import type { Connection } from "./sqlite/connection.ts";
import { createSession } from "./sqlite/create.ts";
import { Database } from "./sqlite/database.ts";
import type { WriteStep } from "./sqlite/database.ts";
import { adoptDriver, requireRuntime } from "./sqlite/driver.ts";
import type { SqliteDatabase } from "./sqlite/driver.ts";
import { purgeSubject, revokeSession, revokeSubject, sweepSessions } from "./sqlite/ends.ts";
import type { Place } from "./sqlite/open.ts";
import { countOf, pageOf, scanOf } from "./sqlite/queries.ts";
import { findRow } from "./sqlite/rows.ts";
import { patchSession, replaceSession, touchSession } from "./sqlite/writes.ts";

export type { SqliteDatabase } from "./sqlite/driver.ts";

/** Exactly one of `path` and `database`. */
export interface SqliteStoreOptions {
  /** File to open with `node:sqlite`, made if it is not there. Its directory must exist. */
  readonly path?: string;
  /**
   * An open `DatabaseSync`, or from Node 22.14 on a better-sqlite3 13 `Database`. The store does
   * not close it.
   */
  readonly database?: SqliteDatabase;
  /** How long a write may wait for another process; milliseconds, 0–60 000, default 2000. */
  readonly busyTimeoutMs?: number;
  /** How often the tail looks for changes of other processes; 1–200 ms, default 100. */
  readonly tailPollMs?: number;
  /** Data of one session in bytes of UTF-8; 1–16 777 216, default 65 536. */
  readonly maxDataBytes?: number;
}

const OPTIONS: readonly (keyof SqliteStoreOptions)[] = [
  "path",
  "database",
  "busyTimeoutMs",
  "tailPollMs",
  "maxDataBytes",
];
const NUMBERS = {
  busyTimeoutMs: { otherwise: 2000, min: 0, max: 60_000 },
  tailPollMs: { otherwise: 100, min: 1, max: 200 },
  maxDataBytes: { otherwise: 65_536, min: 1, max: 16_777_216 },
} as const;
/** One transaction holds the write lock for at most so many touches or deltas. */
const BATCH_MAX = 256;
/** The event loop stands still for one transaction: a millisecond or two. */
const SWEEP_MAX = 100;
const TOUCH = { name: "touch", durable: false } as const;
const APPLY = { name: "apply", durable: true } as const;

export class SqliteStore implements SessionStore {
  readonly capabilities: StoreCapabilities;
  readonly #database: Database;

  /**
   * Nothing is opened before the first use.
   *
   * @throws {ConfigError} for wrong options, or a runtime without a usable SQLite driver.
   */
  constructor(options: SqliteStoreOptions) {
    const { busyTimeoutMs, tailPollMs, maxDataBytes, place } = checked(options);
    this.#database = new Database(place, { busyTimeoutMs, tailPollMs });
    this.capabilities = {
      name: "sqlite",
      atomicIndex: true,
      query: "full",
      expiry: "sweep",
      tail: "replayable",
      durability: ["memory", "local"],
      evicts: false,
      shared: true,
      blocking: true,
      maxDataBytes,
    };
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.#write("installation", true, (db) => {
      const text = JSON.stringify({ id: candidate.id, bucketKey: candidate.bucketKey });
      db.run(
        "INSERT INTO meta (key, value) VALUES ('installation', ?) ON CONFLICT DO NOTHING",
        text,
      );
      const kept = db.get("SELECT value FROM meta WHERE key = 'installation'")?.[0];
      return JSON.parse(String(kept)) as Installation;
    });
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#database.read("subjectEpoch", (db) => {
      const no = db.tenant(tenant);
      return no === undefined ? 0 : db.subjectState(no, subject).epoch;
    });
  }

  /**
   * Safe from a crash of the process when it returns, from a loss of power with the next durable
   * write; one that ends other sessions is durable itself.
   *
   * @throws {DataTooLargeError} for data over `maxDataBytes`; nothing was written.
   */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const bounded = { ...options, maxDataBytes: this.capabilities.maxDataBytes };
    const durable = options.replaces !== undefined;
    return this.#write("create", durable, (db, scope) => createSession(db, scope, record, bounded));
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.#database.read("find", (db) => findRow(db, ref));
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    const durable = record.end !== undefined;
    return this.#write("replace", durable, (db) => replaceSession(db, record, expectedVersion));
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    const limits = { expectedVersion, maxDataBytes: this.capabilities.maxDataBytes };
    return this.#write("patchData", false, (db) => patchSession(db, ref, operations, limits));
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    return this.#inBatches(TOUCH, batch, touchSession);
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#write("revoke", true, (db, scope) =>
      revokeSession(db, scope, ref, { end, options }),
    );
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#write("revokeSubject", true, (db, scope) =>
      revokeSubject(db, scope, { tenant, subject }, options),
    );
  }

  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#database.read("listBySubject", (db) => pageOf(db, { tenant, subject }, page));
  }

  /** Short pages with a cursor come where thousands of rows in a row do not match. */
  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#database.read("query", (db) => pageOf(db, filter, page));
  }

  /** Exact up to 10 000 rows, beyond that a lower bound. */
  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.#database.read("count", (db) => countOf(db, filter, now));
  }

  scan(page: ScanOptions): Promise<Page<SessionRef>> {
    return this.#database.read("scan", (db) => scanOf(db, page));
  }

  /** One transaction of at most 100 rows. */
  sweep(options: SweepOptions): Promise<SweepResult> {
    const bounded = { ...options, limit: Math.min(options.limit, SWEEP_MAX) };
    return this.#write("sweep", false, (db) => sweepSessions(db, bounded));
  }

  tail(from: string, handlers: TailHandlers): Subscription {
    return this.#database.tail(from, handlers);
  }

  async apply(deltas: readonly StoreDelta[], _origin: string): Promise<void> {
    await this.#inBatches(APPLY, deltas, applyDelta);
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#write("purgeSubject", true, (db) => purgeSubject(db, { tenant, subject }, now));
  }

  /**
   * `nowAt` is absent: SQLite has no time but the machine's, and a clock that jumped would be told
   * its own jump as the truth.
   */
  health(): Promise<StoreHealth> {
    return this.#database.health();
  }

  /** Waits for writes under way, then ends timers and closes the file it opened. */
  close(): Promise<void> {
    return this.#database.close();
  }

  #write<Result>(name: string, durable: boolean, run: WriteStep<Result>): Promise<Result> {
    return this.#database.write(name, durable, run);
  }

  #inBatches<Item, Result>(
    operation: { readonly name: string; readonly durable: boolean },
    items: readonly Item[],
    step: (db: Connection, item: Item) => Result,
  ): Promise<Result[]> {
    const { name, durable } = operation;
    if (items.length <= BATCH_MAX) {
      return this.#write(name, durable, (db) => items.map((item) => step(db, item)));
    }
    const parts: Promise<Result[]>[] = [];
    for (let from = 0; from < items.length; from += BATCH_MAX) {
      const batch = items.slice(from, from + BATCH_MAX);
      parts.push(this.#write(name, durable, (db) => batch.map((item) => step(db, item))));
    }
    return Promise.all(parts).then((results) => results.flat());
  }
}

interface Checked {
  readonly place: Place;
  readonly busyTimeoutMs: number;
  readonly tailPollMs: number;
  readonly maxDataBytes: number;
}

/** Every problem of the options at once. @throws {ConfigError} */
function checked(given: SqliteStoreOptions | null | undefined): Checked {
  requireRuntime(process.versions);
  const options = given ?? {};
  const problems: ConfigProblem[] = unknownOptions(options, OPTIONS, "store.");
  const numbers = wholeNumbers(options, NUMBERS, problems);
  const place = placeOf(options);
  if ("message" in place) problems.push(place);
  if (problems.length > 0 || "message" in place) throw new ConfigError(problems);
  if ("database" in place) adoptDriver(place.database);
  return { place, ...numbers };
}

function placeOf(options: SqliteStoreOptions): Place | ConfigProblem {
  const { path, database } = options;
  if ((path === undefined) === (database === undefined)) {
    return { path: "store", message: "expected exactly one of { path } and { database }" };
  }
  if (database !== undefined) return { database };
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    return { path: "store.path", message: "expected the path of a file" };
  }
  if (path.startsWith(":memory:") || path.startsWith("file:")) {
    const message = "expected the path of a file; MemoryStore keeps sessions in memory";
    return { path: "store.path", message };
  }
  return { path };
}

/**
 * Sessions in PostgreSQL 15 or newer, shared by any number of processes and machines. The pool is
 * the application's own; it may lead through PgBouncer in transaction mode.
 */
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
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
import { applyDeltas } from "./postgres/apply.ts";
import { createSession } from "./postgres/create.ts";
import { Database } from "./postgres/database.ts";
import type { PostgresPool } from "./postgres/driver.ts";
import { purgeSubject, revokeSession, revokeSubject } from "./postgres/ends.ts";
import { epochOf } from "./postgres/find.ts";
import { Finds } from "./postgres/finds.ts";
import { healthOf } from "./postgres/identity.ts";
import { countOf, pageOf, scanOf } from "./postgres/queries.ts";
import { sweepSessions } from "./postgres/sweep.ts";
import { Tail } from "./postgres/tail.ts";
import { patchSession, replaceSession, touchSessions } from "./postgres/writes.ts";
import { wholeNumbers } from "./sql/numbers.ts";

export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
} from "./postgres/driver.ts";

export interface PostgresStoreOptions {
  /** A `Pool` of `pg` 8, to the primary. The store does not end it. */
  readonly pool: PostgresPool;
  /** Schema of the tables, made if it is not there; default `"sojourn"`. */
  readonly schema?: string;
  /**
   * Let connections keep prepared statements, which doubles the rate of reads; default `false`.
   * Only for connections that are not shared: to PostgreSQL itself, or through PgBouncer 1.21 or
   * newer with `max_prepared_statements`.
   */
  readonly prepare?: boolean;
  /** How often the tail asks for changes of other processes; 1–200 ms, default 100. */
  readonly tailPollMs?: number;
  /** How long a follower may be away before it must start over; 1 s – 1 d, default 15 min. */
  readonly logKeptMs?: number;
  /** Data of one session in bytes of UTF-8; 1–16 777 216, default 65 536. */
  readonly maxDataBytes?: number;
}

const OPTIONS: readonly (keyof PostgresStoreOptions)[] = [
  "pool",
  "schema",
  "prepare",
  "tailPollMs",
  "logKeptMs",
  "maxDataBytes",
];
const NUMBERS = {
  tailPollMs: { otherwise: 100, min: 1, max: 200 },
  logKeptMs: { otherwise: 900_000, min: 1000, max: 86_400_000 },
  maxDataBytes: { otherwise: 65_536, min: 1, max: 16_777_216 },
} as const;
const SWEEP_MAX = 10_000;
const TOUCHES_MAX = 1000;
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

export class PostgresStore implements SessionStore {
  readonly capabilities: StoreCapabilities;
  readonly #database: Database;
  readonly #finds: Finds;
  readonly #tail: Tail;
  readonly #logKeptMs: number;

  /**
   * Nothing is sent before the first use.
   *
   * @throws {ConfigError} for wrong options.
   */
  constructor(options: PostgresStoreOptions) {
    const { pool, prepare, tailPollMs, logKeptMs, maxDataBytes, schema } = checked(options);
    this.#logKeptMs = logKeptMs;
    this.#database = new Database(pool, schema, prepare);
    this.#finds = new Finds(this.#database);
    this.#tail = new Tail({
      pollMs: tailPollMs,
      run: (work) => this.#database.run("tail", work),
    });
    this.capabilities = {
      name: "postgres",
      atomicIndex: true,
      query: "full",
      expiry: "sweep",
      tail: "replayable",
      durability: ["local", "replicated", "quorum"],
      evicts: false,
      shared: true,
      // A standby that is promoted may not have received all that was acknowledged.
      mayForget: true,
      maxDataBytes,
    };
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.#database.run("installation", async (sql) => {
      const { id, bucketKey } = candidate;
      await sql.rows(
        "INSERT INTO sojourn.meta (key, value) VALUES ('installation', $1) " +
          "ON CONFLICT (key) DO NOTHING",
        JSON.stringify({ id, bucketKey }),
      );
      const [row] = await sql.rows("SELECT value FROM sojourn.meta WHERE key = 'installation'");
      return JSON.parse(String(row?.[0])) as Installation;
    });
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#database.run("subjectEpoch", (sql) => epochOf(sql, tenant, subject));
  }

  /**
   * One round trip; with `limits` or `replaces` a transaction of seven under the subject's lock.
   *
   * @throws {DataTooLargeError} for data over `maxDataBytes`; nothing was written.
   */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const { maxDataBytes } = this.capabilities;
    return this.#told(createSession(this.#database, record, options, maxDataBytes));
  }

  /** One round trip, with all that are asked for in the same turn. */
  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.#finds.find(ref);
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#told(
      this.#database.run("replace", (sql) => replaceSession(sql, record, expectedVersion)),
    );
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    const limits = { expectedVersion, maxDataBytes: this.capabilities.maxDataBytes };
    return this.#told(
      this.#database.run("patchData", (sql) => patchSession(sql, ref, operations, limits)),
    );
  }

  /** One round trip for 1000 of them. Not waited for by the disk. */
  async touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    const results: TouchResult[] = [];
    for (let from = 0; from < batch.length; from += TOUCHES_MAX) {
      const part = batch.slice(from, from + TOUCHES_MAX);
      results.push(...(await this.#database.run("touch", (sql) => touchSessions(sql, part))));
    }
    return results;
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#told(revokeSession(this.#database, ref, end, options));
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#told(revokeSubject(this.#database, { tenant, subject }, options));
  }

  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#database.run("listBySubject", (sql) => pageOf(sql, { tenant, subject }, page));
  }

  /** Short pages with a cursor come where thousands of rows in a row do not match. */
  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#database.transaction("query", {}, (sql) => pageOf(sql, filter, page));
  }

  /** Exact up to 10 000 rows, beyond that a lower bound. */
  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.#database.transaction("count", {}, (sql) => countOf(sql, filter, now));
  }

  scan(page: ScanOptions): Promise<Page<SessionRef>> {
    return this.#database.run("scan", (sql) => scanOf(sql, page));
  }

  /** One transaction of at most 10 000 rows. Does nothing while another process sweeps. */
  sweep(options: SweepOptions): Promise<SweepResult> {
    const bounded = { ...options, limit: Math.min(options.limit, SWEEP_MAX) };
    return this.#told(sweepSessions(this.#database, bounded, this.#logKeptMs));
  }

  tail(from: string, handlers: TailHandlers): Subscription {
    if (this.#database.closed) throw new StoreUnavailableError("tail", { retryable: false });
    return this.#tail.subscribe(from, handlers);
  }

  apply(deltas: readonly StoreDelta[], _origin: string): Promise<void> {
    return this.#told(applyDeltas(this.#database, deltas));
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#told(purgeSubject(this.#database, { tenant, subject }, now));
  }

  health(): Promise<StoreHealth> {
    return healthOf(this.#database);
  }

  /** Ends the tail. The pool stays open: it is the application's. */
  async close(): Promise<void> {
    this.#database.close();
    await this.#tail.close();
  }

  /** Followers in this process hear of its own changes without waiting for the next poll. */
  async #told<Result>(written: Promise<Result>): Promise<Result> {
    const result = await written;
    this.#tail.nudge();
    return result;
  }
}

/** Every problem of the options at once. @throws {ConfigError} */
function checked(given: PostgresStoreOptions | null | undefined): Required<PostgresStoreOptions> {
  const options: Partial<PostgresStoreOptions> = given ?? {};
  const problems: ConfigProblem[] = unknownOptions(options, OPTIONS, "store.");
  const numbers = wholeNumbers(options, NUMBERS, problems);
  const schema = options.schema ?? "sojourn";
  if (typeof schema !== "string" || !SCHEMA_NAME.test(schema) || schema.startsWith("pg_")) {
    const message = "expected a name of small letters, digits and _, not beginning with pg_";
    problems.push({ path: "store.schema", message });
  }
  const { pool, prepare } = options;
  if (!isPool(pool)) problems.push({ path: "store.pool", message: "expected a Pool of pg 8" });
  if (problems.length > 0 || !isPool(pool)) throw new ConfigError(problems);
  return { pool, schema, prepare: prepare === true, ...numbers };
}

function isPool(given: unknown): given is PostgresPool {
  const pool = given as Partial<Record<string, unknown>> | null | undefined;
  return ["connect", "on", "off"].every((name) => typeof pool?.[name] === "function");
}

/**
 * The pool over the store's life: schema at first use, statements alone or in transactions, lost
 * collisions tried again, every fault wrapped. Nothing here outlives a transaction on its
 * connection, so the pool may lead through PgBouncer in transaction mode.
 *
 * Order of locks, for everything that waits: subjects by their number, ids by theirs, session rows
 * by (id, tenant), the epoch of the subject, the log. Whoever takes rows in another order skips
 * those that are locked.
 */
import { createHash } from "node:crypto";
import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Durability } from "../../protocol/words.ts";
import type { SqlRow } from "./codec.ts";
import { queryOf } from "./driver.ts";
import type { PostgresClient, PostgresPool, Statement } from "./driver.ts";
import { commitSetting } from "./durability.ts";
import { isBroken, isCollision, storeFault } from "./faults.ts";
import { migrate } from "./schema.ts";
import { textIn } from "./text.ts";

/** What a statement can be sent through: the pool, or the connection of a transaction. */
export interface Sql {
  /** @param text Names tables as `sojourn.session`, whatever the schema is really called. */
  rows(text: string, ...values: readonly unknown[]): Promise<readonly SqlRow[]>;
}

export interface TransactionOptions {
  /** Locks taken first, in ascending order, until the transaction ends. */
  readonly locks?: readonly bigint[];
  /** Default {@link STATEMENT_TIMEOUT_MS}. */
  readonly statementTimeoutMs?: number;
  readonly durability?: Durability | undefined;
  /** More statements to begin with. */
  readonly settings?: string;
  /** Told when the server gave up waiting for its standbys: its own disk alone has the commit. */
  readonly unconfirmed?: () => void;
}

/** A lock that is held longer than this by another is somebody's mistake. */
const LOCK_TIMEOUT_MS = 2000;
const STATEMENT_TIMEOUT_MS = 5000;
/** A process that stops within a transaction must not hold its locks. */
const STANDSTILL_MS = 5000;
const ATTEMPTS_MAX = 5;
const RETRY_SPREAD_MS = 20;

const WAIT_BRIEFLY = `set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', true)`;

/**
 * Settings of a statement that is a transaction by itself: `WITH ${SETTINGS.durable}, … FROM
 * setting`. They end with the transaction.
 */
export const SETTINGS: Readonly<Record<"durable" | "replicated" | "relaxed", string>> = {
  durable: setting(commitSetting(undefined)),
  replicated: setting(commitSetting("replicated")),
  relaxed: setting("set_config('synchronous_commit', 'off', true)"),
};

function setting(commit: string): string {
  return `setting AS MATERIALIZED (SELECT ${commit} AS level, ${WAIT_BRIEFLY})`;
}

export class Database {
  readonly #pool: PostgresPool;
  readonly #schema: string;
  readonly #prepare: boolean;
  readonly #statements: Map<string, Statement> = new Map<string, Statement>();
  readonly #tenants: Set<string> = new Set<string>();
  readonly #alone: Sql = this.#aloneTelling();
  #opened: Promise<void> | undefined;
  #closed = false;

  /** @param prepare Let connections keep statements: not through a pooler that shares them. */
  constructor(pool: PostgresPool, schema: string, prepare: boolean) {
    this.#pool = pool;
    this.#schema = schema;
    this.#prepare = prepare;
    // A connection that breaks while it is idle would else end the process.
    pool.on("error", ignore);
    pool.on("connect", guard);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Run `work` with statements that are each a transaction of their own. */
  run<Result>(
    operation: string,
    work: (sql: Sql) => Promise<Result>,
    unconfirmed?: () => void,
  ): Promise<Result> {
    const sql = unconfirmed === undefined ? this.#alone : this.#aloneTelling(unconfirmed);
    return this.#attempt(operation, () => work(sql));
  }

  /** Run `work` inside one transaction; what it throws undoes everything. */
  transaction<Result>(
    operation: string,
    options: TransactionOptions,
    work: (sql: Sql) => Promise<Result>,
  ): Promise<Result> {
    return this.#attempt(operation, () => this.#transact(options, work));
  }

  /** See to it that a tenant has its number. Once per process and name. */
  async knowTenant(name: string): Promise<void> {
    if (this.#tenants.has(name)) return;
    if (this.#tenants.size >= TENANTS_KNOWN_MAX) this.#tenants.clear();
    await this.#alone.rows(
      "INSERT INTO sojourn.tenant (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
      textIn(name),
    );
    this.#tenants.add(name);
  }

  /** The database turned out not to know a tenant that it knew. @returns what to throw. */
  tenantLost(operation: string): StoreUnavailableError {
    this.#tenants.clear();
    return new StoreUnavailableError(`${operation}: the database was emptied, try again`);
  }

  /** Two names may share a lock: they then wait for each other, and nothing else happens. */
  lock(kind: "subject" | "id" | "sweep" | "schema", ...names: readonly string[]): bigint {
    const text = JSON.stringify([this.#schema, kind, ...names]);
    return createHash("sha256").update(text).digest().readBigInt64BE();
  }

  close(): void {
    this.#closed = true;
    this.#pool.off("error", ignore);
    this.#pool.off("connect", guard);
  }

  async #attempt<Result>(operation: string, run: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#open(operation);
        return await run();
      } catch (error) {
        if (!isCollision(error) || attempt === ATTEMPTS_MAX) throw storeFault(error, operation);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, Math.random() * RETRY_SPREAD_MS * attempt);
      });
    }
  }

  #open(operation: string): Promise<void> {
    if (this.#closed) {
      const text = `${operation}: the store is closed`;
      return Promise.reject(new StoreUnavailableError(text, { retryable: false }));
    }
    this.#opened ??= this.#migrate().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  #migrate(): Promise<void> {
    const lock = this.lock("schema");
    return migrate(this.#alone, this.#schema, (work) =>
      this.#transact({ locks: [lock], statementTimeoutMs: 30_000 }, work),
    );
  }

  #aloneTelling(unconfirmed?: () => void): Sql {
    return {
      rows: (text, ...values) =>
        this.#leased((client) => this.#send(client, text, values), unconfirmed),
    };
  }

  #transact<Result>(
    options: TransactionOptions,
    work: (sql: Sql) => Promise<Result>,
  ): Promise<Result> {
    return this.#leased(async (client) => {
      await this.#send(client, beginning(options), []);
      const result = await work({ rows: (text, ...values) => this.#send(client, text, values) });
      await this.#send(client, "COMMIT", []);
      return result;
    }, options.unconfirmed);
  }

  async #leased<Result>(
    use: (client: PostgresClient) => Promise<Result>,
    unconfirmed?: () => void,
  ): Promise<Result> {
    const client = await this.#pool.connect();
    const listen = (notice: Error): void => {
      if ("severity" in notice && notice.severity === "WARNING") unconfirmed?.();
    };
    if (unconfirmed !== undefined) client.on("notice", listen);
    // A connection that breaks between two statements would else end the process.
    client.on("error", ignore);
    let broken = false;
    try {
      return await use(client);
    } catch (error) {
      broken = isBroken(error);
      if (!broken) broken = await undone(client);
      throw error;
    } finally {
      client.off("error", ignore);
      if (unconfirmed !== undefined) client.off("notice", listen);
      client.release(broken);
    }
  }

  async #send(
    client: PostgresClient,
    text: string,
    values: readonly unknown[],
  ): Promise<readonly SqlRow[]> {
    const statement = values.length === 0 ? this.#named(text) : this.#kept(text);
    const { rows } = await client.query(queryOf(statement, values));
    return rows as readonly SqlRow[];
  }

  /** A statement with parameters: one of a few dozen that never change. */
  #kept(text: string): Statement {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const named = this.#named(text);
    const name = `sojourn_${createHash("sha256").update(named.text).digest("hex").slice(0, 24)}`;
    const made = this.#prepare ? { ...named, name } : named;
    this.#statements.set(text, made);
    return made;
  }

  /** The statement with the schema's own name in it. */
  #named(text: string): Statement {
    return { text: text.replaceAll(/\bsojourn\./g, `"${this.#schema}".`) };
  }
}

const TENANTS_KNOWN_MAX = 10_000;

function beginning(options: TransactionOptions): string {
  const { locks = [], statementTimeoutMs, durability, settings = "" } = options;
  const ordered = [...new Set(locks)].toSorted((a, b) => (a < b ? -1 : 1));
  return [
    "BEGIN ISOLATION LEVEL READ COMMITTED",
    `SELECT ${commitSetting(durability)}`,
    `SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`,
    `SET LOCAL statement_timeout = ${statementTimeoutMs ?? STATEMENT_TIMEOUT_MS}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${STANDSTILL_MS}`,
    settings,
    ...ordered.map((lock) => `SELECT pg_advisory_xact_lock(${lock})`),
  ].join("; ");
}

/** @returns true when not even that could be said: the connection is of no use any more. */
async function undone(client: PostgresClient): Promise<boolean> {
  try {
    await client.query(queryOf({ text: "ROLLBACK" }, []));
    return false;
  } catch {
    return true;
  }
}

function ignore(): void {
  // Whoever uses the connection next is told.
}

/**
 * The server's last word may come in one piece with the first: between the pool, which lets go of a
 * connection, and whoever asked for it, it would meet no listener, which ends the process.
 */
function guard(client: PostgresClient): void {
  client.on("error", ignore);
}

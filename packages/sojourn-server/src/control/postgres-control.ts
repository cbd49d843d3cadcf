/**
 * The control store in PostgreSQL: several machines act as one. Tables of its own in a schema of
 * its own; nothing outlives a transaction on its connection, so the pool may lead through PgBouncer
 * in transaction mode.
 */
import { createHash } from "node:crypto";
import { ConfigError } from "sojourn";
import { checkWrites, controlFault, newerSchema } from "./control-sql.ts";
import type { ControlSql, SqlOutcome, SqlValue, Statement } from "./control-sql.ts";
import { auditIndexes, auditTables } from "./audit-tables.ts";
import { serviceIndexes, serviceTables } from "./service-tables.ts";

/** What is used of a `Pool` of `pg`. */
export interface ControlPool {
  connect(): Promise<ControlClient>;
}

interface ControlClient {
  query(query: { text: string; values: unknown[] }): Promise<{
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    readonly rowCount: number | null;
  }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  release(destroy?: boolean): void;
}

/** One entry per schema version. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    "CREATE TABLE control.meta (key text PRIMARY KEY, value text NOT NULL)",
    "COMMENT ON TABLE control.meta IS 'sojourn control'",
    `CREATE TABLE control.service_key (
       id text PRIMARY KEY,
       name text NOT NULL,
       tenant text NOT NULL,
       scopes text NOT NULL,
       verifier text NOT NULL,
       created_at bigint NOT NULL,
       last_used_at bigint,
       revoked_at bigint
     )`,
    `CREATE UNIQUE INDEX service_key_name ON control.service_key (name)
       WHERE revoked_at IS NULL`,
    `CREATE TABLE control.reply (
       slot bytea PRIMARY KEY,
       created_at bigint NOT NULL,
       sealed bytea
     )`,
    "CREATE INDEX reply_age ON control.reply (created_at)",
  ],
  [
    "CREATE TABLE control.proof (slot text PRIMARY KEY, until_at bigint NOT NULL)",
    "CREATE INDEX proof_end ON control.proof (until_at)",
  ],
  [
    ...auditTables("bigint", "text").map((table) => `CREATE TABLE control.${table}`),
    ...auditIndexes("control.").map((index) => `CREATE INDEX ${index}`),
  ],
  [
    ...serviceTables({ int: "bigint", text: "text", bytes: "bytea" }).map(
      (table) => `CREATE TABLE control.${table}`,
    ),
    ...serviceIndexes("control.").map((index) => `CREATE INDEX ${index}`),
  ],
];
const VERSION = MIGRATIONS.length;
const LOCK_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;
/** Class 08: the connection is gone; 57P: the server is. Without a code: the driver's own. */
const BROKEN = /^(?:08|57P|25P03)/;

export class PostgresControl implements ControlSql {
  readonly #pool: ControlPool;
  readonly #schema: string;
  readonly #timeoutMs: number;
  #opened: Promise<void> | undefined;

  /**
   * Nothing is sent before the first use. The pool stays open.
   *
   * @param timeoutMs A call that has not been answered for so long has failed.
   * @throws {ConfigError} for a schema that cannot be one.
   */
  constructor(pool: ControlPool, schema: string, timeoutMs: number) {
    if (!SCHEMA_NAME.test(schema) || schema.startsWith("pg_")) {
      const message = "schema: accepted: small letters, digits and _, not beginning with pg_";
      throw new ConfigError([{ path: "control", message }]);
    }
    this.#pool = pool;
    this.#schema = schema;
    this.#timeoutMs = timeoutMs;
  }

  run(operation: string, text: string, ...values: readonly SqlValue[]): Promise<SqlOutcome> {
    return this.#guard(operation, (client) => this.#send(client, { text, values }));
  }

  all(operation: string, statements: readonly Statement[]): Promise<void> {
    return this.#guard(operation, (client) =>
      transact(client, async () => {
        for (const statement of statements) {
          checkWrites(statement, await this.#send(client, statement));
        }
      }),
    );
  }

  async close(): Promise<void> {
    // The pool is the service's.
  }

  async #guard<Result>(
    operation: string,
    work: (client: ControlClient) => Promise<Result>,
  ): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const error = Object.assign(new Error("no answer"), { code: "ETIMEDOUT" });
      timer = setTimeout(() => reject(error), this.#timeoutMs);
    });
    try {
      return await Promise.race([this.#work(work), late]);
    } catch (error) {
      throw controlFault(error, operation);
    } finally {
      clearTimeout(timer);
    }
  }

  async #work<Result>(work: (client: ControlClient) => Promise<Result>): Promise<Result> {
    this.#opened ??= this.#leased((client) => this.#migrate(client));
    try {
      await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
    return this.#leased(work);
  }

  async #leased<Result>(work: (client: ControlClient) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect();
    // A connection that breaks between two statements would else end the process.
    client.on("error", ignore);
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      broken = !/^[0-9A-Z]{5}$/.test(code) || BROKEN.test(code);
      throw error;
    } finally {
      client.off("error", ignore);
      client.release(broken);
    }
  }

  async #send(client: ControlClient, { text, values }: Statement): Promise<SqlOutcome> {
    let count = 0;
    const numbered = text.replaceAll("?", () => `$${(count += 1)}`);
    const query = { text: this.#named(numbered), values: values.map(sendable) };
    const { rows, rowCount } = await client.query(query);
    return { rows, changes: rowCount ?? 0 };
  }

  /** Whoever comes first makes the tables; the others wait for the lock and find them. */
  async #migrate(client: ControlClient): Promise<void> {
    if ((await this.#version(client)) === VERSION) return;
    await transact(client, async () => {
      const name = JSON.stringify(["sojourn control", this.#schema]);
      const lock = createHash("sha256").update(name).digest().readBigInt64BE();
      await client.query({ text: `SELECT pg_advisory_xact_lock(${lock})`, values: [] });
      const found = await this.#version(client);
      if (found === 0) await client.query({ text: this.#makeSchema(), values: [] });
      for (const text of MIGRATIONS.slice(found).flat()) {
        await client.query({ text: this.#named(text), values: [] });
      }
      const text = this.#named(
        "INSERT INTO control.meta (key, value) VALUES ('schema', $1) " +
          "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      );
      await client.query({ text, values: [String(VERSION)] });
    });
  }

  /** 0 when there is nothing yet. @throws {ConfigError} for somebody else's schema. */
  async #version(client: ControlClient): Promise<number> {
    const { rows } = await client.query({ text: OBJECTS, values: [this.#schema] });
    if (Number(rows[0]?.["ours"]) === 1) {
      const text = this.#named("SELECT value FROM control.meta WHERE key = 'schema'");
      const found = Number((await client.query({ text, values: [] })).rows[0]?.["value"] ?? 0);
      if (found > VERSION) throw newerSchema(`the schema "${this.#schema}"`, found, VERSION);
      return found;
    }
    if (Number(rows[0]?.["objects"]) === 0) return 0;
    const message = `the schema "${this.#schema}" holds tables of another application`;
    throw new ConfigError([
      { path: "control", message: `${message}; choose another with ?schema=` },
    ]);
  }

  /** Making a schema needs a right that using one does not. */
  #makeSchema(): string {
    return `DO $$ BEGIN IF to_regnamespace('"${this.#schema}"') IS NULL THEN
      CREATE SCHEMA "${this.#schema}"; END IF; END $$`;
  }

  #named(text: string): string {
    return text.replaceAll(/\bcontrol\./g, `"${this.#schema}".`);
  }
}

const OBJECTS = `SELECT count(*) AS objects, count(*) FILTER (WHERE c.relname = 'meta'
  AND obj_description(c.oid, 'pg_class') = 'sojourn control') AS ours
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1`;

async function transact(client: ControlClient, work: () => Promise<void>): Promise<void> {
  const beginning =
    `BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}; ` +
    `SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}; ` +
    `SET LOCAL idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT_MS}`;
  await client.query({ text: beginning, values: [] });
  try {
    await work();
    await client.query({ text: "COMMIT", values: [] });
  } catch (error) {
    await client.query({ text: "ROLLBACK", values: [] }).catch(() => undefined);
    throw error;
  }
}

function sendable(value: SqlValue): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

function ignore(): void {
  // Whoever uses the connection next is told.
}

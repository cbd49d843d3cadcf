/** Service keys at rest: everything about a key but the key. */
import type { ControlSql, SqlOutcome, SqlValue } from "./control-sql.ts";

export const SCOPES = [
  "sessions:read",
  "sessions:write",
  /** To open a session in which somebody acts as the subject. */
  "sessions:impersonate",
  "audit:read",
  "privacy:write",
  /** Of the whole installation: it may name other tenants, in the paths of tenants alone. */
  "tenants:write",
  "locks:write",
  "bulk:write",
  "webhooks:write",
  "analytics:read",
  "data:read",
  "keys:read",
  "keys:write",
  "health:read",
  "policy:read",
] as const;
export type Scope = (typeof SCOPES)[number];
/** What a back end needs, and no more. */
export const USUAL_SCOPES: readonly Scope[] = ["sessions:read", "sessions:write"];

export interface KeyRecord {
  /** 24 base64url characters; not a secret. */
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** Keyed hash of the key's secret. Not a credential. */
  readonly verifier: string;
  readonly createdAt: number;
  /** Within a minute. */
  readonly lastUsedAt?: number;
  /** Refused from here on; may lie ahead while a rotation overlaps. */
  readonly revokedAt?: number;
}

const COLUMNS = "id, name, tenant, scopes, verifier, created_at, last_used_at, revoked_at";
const FIND = `SELECT ${COLUMNS} FROM control.service_key WHERE id = ?`;
const LOOK = `SELECT ${COLUMNS} FROM control.service_key WHERE name = ? AND revoked_at IS NULL`;
const LIST = `SELECT ${COLUMNS} FROM control.service_key ORDER BY created_at DESC, id LIMIT ?`;
const LIST_OF = `SELECT ${COLUMNS} FROM control.service_key WHERE tenant = ?
  ORDER BY created_at DESC, id LIMIT ?`;
const INSERT = `INSERT INTO control.service_key (id, name, tenant, scopes, verifier, created_at)
  VALUES (?, ?, ?, ?, ?, ?)`;
const REVOKE = `UPDATE control.service_key SET revoked_at =
  CASE WHEN revoked_at < ? THEN revoked_at ELSE ? END WHERE id = ?`;
const USED = `UPDATE control.service_key SET last_used_at = ?
  WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)`;
const LIST_MAX = 1_000;

export class KeyTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** @returns false when a live key has this name already. */
  async insert(record: KeyRecord): Promise<boolean> {
    const text = `${INSERT} ON CONFLICT DO NOTHING`;
    return (await this.#sql.run("insert", text, ...valuesOf(record))).changes === 1;
  }

  async find(id: string): Promise<KeyRecord | undefined> {
    return first(await this.#sql.run("find", FIND, id));
  }

  /** By id, or by the name of a key that is not revoked. */
  async look(idOrName: string): Promise<KeyRecord | undefined> {
    const found = await this.find(idOrName);
    return found ?? first(await this.#sql.run("look", LOOK, idOrName));
  }

  /** Newest first, at most 1000. @param tenant Absent: of all. */
  async list(tenant?: string): Promise<readonly KeyRecord[]> {
    const found =
      tenant === undefined
        ? this.#sql.run("list", LIST, LIST_MAX)
        : this.#sql.run("list", LIST_OF, tenant, LIST_MAX);
    return (await found).rows.map(recordOf);
  }

  /** Idempotent; the earlier end is kept. @returns false when there is no such key. */
  async revoke(id: string, at: number): Promise<boolean> {
    return (await this.#sql.run("revoke", REVOKE, at, at, id)).changes === 1;
  }

  /** In one step: the old key ends at `at` and the new one takes its name. */
  replace(id: string, at: number, record: KeyRecord): Promise<void> {
    return this.#sql.all("rotate", [
      { text: REVOKE, values: [at, at, id] },
      { text: INSERT, values: valuesOf(record) },
    ]);
  }

  async noteUse(id: string, at: number): Promise<void> {
    await this.#sql.run("use", USED, at, id, at);
  }
}

function valuesOf({ id, name, tenant, scopes, verifier, createdAt }: KeyRecord): SqlValue[] {
  return [id, name, tenant, scopes.join(" "), verifier, createdAt];
}

function first({ rows: [row] }: SqlOutcome): KeyRecord | undefined {
  return row === undefined ? undefined : recordOf(row);
}

function recordOf(row: Readonly<Record<string, unknown>>): KeyRecord {
  const { last_used_at: lastUsedAt, revoked_at: revokedAt } = row;
  const scopes = String(row["scopes"]).split(" ");
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    tenant: String(row["tenant"]),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    verifier: String(row["verifier"]),
    createdAt: Number(row["created_at"]),
    ...(lastUsedAt === null ? {} : { lastUsedAt: Number(lastUsedAt) }),
    ...(revokedAt === null ? {} : { revokedAt: Number(revokedAt) }),
  };
}

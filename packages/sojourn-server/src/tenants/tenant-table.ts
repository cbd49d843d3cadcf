/** Tenants at rest. */
import type { TighteningLayer } from "sojourn";
import type { ControlSql, SqlOutcome, SqlValue } from "../control/control-sql.ts";
import { NO_QUOTAS, TENANT_STATES } from "./tenant.ts";
import type { Quotas, Tenant, TenantState } from "./tenant.ts";

const COLUMNS =
  "id, name, state, version, created_at, policy, quotas, wrapped_key, erased_at, purged_at";
const FIND = `SELECT ${COLUMNS} FROM control.tenant WHERE id = ?`;
const PAGE = `SELECT ${COLUMNS} FROM control.tenant WHERE id > ? ORDER BY id LIMIT ?`;
const ERASING = `SELECT ${COLUMNS} FROM control.tenant
  WHERE state = 'erased' AND (purged_at IS NULL OR erased_at > ?) ORDER BY id LIMIT ?`;
const INSERT = `INSERT INTO control.tenant
  (id, name, state, version, created_at, policy, quotas, wrapped_key)
  VALUES (?, ?, 'active', 1, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
/** Who was before there were records: sessions may be under the installation's keys. */
const ADOPT = `INSERT INTO control.tenant (id, name, state, version, created_at, policy, quotas,
  wrapped_key) SELECT tenant, tenant, 'active', 1, MIN(created_at), NULL, ?, NULL
  FROM control.service_key WHERE true GROUP BY tenant ON CONFLICT DO NOTHING`;
const CHANGE = `UPDATE control.tenant SET name = ?, state = ?, policy = ?, quotas = ?,
  version = version + 1 WHERE id = ? AND version = ? AND state <> 'erased'`;
const ERASE = `UPDATE control.tenant SET name = '', state = 'erased', policy = NULL, quotas = ?,
  wrapped_key = NULL, erased_at = ?, version = version + 1 WHERE id = ? AND state <> 'erased'`;
const REVOKE_KEYS = `UPDATE control.service_key SET revoked_at = ?
  WHERE tenant = ? AND (revoked_at IS NULL OR revoked_at > ?)`;
const PURGED = "UPDATE control.tenant SET purged_at = ? WHERE id = ? AND purged_at IS NULL";
const KEYED = `SELECT ${COLUMNS} FROM control.tenant
  WHERE id > ? AND wrapped_key IS NOT NULL ORDER BY id LIMIT ?`;
const REWRAP = "UPDATE control.tenant SET wrapped_key = ? WHERE id = ? AND wrapped_key = ?";
const COUNT_KEYS = `SELECT COUNT(*) AS keys FROM control.service_key
  WHERE tenant = ? AND (revoked_at IS NULL OR revoked_at > ?)`;

export type NewTenant = Pick<Tenant, "id" | "name" | "createdAt" | "quotas"> & {
  readonly policy?: TighteningLayer | undefined;
  readonly wrappedKey?: Uint8Array | undefined;
};

export class TenantTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  async find(id: string): Promise<Tenant | undefined> {
    return first(await this.#sql.run("find tenant", FIND, id));
  }

  /** By id, those after `after`. */
  async page(after: string, limit: number): Promise<readonly Tenant[]> {
    return (await this.#sql.run("list tenants", PAGE, after, limit)).rows.map(tenantOf);
  }

  /** Erased ones whose sessions and texts are not all gone, and those erased since `since`. */
  async erasing(since: number, limit: number): Promise<readonly Tenant[]> {
    return (await this.#sql.run("erasing tenants", ERASING, since, limit)).rows.map(tenantOf);
  }

  /** @returns false when there is one of this id, erased or not. */
  async insert(tenant: NewTenant): Promise<boolean> {
    const { id, name, createdAt, policy, quotas, wrappedKey = null } = tenant;
    const texts = [policyText(policy), JSON.stringify(quotas)] as const;
    const values = [id, name, createdAt, ...texts, wrappedKey];
    return (await this.#sql.run("add tenant", INSERT, ...values)).changes === 1;
  }

  /** Write down every tenant that a service key names and no record does, without a key. */
  async adopt(): Promise<void> {
    await this.#sql.run("adopt tenants", ADOPT, JSON.stringify(NO_QUOTAS));
  }

  /** @returns false when it is not at this version any more. */
  async change(tenant: Tenant): Promise<boolean> {
    const { id, name, state, policy, quotas, version } = tenant;
    const values: SqlValue[] = [name, state, policyText(policy), JSON.stringify(quotas)];
    return (await this.#sql.run("change tenant", CHANGE, ...values, id, version)).changes === 1;
  }

  /** In one step: its key is gone, and its service keys end. Idempotent. */
  async erase(id: string, now: number): Promise<void> {
    await this.#sql.all("erase tenant", [
      { text: ERASE, values: [JSON.stringify(NO_QUOTAS), now, id] },
      { text: REVOKE_KEYS, values: [now, id, now] },
    ]);
  }

  async purged(id: string, now: number): Promise<void> {
    await this.#sql.run("purged tenant", PURGED, now, id);
  }

  /** By id, those after `after` that have a key of their own. */
  async keyed(after: string, limit: number): Promise<readonly Tenant[]> {
    return (await this.#sql.run("keyed tenants", KEYED, after, limit)).rows.map(tenantOf);
  }

  /** @returns false when it was wrapped anew, or destroyed, meanwhile. */
  async rewrap(id: string, before: Uint8Array, wrapped: Uint8Array): Promise<boolean> {
    return (await this.#sql.run("rewrap tenant", REWRAP, wrapped, id, before)).changes === 1;
  }

  async liveKeys(id: string, now: number): Promise<number> {
    const { rows } = await this.#sql.run("count keys", COUNT_KEYS, id, now);
    return Number(rows[0]?.["keys"]);
  }
}

function policyText(policy: TighteningLayer | undefined): string | null {
  return policy === undefined ? null : JSON.stringify(policy);
}

function first({ rows: [row] }: SqlOutcome): Tenant | undefined {
  return row === undefined ? undefined : tenantOf(row);
}

function tenantOf(row: Readonly<Record<string, unknown>>): Tenant {
  const { wrapped_key: key, erased_at: erasedAt, purged_at: purgedAt, policy } = row;
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    state: stateOf(String(row["state"])),
    version: Number(row["version"]),
    createdAt: Number(row["created_at"]),
    quotas: { ...NO_QUOTAS, ...(JSON.parse(String(row["quotas"])) as Partial<Quotas>) },
    ...(typeof policy === "string" ? { policy: JSON.parse(policy) as TighteningLayer } : {}),
    ...(key instanceof Uint8Array ? { wrappedKey: key } : {}),
    ...(erasedAt === null ? {} : { erasedAt: Number(erasedAt) }),
    ...(purgedAt === null ? {} : { purgedAt: Number(purgedAt) }),
  };
}

/** What this release does not know is no reason to serve somebody. */
function stateOf(text: string): TenantState {
  return TENANT_STATES.find((state) => state === text) ?? "suspended";
}

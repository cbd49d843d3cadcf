/** Service keys at rest: everything about a key but the key. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { guard } from "./database.ts";

export const SCOPES = ["sessions:read", "sessions:write"] as const;
export type Scope = (typeof SCOPES)[number];

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
const LIST_MAX = 1_000;

export class KeyTable {
  readonly #database: DatabaseSync;
  readonly #byId: StatementSync;
  readonly #used: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#byId = database.prepare(`SELECT ${COLUMNS} FROM service_key WHERE id = ?`);
    this.#used = database.prepare(
      "UPDATE service_key SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
    );
  }

  /** @returns false when a live key has this name already. */
  insert(record: KeyRecord): boolean {
    return guard("insert", () => this.#insert(record));
  }

  #insert(record: KeyRecord): boolean {
    const statement = this.#database.prepare(
      `INSERT INTO service_key (id, name, tenant, scopes, verifier, created_at)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    const { id, name, tenant, scopes, verifier, createdAt } = record;
    return statement.run(id, name, tenant, scopes.join(" "), verifier, createdAt).changes === 1;
  }

  find(id: string): KeyRecord | undefined {
    const row = guard("find", () => this.#byId.get(id));
    return row === undefined ? undefined : recordOf(row);
  }

  /** By id, or by the name of a key that is not revoked. */
  look(idOrName: string): KeyRecord | undefined {
    const found = this.find(idOrName);
    if (found !== undefined) return found;
    const row = guard("look", () =>
      this.#database
        .prepare(`SELECT ${COLUMNS} FROM service_key WHERE name = ? AND revoked_at IS NULL`)
        .get(idOrName),
    );
    return row === undefined ? undefined : recordOf(row);
  }

  /** Newest first, at most 1000. */
  list(): readonly KeyRecord[] {
    const rows = guard("list", () =>
      this.#database
        .prepare(`SELECT ${COLUMNS} FROM service_key ORDER BY created_at DESC, id LIMIT ?`)
        .all(LIST_MAX),
    );
    return rows.map(recordOf);
  }

  /** Idempotent; the earlier end is kept. @returns false when there is no such key. */
  revoke(id: string, at: number): boolean {
    return guard("revoke", () => {
      const statement = this.#database.prepare(
        "UPDATE service_key SET revoked_at = min(coalesce(revoked_at, ?), ?) WHERE id = ?",
      );
      return statement.run(at, at, id).changes === 1;
    });
  }

  /** In one step: the old key ends at `at` and the new one takes its name. */
  replace(id: string, at: number, record: KeyRecord): void {
    guard("rotate", () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        this.revoke(id, at);
        this.#insert(record);
        this.#database.exec("COMMIT");
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  noteUse(id: string, at: number): void {
    guard("use", () => void this.#used.run(at, id));
  }
}

function recordOf(row: Record<string, unknown>): KeyRecord {
  const { last_used_at: lastUsedAt, revoked_at: revokedAt } = row;
  const scopes = String(row["scopes"]).split(" ");
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    tenant: String(row["tenant"]),
    scopes: SCOPES.filter((scope) => scopes.includes(scope)),
    verifier: String(row["verifier"]),
    createdAt: Number(row["created_at"]),
    ...(typeof lastUsedAt === "number" ? { lastUsedAt } : {}),
    ...(typeof revokedAt === "number" ? { revokedAt } : {}),
  };
}

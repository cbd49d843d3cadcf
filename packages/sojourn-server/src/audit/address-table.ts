/**
 * Whole addresses, where the installation asks for them: beside the trail and not in it, so that
 * they can go long before the entries do.
 */
import type { ControlSql, Statement } from "../control/control-sql.ts";
import type { ColumnTypes } from "../control/service-tables.ts";
import type { AuditEntry } from "./entry.ts";
import { inGroups } from "./trail-sql.ts";

export function addressTables({ int, text }: ColumnTypes): readonly string[] {
  return [
    `audit_address (id ${text} PRIMARY KEY, address ${text} NOT NULL, until_at ${int} NOT NULL)`,
  ];
}

export function addressIndexes(prefix: string): readonly string[] {
  return [`audit_address_end ON ${prefix}audit_address (until_at)`];
}

const ADD = `INSERT INTO control.audit_address (id, address, until_at) VALUES (?, ?, ?)
  ON CONFLICT DO NOTHING`;
const OVER = "DELETE FROM control.audit_address WHERE until_at <= ?";
/** Of everybody's rows: by the reference in the trail. */
const FORGET = `DELETE FROM control.audit_address WHERE id IN
  (SELECT id FROM control.audit_entry WHERE subject_ref = ? OR actor_ref = ?)`;

/** What is kept beside these entries. */
export function addressesOf(entries: readonly AuditEntry[]): readonly Statement[] {
  return entries.flatMap(({ id, at, whole }) => {
    if (whole === undefined) return [];
    return [{ text: ADD, values: [id, whole.address, Math.trunc(at + whole.keepMs)] }];
  });
}

export function forgetAddresses(reference: string): Statement {
  return { text: FORGET, values: [reference, reference] };
}

export class AddressTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** @returns by entry id. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { marks, values } of inGroups(ids.map((id) => [id]))) {
      const text = `SELECT id, address FROM control.audit_address WHERE id IN (${marks("?")})`;
      const { rows } = await this.#sql.run("audit addresses", text, ...values);
      for (const { id, address } of rows) found.set(String(id), String(address));
    }
    return found;
  }

  /** @returns how many are over and went. */
  async retire(now: number): Promise<number> {
    return (await this.#sql.run("audit addresses", OVER, Math.floor(now))).changes;
  }
}

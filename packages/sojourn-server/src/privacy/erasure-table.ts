/** Whom to forget once more: what was under way while somebody was forgotten arrives later. */
import { personKey, plain } from "../audit/chain.ts";
import type { ControlSql } from "../control/control-sql.ts";
import type { ColumnTypes } from "../control/service-tables.ts";
import type { Person } from "./holding.ts";

/** By tenant and person as the trail keeps them. */
export function erasureTables({ int, text }: ColumnTypes): readonly string[] {
  return [
    `erasure (tenant ${text} NOT NULL, person ${text} NOT NULL, due_at ${int} NOT NULL,
      PRIMARY KEY (tenant, person))`,
  ];
}

const KEEP = `INSERT INTO control.erasure (tenant, person, due_at) VALUES (?, ?, ?)
  ON CONFLICT (tenant, person) DO UPDATE SET due_at = excluded.due_at`;
const DUE = "SELECT tenant, person, due_at FROM control.erasure WHERE due_at <= ? LIMIT 100";
const DONE = "DELETE FROM control.erasure WHERE tenant = ? AND person = ? AND due_at = ?";

export interface DueErasure extends Person {
  readonly dueAt: number;
}

export class ErasureTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  async keep({ tenant, subject }: Person, dueAt: number): Promise<void> {
    const values = [plain(tenant), personKey(subject), Math.ceil(dueAt)];
    await this.#sql.run("erasure", KEEP, ...values);
  }

  async due(now: number): Promise<readonly DueErasure[]> {
    const { rows } = await this.#sql.run("erasures", DUE, Math.floor(now));
    return rows.map((row) => ({
      tenant: String(row["tenant"]),
      subject: JSON.parse(String(row["person"])) as string,
      dueAt: Number(row["due_at"]),
    }));
  }

  /** Unless it was asked for again meanwhile. */
  async done({ tenant, subject, dueAt }: DueErasure): Promise<void> {
    await this.#sql.run("erased", DONE, plain(tenant), personKey(subject), dueAt);
  }
}

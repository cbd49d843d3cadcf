/** Small facts of an installation, by name. */
import type { ControlSql } from "./control-sql.ts";

const FIND = "SELECT value FROM control.meta WHERE key = ?";
const KEEP = `INSERT INTO control.meta (key, value) VALUES (?, ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value`;

export class MetaTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  async find(key: string): Promise<string | undefined> {
    const [row] = (await this.#sql.run("meta", FIND, key)).rows;
    return row === undefined ? undefined : String(row["value"]);
  }

  async keep(key: string, value: string): Promise<void> {
    await this.#sql.run("meta", KEEP, key, value);
  }
}

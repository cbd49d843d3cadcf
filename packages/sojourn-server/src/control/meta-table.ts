/** Small facts of an installation, by name. */
import type { ControlSql } from "./control-sql.ts";

const FIND = "SELECT value FROM control.meta WHERE key = ?";
const FIRST = `INSERT INTO control.meta (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING`;
const BELOW = "DELETE FROM control.meta WHERE key LIKE ? AND key < ?";
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

  /** @returns what is kept there, for every caller: `value` only if there was nothing. */
  async keepFirst(key: string, value: string): Promise<string> {
    await this.#sql.run("meta", FIRST, key, value);
    return (await this.find(key)) ?? value;
  }

  /** Remove what begins with `prefix` and is before `end`. @param prefix Without `%` and `_`. */
  async removeBelow(prefix: string, end: string): Promise<void> {
    await this.#sql.run("meta", BELOW, `${prefix}%`, end);
  }

  async keep(key: string, value: string): Promise<void> {
    await this.#sql.run("meta", KEEP, key, value);
  }
}

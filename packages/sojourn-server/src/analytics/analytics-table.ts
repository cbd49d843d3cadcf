/** Figures by tenant and hour, written with the position in the trail: each entry counts once. */
import { inGroups } from "../audit/trail-sql.ts";
import { plain } from "../audit/chain.ts";
import type { ControlSql, Statement } from "../control/control-sql.ts";
import { FIGURES } from "./figures.ts";
import type { Amount } from "./figures.ts";

/** Of the gauge `active`: the last sample, the highest, and whether one was a lower bound. */
const GAUGE = ["last", "peak", "inexact"] as const;

const COLUMNS = "tenant, hour, kind, label, amount";
const ADD = `INSERT INTO control.analytics_count (${COLUMNS}) VALUES `;
const SUM = ` ON CONFLICT (tenant, hour, kind, label)
  DO UPDATE SET amount = analytics_count.amount + excluded.amount`;
const LAST = ` ON CONFLICT (tenant, hour, kind, label) DO UPDATE SET amount = excluded.amount`;
const PEAK = `${LAST} WHERE analytics_count.amount < excluded.amount`;
const READ = `SELECT hour, kind, label, amount FROM control.analytics_count
  WHERE tenant = ? AND hour >= ? AND hour < ? ORDER BY hour`;
const TENANTS = `SELECT DISTINCT tenant FROM control.analytics_count
  WHERE hour >= ? AND tenant <> '' LIMIT ?`;
const RETIRE = "DELETE FROM control.analytics_count WHERE hour < ?";
const MARKS = "(?, ?, ?, ?, ?)";

export class AnalyticsTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** @param from First hour. @param to The one after the last. */
  async read(tenant: string, from: number, to: number): Promise<readonly Amount[]> {
    const { rows } = await this.#sql.run("analytics", READ, plain(tenant), from, to);
    return rows.flatMap((row) => {
      const figure = FIGURES.find((one) => one === row["kind"]);
      const [hour, amount] = [Number(row["hour"]), Number(row["amount"])];
      const label = String(row["label"]);
      return figure === undefined ? [] : [{ tenant, hour, figure, label, amount }];
    });
  }

  /** Tenants of which something was told since this hour. */
  async tenants(since: number, limit: number): Promise<readonly string[]> {
    const { rows } = await this.#sql.run("analytics tenants", TENANTS, since, limit);
    return rows.map(({ tenant }) => String(tenant));
  }

  /** How many sessions live now. */
  async sample(
    tenant: string,
    hour: number,
    { count, exact }: { readonly count: number; readonly exact: boolean },
  ): Promise<void> {
    const row = (label: (typeof GAUGE)[number], amount: number): Statement["values"] => [
      plain(tenant),
      hour,
      "active",
      label,
      amount,
    ];
    await this.#sql.all("analytics sample", [
      { text: ADD + MARKS + LAST, values: row("last", count) },
      { text: ADD + MARKS + PEAK, values: row("peak", count) },
      { text: ADD + MARKS + PEAK, values: row("inexact", exact ? 0 : 1) },
    ]);
  }

  /** @returns how many rows went. */
  async retire(before: number): Promise<number> {
    return (await this.#sql.run("analytics retire", RETIRE, before)).changes;
  }
}

/** To be written with the position. */
export function additions(amounts: readonly Amount[]): readonly Statement[] {
  const sums = new Map<string, Amount>();
  for (const one of amounts) {
    const key = JSON.stringify([one.tenant, one.hour, one.figure, one.label]);
    const amount = (sums.get(key)?.amount ?? 0) + one.amount;
    sums.set(key, { ...one, amount });
  }
  const rows = [...sums.values()].map(({ tenant, hour, figure, label, amount }) => [
    tenant,
    hour,
    figure,
    label,
    amount,
  ]);
  return inGroups(rows, false).map(({ marks, values }) => ({
    text: ADD + marks(MARKS) + SUM,
    values,
  }));
}

/** Figures of an installation: counted from the trail, sampled from the store, read, retired. */
import type { Sessions } from "sojourn";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";
import type { ControlSql, Statement } from "../control/control-sql.ts";
import { positionOf } from "../consumers/consumer.ts";
import { additions } from "./analytics-table.ts";
import type { AnalyticsTable } from "./analytics-table.ts";
import { amountsOf, HOUR_MS } from "./figures.ts";
import type { Amount } from "./figures.ts";

export interface AnalyticsParts {
  readonly table: AnalyticsTable;
  readonly sql: ControlSql;
  readonly reader: TrailReader;
  readonly sessions: Pick<Sessions, "count">;
  readonly now: () => number;
  /** 0: for ever. */
  readonly keepDays: number;
}

export const ANALYTICS_CONSUMER = "analytics";
const SAMPLE_EVERY_MS = 60_000;
/** So many tenants are sampled at once; counts are bounded by the stores. */
const TENANTS_MAX = 100;
const DAY_HOURS = 24;

export class Analytics {
  readonly #parts: AnalyticsParts;
  #sampledAt = Number.NEGATIVE_INFINITY;

  constructor(parts: AnalyticsParts) {
    this.#parts = parts;
  }

  /** What the entries add, to be written with the position. */
  take(entries: readonly ReadEntry[]): readonly Statement[] {
    return additions(entries.flatMap(amountsOf));
  }

  /** Once a minute, by the process that counts. */
  async sample(): Promise<void> {
    const { table, sessions, now } = this.#parts;
    const monotonic = performance.now();
    if (monotonic - this.#sampledAt < SAMPLE_EVERY_MS) return;
    const hour = Math.floor(now() / HOUR_MS);
    const tenants = await table.tenants(hour - DAY_HOURS, TENANTS_MAX);
    // The first one need not wait for a minute.
    if (tenants.length > 0) this.#sampledAt = monotonic;
    for (const tenant of tenants) {
      await table.sample(tenant, hour, await sessions.count({ tenant }));
    }
  }

  /** @param hours First one, and the one after the last. */
  async read(
    tenant: string,
    [from, to]: readonly [number, number],
  ): Promise<{ readonly amounts: readonly Amount[]; readonly behind: number }> {
    const { table, sql, reader } = this.#parts;
    const amounts = await table.read(tenant, from, to);
    const [head, position] = [await reader.head(), await positionOf(sql, ANALYTICS_CONSUMER)];
    return { amounts, behind: Math.max(0, (head?.seq ?? 0) - (position ?? 0)) };
  }

  /** @returns how many rows went. */
  async retire(): Promise<number> {
    const { table, now, keepDays } = this.#parts;
    if (keepDays === 0) return 0;
    return table.retire(Math.floor(now() / HOUR_MS) - keepDays * DAY_HOURS);
  }
}

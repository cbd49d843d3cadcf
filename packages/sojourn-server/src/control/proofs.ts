/** DPoP proofs that were taken: shared by every process on the control store. */
import { StoreUnavailableError } from "sojourn";
import type { ReplayCache } from "sojourn";
import type { ControlSql } from "./control-sql.ts";

/** A thousand a second for the longest window there is. */
const PROOFS_MAX = 1_000_000;

const CLAIM = `INSERT INTO control.proof (slot, until_at) VALUES (?, ?)
  ON CONFLICT (slot) DO UPDATE SET until_at = excluded.until_at WHERE proof.until_at <= ?`;
const TIDY = "DELETE FROM control.proof WHERE until_at <= ?";
const COUNT = "SELECT count(*) AS proofs FROM control.proof";

export interface ProofsOptions {
  readonly now: () => number;
  /** Looked at when it is tidied. */
  readonly max?: number;
}

export class Proofs implements ReplayCache {
  readonly #sql: ControlSql;
  readonly #now: () => number;
  readonly #max: number;
  #full = false;

  constructor(sql: ControlSql, { now, max = PROOFS_MAX }: ProofsOptions) {
    this.#sql = sql;
    this.#now = now;
    this.#max = max;
  }

  async claim(key: string, untilAt: number, now: number): Promise<boolean> {
    if (this.#full) throw new StoreUnavailableError("there is no room for proofs");
    const times = [Math.ceil(untilAt), Math.floor(now)];
    const { changes } = await this.#sql.run("claim a proof", CLAIM, key, ...times);
    return changes === 1;
  }

  /** Forget what is over, and refuse more while there are too many. @returns how many went. */
  async tidy(): Promise<number> {
    const { changes } = await this.#sql.run("tidy proofs", TIDY, Math.floor(this.#now()));
    const { rows } = await this.#sql.run("count proofs", COUNT);
    this.#full = Number(rows[0]?.["proofs"]) >= this.#max;
    return changes;
  }
}

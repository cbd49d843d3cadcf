/** What the service keeps besides sessions: service keys, replies for idempotency, proofs. */
import type { ControlSql } from "./control-sql.ts";
import { KeyTable } from "./key-table.ts";
import { MetaTable } from "./meta-table.ts";
import { Proofs } from "./proofs.ts";
import { Replies } from "./replies.ts";

export class ControlStore {
  readonly keys: KeyTable;
  readonly replies: Replies;
  readonly proofs: Proofs;
  readonly meta: MetaTable;
  readonly #sql: ControlSql;

  constructor(sql: ControlSql, secrets: readonly string[], now: () => number) {
    this.#sql = sql;
    this.keys = new KeyTable(sql);
    this.meta = new MetaTable(sql);
    this.replies = new Replies(sql, secrets, now);
    this.proofs = new Proofs(sql, { now });
  }

  close(): Promise<void> {
    return this.#sql.close();
  }
}

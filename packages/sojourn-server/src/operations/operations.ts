/** Long work on many sessions: started, listed, cancelled; goes on whatever process is killed. */
import { randomBytes } from "node:crypto";
import type { Sessions } from "sojourn";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Circumstances } from "../audit/entry.ts";
import { present } from "../config/present.ts";
import type { ControlSql } from "../control/control-sql.ts";
import type { Search } from "../search/search.ts";
import { OperationTable } from "./operation-table.ts";
import type { NewOperation, Operation } from "./spec.ts";
import { Worker } from "./worker.ts";

export interface OperationsParts {
  readonly sql: ControlSql;
  readonly search: Pick<Search, "page" | "count" | "caughtUp">;
  readonly sessions: Sessions;
  readonly log: Pick<AuditLog, "note">;
  readonly circumstances: () => Circumstances;
  readonly now: () => number;
  readonly onTrouble?: ((error: unknown) => void) | undefined;
  readonly leaseMs?: number | undefined;
}

export const COUNTED_MAX = 100_000;
const ID_BYTES = 18;
const KEPT_MS = 30 * 86_400_000;

export class Operations {
  readonly #parts: OperationsParts;
  readonly #table: OperationTable;
  readonly #worker: Worker;

  constructor(parts: OperationsParts) {
    this.#parts = parts;
    this.#table = new OperationTable(parts.sql);
    const { search, sessions, now, onTrouble, leaseMs } = parts;
    const finished = (operation: Operation): void => this.#note("operation-finished", operation);
    const table = this.#table;
    this.#worker = new Worker({ table, search, sessions, now, finished, onTrouble, leaseMs });
  }

  /** Work on what there is, beside other processes that do. */
  work(): void {
    this.#worker.start();
  }

  /** The chunk under way is finished first. Idempotent. */
  stop(): Promise<void> {
    return this.#worker.stop();
  }

  /** It is worked on by whatever process comes first; sessions opened later are left alone. */
  async start(wanted: NewOperation): Promise<Operation> {
    const now = this.#parts.now();
    const { tenant, actor, total, before = now, filter, ...rest } = wanted;
    const createdBefore = Math.min(before, filter.createdBefore ?? before);
    const bounded = { ...filter, createdBefore };
    const counted = total ?? (await this.#parts.search.count(tenant, bounded, COUNTED_MAX)).count;
    const operation: Operation = {
      ...rest,
      id: `op_${randomBytes(ID_BYTES).toString("base64url")}`,
      tenant,
      actor,
      filter: bounded,
      state: "running",
      createdAt: now,
      finishedAt: undefined,
      total: counted,
      done: 0,
      failed: 0,
      failures: [],
      trouble: undefined,
    };
    await this.#table.insert(operation);
    this.#note("operation-started", operation);
    this.#worker.wake();
    return operation;
  }

  find(tenant: string, id: string): Promise<Operation | undefined> {
    return this.#table.find(tenant, id);
  }

  /** Newest first. */
  list(
    tenant: string,
    limit: number,
    after?: { readonly createdAt: number; readonly id: string },
  ): Promise<readonly Operation[]> {
    return this.#table.list(tenant, limit, after);
  }

  /** The chunk under way is finished. @returns it as it is now; `undefined` when there is none. */
  async cancel(tenant: string, id: string, actor: string): Promise<Operation | undefined> {
    const cancelled = await this.#table.finish(tenant, id, "cancelled", this.#parts.now());
    const operation = await this.#table.find(tenant, id);
    if (cancelled && operation !== undefined) {
      this.#note("operation-cancelled", { ...operation, actor });
    }
    return operation;
  }

  /** Forget what was over a month ago. */
  tidy(): Promise<number> {
    return this.#table.tidy(this.#parts.now() - KEPT_MS);
  }

  /** @returns false while it runs, or when there is none. */
  forget(tenant: string, id: string): Promise<boolean> {
    return this.#table.forget(tenant, id);
  }

  #note(name: string, { actor, tenant, ...operation }: Operation): void {
    const { key, request } = this.#parts.circumstances();
    const { id, action, total, done, failed, cause, filter, except } = operation;
    // A person is named where an erasure finds it.
    const { subject, ...others } = filter;
    const detail = { operation: id, action, filter: others, except, total, done, failed };
    const about = present({ subject, request, key: key?.id, cause, detail });
    this.#parts.log.note(name, actor, about, tenant);
  }
}

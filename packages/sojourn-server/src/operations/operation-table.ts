/** Operations as rows of the control store. Whoever has an operation's lease works on it. */
import type { ControlSql } from "../control/control-sql.ts";
import type { Failure, Operation, OperationSpec, OperationState } from "./spec.ts";

/** Where the work on an operation is. */
export interface Progress {
  readonly done: number;
  readonly failed: number;
  readonly failures: readonly Failure[];
  /** Of the search; absent: from the beginning. */
  readonly place: string | undefined;
  /** Noted before they are worked on, so that a crash between repeats these and no others. */
  readonly chunk: readonly string[] | undefined;
  readonly trouble: string | undefined;
}

/** An operation and how far it is. */
export interface Work {
  readonly operation: Operation;
  readonly progress: Progress;
}

const COLUMNS = `id, tenant, state, created_at, finished_at, actor, spec, total, done, failed,
  failures, place, chunk, trouble`;
const INSERT = `INSERT INTO control.operation (id, tenant, state, created_at, actor, spec, total,
  done, failed, failures, holder, until_at) VALUES (?, ?, 'running', ?, ?, ?, ?, 0, 0, '[]', '', 0)`;
const FIND = `SELECT ${COLUMNS} FROM control.operation WHERE tenant = ? AND id = ?`;
const LIST = `SELECT ${COLUMNS} FROM control.operation WHERE tenant = ?
  AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?`;
const RUNNING = `SELECT ${COLUMNS} FROM control.operation WHERE state = 'running'
  AND (until_at < ? OR holder = ?) ORDER BY until_at, created_at LIMIT 1`;
const CLAIM = `UPDATE control.operation SET holder = ?, until_at = ? WHERE id = ?
  AND state = 'running' AND (until_at < ? OR holder = ?)`;
const KEEP = `UPDATE control.operation SET done = ?, failed = ?, failures = ?, place = ?, chunk = ?,
  trouble = ?, until_at = ? WHERE id = ? AND holder = ?`;
// Whoever works on it still notes what it has done.
const FINISH = `UPDATE control.operation SET state = ?, finished_at = ?
  WHERE tenant = ? AND id = ? AND state = 'running'`;
const LEAVE = "UPDATE control.operation SET until_at = 0, holder = '' WHERE holder = ?";
const TIDY = "DELETE FROM control.operation WHERE state <> 'running' AND finished_at < ?";
const FORGET = "DELETE FROM control.operation WHERE tenant = ? AND id = ? AND state <> 'running'";
const LATEST = 8_640_000_000_000_000;

export class OperationTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  async insert(operation: Operation): Promise<void> {
    const { id, tenant, createdAt, actor, total } = operation;
    const { action, filter, except, cause, factors } = operation;
    const spec = JSON.stringify({ action, filter, except, cause, factors });
    await this.#sql.run("operation", INSERT, id, tenant, createdAt, actor, spec, total);
  }

  async find(tenant: string, id: string): Promise<Operation | undefined> {
    const [row] = (await this.#sql.run("operation", FIND, tenant, id)).rows;
    return row === undefined ? undefined : operationOf(row);
  }

  /** Newest first. */
  async list(
    tenant: string,
    limit: number,
    after?: { readonly createdAt: number; readonly id: string },
  ): Promise<readonly Operation[]> {
    const { createdAt, id } = after ?? { createdAt: LATEST, id: "" };
    const { rows } = await this.#sql.run("operations", LIST, tenant, createdAt, id, limit);
    return rows.map(operationOf);
  }

  /** One that nobody works on, from here on this process's. */
  async claim(holder: string, now: number, untilAt: number): Promise<Work | undefined> {
    const [row] = (await this.#sql.run("operation claim", RUNNING, now, holder)).rows;
    if (row === undefined) return undefined;
    const id = String(row["id"]);
    const claimed = await this.#sql.run("operation claim", CLAIM, holder, untilAt, id, now, holder);
    if (claimed.changes === 0) return undefined;
    const { rows } = await this.#sql.run("operation claim", FIND, String(row["tenant"]), id);
    return rows[0] === undefined ? undefined : workOf(rows[0]);
  }

  /** @returns false when another has taken over: what it notes counts. */
  async keep(id: string, holder: string, progress: Progress, untilAt: number): Promise<boolean> {
    const { done, failed, failures, place = null, chunk, trouble = null } = progress;
    const ids = chunk === undefined ? null : JSON.stringify(chunk);
    const values = [done, failed, JSON.stringify(failures), place, ids, trouble, untilAt];
    const { changes } = await this.#sql.run("operation keep", KEEP, ...values, id, holder);
    return changes === 1;
  }

  /** @returns false when it was no longer running. */
  async finish(
    tenant: string,
    id: string,
    state: Exclude<OperationState, "running">,
    at: number,
  ): Promise<boolean> {
    return (await this.#sql.run("operation finish", FINISH, state, at, tenant, id)).changes === 1;
  }

  async leave(holder: string): Promise<void> {
    await this.#sql.run("operation leave", LEAVE, holder);
  }

  /** @returns false while it runs, or when there is none. */
  async forget(tenant: string, id: string): Promise<boolean> {
    return (await this.#sql.run("operation forget", FORGET, tenant, id)).changes === 1;
  }

  async tidy(before: number): Promise<number> {
    return (await this.#sql.run("operation tidy", TIDY, before)).changes;
  }
}

type Row = Readonly<Record<string, unknown>>;

function operationOf(row: Row): Operation {
  const spec = JSON.parse(String(row["spec"])) as OperationSpec;
  const finishedAt = row["finished_at"];
  return {
    ...spec,
    id: String(row["id"]),
    tenant: String(row["tenant"]),
    state: String(row["state"]) as OperationState,
    actor: String(row["actor"]),
    createdAt: Number(row["created_at"]),
    finishedAt: finishedAt === null ? undefined : Number(finishedAt),
    total: Number(row["total"]),
    done: Number(row["done"]),
    failed: Number(row["failed"]),
    failures: JSON.parse(String(row["failures"])) as Failure[],
    trouble: textIn(row["trouble"]),
  };
}

function workOf(row: Row): Work {
  const operation = operationOf(row);
  const { done, failed, failures, trouble } = operation;
  const chunk = textIn(row["chunk"]);
  const ids = chunk === undefined ? undefined : (JSON.parse(chunk) as string[]);
  const place = textIn(row["place"]);
  return { operation, progress: { done, failed, failures, trouble, place, chunk: ids } };
}

function textIn(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : (value as string);
}

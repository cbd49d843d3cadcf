/** What one administrator asked for and a second one has to approve. */
import { randomBytes } from "node:crypto";
import type { ControlSql } from "./control-sql.ts";

export const APPROVAL_STATES = ["pending", "approved", "rejected", "expired"] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

interface Person {
  readonly id: string;
  readonly name: string;
}

export interface NewApproval {
  readonly tenant: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly summary: string;
  /** JSON. */
  readonly body: string;
  readonly by: Person;
}

export interface Approval extends NewApproval {
  /** `apr_` and 24 base64url characters. */
  readonly id: string;
  readonly state: ApprovalState;
  readonly createdAt: number;
  readonly untilAt: number;
  readonly decidedBy?: Person;
  readonly decidedAt?: number;
  /** Of the answer, when it was carried out. */
  readonly status?: number;
}

const COLUMNS = `id, tenant, method, path, summary, body, by_id, by_name, created_at, until_at,
  state, decided_id, decided_name, decided_at, status`;
const INSERT = `INSERT INTO control.console_approval
  (id, tenant, method, path, summary, body, by_id, by_name, created_at, until_at, state)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')`;
const FIND = `SELECT ${COLUMNS} FROM control.console_approval WHERE id = ?`;
const LIST = `SELECT ${COLUMNS} FROM control.console_approval ORDER BY created_at DESC, id LIMIT ?`;
const PENDING = `SELECT ${COLUMNS} FROM control.console_approval
  WHERE state = 'pending' AND until_at > ? ORDER BY created_at DESC, id LIMIT ?`;
const DECIDE = `UPDATE control.console_approval
  SET state = ?, decided_id = ?, decided_name = ?, decided_at = ?
  WHERE id = ? AND state = 'pending' AND until_at > ?`;
const DONE = "UPDATE control.console_approval SET status = ? WHERE id = ?";
const FORGET = "DELETE FROM control.console_approval WHERE until_at < ?";

const DAY_MS = 86_400_000;
const LIFE_MS = DAY_MS;
const KEPT_MS = 90 * DAY_MS;
const PENDING_MAX = 200;

export class ConsoleApprovals {
  readonly #sql: ControlSql;
  readonly #now: () => number;

  constructor(sql: ControlSql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
  }

  /** @returns `undefined` while as many are pending as may be. */
  async ask(wanted: NewApproval): Promise<Approval | undefined> {
    const now = this.#now();
    await this.#sql.run("approvals", FORGET, now - KEPT_MS);
    if ((await this.list("pending")).length >= PENDING_MAX) return undefined;
    const id = `apr_${randomBytes(18).toString("base64url")}`;
    const { tenant, method, path, summary, body, by } = wanted;
    const values = [id, tenant, method, path, summary, body, by.id, by.name, now, now + LIFE_MS];
    await this.#sql.run("approval", INSERT, ...values);
    return { ...wanted, id, state: "pending", createdAt: now, untilAt: now + LIFE_MS };
  }

  async find(id: string): Promise<Approval | undefined> {
    const [row] = (await this.#sql.run("approval", FIND, id)).rows;
    return row === undefined ? undefined : approvalOf(row, this.#now());
  }

  /** Newest first, at most 200. */
  async list(which: "pending" | "any"): Promise<readonly Approval[]> {
    const now = this.#now();
    const found =
      which === "any"
        ? this.#sql.run("approvals", LIST, PENDING_MAX)
        : this.#sql.run("approvals", PENDING, now, PENDING_MAX);
    return (await found).rows.map((row) => approvalOf(row, now));
  }

  /** True for the one decision that counts. */
  async decide(id: string, state: "approved" | "rejected", by: Person): Promise<boolean> {
    const now = this.#now();
    const values = [state, by.id, by.name, now, id, now];
    return (await this.#sql.run("approval", DECIDE, ...values)).changes === 1;
  }

  async done(id: string, status: number): Promise<void> {
    await this.#sql.run("approval", DONE, status, id);
  }
}

function approvalOf(row: Readonly<Record<string, unknown>>, now: number): Approval {
  const { decided_at: decidedAt, status } = row;
  const untilAt = Number(row["until_at"]);
  const kept = APPROVAL_STATES.find((one) => one === row["state"]) ?? "expired";
  return {
    id: String(row["id"]),
    tenant: String(row["tenant"]),
    method: String(row["method"]),
    path: String(row["path"]),
    summary: String(row["summary"]),
    body: String(row["body"]),
    by: { id: String(row["by_id"]), name: String(row["by_name"]) },
    createdAt: Number(row["created_at"]),
    untilAt,
    state: kept === "pending" && now >= untilAt ? "expired" : kept,
    ...(decidedAt === null
      ? {}
      : {
          decidedBy: { id: String(row["decided_id"]), name: String(row["decided_name"]) },
          decidedAt: Number(decidedAt),
        }),
    ...(status === null ? {} : { status: Number(status) }),
  };
}

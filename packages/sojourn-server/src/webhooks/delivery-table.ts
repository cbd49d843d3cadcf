/** What is to be sent to whom, and what became of it. What is sent itself stays in the trail. */
import type { ReadEntry } from "../audit/trail-reader.ts";
import { plain } from "../audit/chain.ts";
import { inGroups } from "../audit/trail-sql.ts";
import type { ControlSql, SqlOutcome, SqlValue, Statement } from "../control/control-sql.ts";
import { TROUBLES } from "./attempt.ts";
import type { Attempted, Trouble } from "./attempt.ts";
import type { Endpoint } from "./endpoint-table.ts";

/** `held`: its endpoint is disabled. `dead`: all tries failed. */
export const DELIVERY_STATES = ["waiting", "held", "done", "dead"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface Delivery {
  readonly endpoint: string;
  /** Of the entry in the trail. */
  readonly seq: number;
  /** The `webhook-id`: the same at every try. */
  readonly id: string;
  readonly name: string;
  /** When it happened. */
  readonly at: number;
  readonly state: DeliveryState;
  readonly tries: number;
  readonly dueAt: number;
  /** Of the last answer. */
  readonly status?: number;
  readonly trouble?: Trouble;
  readonly triedAt?: number;
}

/** What is sent again: one message, those that are dead, or all of a time. */
export type Again =
  | { readonly delivery: string }
  | { readonly dead: true }
  | { readonly from: number; readonly to: number };

export interface DeliveryFilter {
  readonly state?: DeliveryState | undefined;
  readonly before?: number | undefined;
}

/** Most that one call sends again. */
export const AGAIN_MAX = 10_000;

const COLUMNS = "endpoint, seq, id, name, at, state, tries, due_at, status, trouble, tried_at";
const ADD = `INSERT INTO control.webhook_delivery (endpoint, seq, id, name, at, state, tries,
  due_at) VALUES `;
const ADD_EACH = "(?, ?, ?, ?, ?, 'waiting', 0, ?)";
const WITH_DUE = `SELECT DISTINCT endpoint FROM control.webhook_delivery
  WHERE state = 'waiting' AND due_at <= ?`;
const DUE = `SELECT ${COLUMNS} FROM control.webhook_delivery WHERE endpoint = ?
  AND state = 'waiting' AND due_at <= ? ORDER BY due_at, seq LIMIT ?`;
const TRIED = `UPDATE control.webhook_delivery SET state = ?, tries = ?, due_at = ?, status = ?,
  trouble = ?, tried_at = ? WHERE endpoint = ? AND seq = ? AND state = 'waiting' AND tries = ?`;
const AGAIN_ONE = `UPDATE control.webhook_delivery SET state = 'waiting', tries = 0, due_at = ?
  WHERE endpoint = ? AND id = ?`;
const AGAIN_DEAD = `UPDATE control.webhook_delivery SET state = 'waiting', tries = 0, due_at = ?
  WHERE endpoint = ? AND seq IN (SELECT seq FROM control.webhook_delivery
  WHERE endpoint = ? AND state = 'dead' ORDER BY seq LIMIT ${AGAIN_MAX})`;
/** With a type, for a value that goes through a SELECT into PostgreSQL. */
const INT = "CAST(? AS bigint)";
const TIDY = `DELETE FROM control.webhook_delivery
  WHERE (state = 'done' AND tried_at <= ?) OR (state = 'dead' AND tried_at <= ?)`;

const DAY_MS = 86_400_000;
const DONE_KEPT_MS = 7 * DAY_MS;
const DEAD_KEPT_MS = 30 * DAY_MS;

export class DeliveryTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** Endpoints for which something is due. */
  async withDue(now: number): Promise<readonly string[]> {
    const { rows } = await this.#sql.run("webhooks due", WITH_DUE, now);
    return rows.map(({ endpoint }) => String(endpoint));
  }

  async due(endpoint: string, now: number, limit: number): Promise<readonly Delivery[]> {
    return deliveriesOf(await this.#sql.run("webhook due", DUE, endpoint, now, limit));
  }

  /**
   * What became of a try.
   *
   * @param next When the next one is; `undefined`: there is none.
   * @returns false when somebody else has written meanwhile: a replay, or another process.
   */
  async tried(
    delivery: Delivery,
    { status, trouble }: Attempted,
    { at, next }: { readonly at: number; readonly next: number | undefined },
  ): Promise<boolean> {
    const state = trouble === undefined ? "done" : next === undefined ? "dead" : "waiting";
    const outcome = [state, delivery.tries + 1, next ?? at, status ?? null, trouble ?? null, at];
    const which = [delivery.endpoint, delivery.seq, delivery.tries];
    return (await this.#sql.run("webhook tried", TRIED, ...outcome, ...which)).changes === 1;
  }

  /** Newest first. */
  async list(
    endpoint: string,
    { state, before }: DeliveryFilter,
    limit: number,
  ): Promise<readonly Delivery[]> {
    const text =
      `SELECT ${COLUMNS} FROM control.webhook_delivery WHERE endpoint = ?` +
      `${state === undefined ? "" : " AND state = ?"}${before === undefined ? "" : " AND seq < ?"}` +
      " ORDER BY seq DESC LIMIT ?";
    const given = [state, before].filter((one) => one !== undefined);
    return deliveriesOf(await this.#sql.run("webhook list", text, endpoint, ...given, limit));
  }

  /** With the ids they had: a receiver knows what it has already. @returns how many. */
  async again(endpoint: Endpoint, what: Again, now: number): Promise<number> {
    const { id } = endpoint;
    const send = async (text: string, ...values: readonly SqlValue[]): Promise<number> =>
      (await this.#sql.run("webhook again", text, ...values)).changes;
    if ("delivery" in what) return send(AGAIN_ONE, now, id, what.delivery);
    if ("dead" in what) return send(AGAIN_DEAD, now, id, id);
    const { text, values } = againFrom(endpoint, what, now);
    return send(text, ...values);
  }

  /** Forget what was done a week ago, and dead a month ago. @returns how many went. */
  async tidy(now: number): Promise<number> {
    const until = [now - DONE_KEPT_MS, now - DEAD_KEPT_MS].map(Math.trunc);
    return (await this.#sql.run("webhook tidy", TIDY, ...until)).changes;
  }
}

/** The same for one entry and endpoint for ever. Without a full stop: signatures part at it. */
function deliveryId(entry: string, endpoint: string): string {
  return `msg_${entry.replaceAll(".", "_")}_${endpoint}`;
}

/** Whoever was not asked for it by name gets everything. */
function wants({ tenant, events, sinceSeq }: Endpoint, entry: ReadEntry): boolean {
  if (plain(tenant) !== entry.tenant || entry.seq <= sinceSeq) return false;
  return events.length === 0 || events.includes(entry.name);
}

/** Deliveries for new entries, to be written with the position. */
export function queued(
  entries: readonly ReadEntry[],
  endpoints: readonly Endpoint[],
  now: number,
): readonly Statement[] {
  const rows = entries.flatMap((entry) =>
    endpoints
      .filter((endpoint) => wants(endpoint, entry))
      .map(({ id: endpoint }) => {
        const { seq, id, name, at } = entry;
        return [endpoint, seq, deliveryId(id, endpoint), name, at, Math.trunc(now)];
      }),
  );
  return inGroups(rows, false).map(({ marks, values }) => ({
    text: `${ADD}${marks(ADD_EACH)} ON CONFLICT DO NOTHING`,
    values,
  }));
}

function againFrom(
  { id, tenant, events }: Endpoint,
  { from, to }: { readonly from: number; readonly to: number },
  now: number,
): Statement {
  const names = events.length === 0 ? "" : ` AND name IN (${events.map(() => "?").join(", ")})`;
  const text = `INSERT INTO control.webhook_delivery (endpoint, seq, id, name, at, state, tries,
    due_at) SELECT CAST(? AS text), seq, 'msg_' || replace(id, '.', '_') || '_' || CAST(? AS text),
    name, at, 'waiting', 0, ${INT} FROM control.audit_entry
    WHERE tenant = ? AND at >= ? AND at < ?${names} ORDER BY seq LIMIT ${AGAIN_MAX}
    ON CONFLICT (endpoint, seq) DO UPDATE SET state = 'waiting', tries = 0,
    due_at = excluded.due_at`;
  const which = [plain(tenant), Math.trunc(from), Math.trunc(to), ...events];
  return { text, values: [id, id, Math.trunc(now), ...which] };
}

function deliveriesOf({ rows }: SqlOutcome): readonly Delivery[] {
  return rows.map((row) => {
    const { status } = row;
    const trouble = TROUBLES.find((one) => one === row["trouble"]);
    const triedAt = row["tried_at"];
    return {
      endpoint: String(row["endpoint"]),
      seq: Number(row["seq"]),
      id: String(row["id"]),
      name: String(row["name"]),
      at: Number(row["at"]),
      state: DELIVERY_STATES.find((one) => one === row["state"]) ?? "dead",
      tries: Number(row["tries"]),
      dueAt: Number(row["due_at"]),
      ...(status === null ? {} : { status: Number(status) }),
      ...(trouble === undefined ? {} : { trouble }),
      ...(triedAt === null ? {} : { triedAt: Number(triedAt) }),
    };
  });
}

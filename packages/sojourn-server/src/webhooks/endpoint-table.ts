/** Endpoints of webhooks at rest. Their secrets lie sealed. */
import type { ControlSql, SqlOutcome, SqlValue } from "../control/control-sql.ts";
import { BEGIN_CONSUMER } from "../consumers/consumer.ts";

export const DISABLED_BY = ["operator", "failing", "gone"] as const;
export type DisabledBy = (typeof DISABLED_BY)[number];

export interface Endpoint {
  /** `whk_…`; not a secret. */
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  /** Names of entries; empty: all. */
  readonly events: readonly string[];
  readonly description: string;
  /** Absent: it is on. */
  readonly disabled?: DisabledBy;
  /** Entries up to here were before it. */
  readonly sinceSeq: number;
  /** The first failure after the last success. */
  readonly failingSince?: number;
  readonly secret: Uint8Array;
  readonly oldSecret?: Uint8Array;
  /** Up to here both sign. */
  readonly oldUntil?: number;
  readonly version: number;
  readonly createdAt: number;
}

/** Name of the consumer that queues deliveries. */
export const WEBHOOK_CONSUMER = "webhooks";

/** What a change writes, besides the version. */
export type EndpointChange = Partial<
  Pick<Endpoint, "url" | "events" | "description" | "secret" | "oldSecret" | "oldUntil">
> & {
  /** `null`: it is on, and begins anew. */
  readonly disabled?: DisabledBy | null;
};

const COLUMNS = `id, tenant, url, events, description, disabled, since_seq, failing_since, secret,
  old_secret, old_until, version, created_at`;
const INSERT = `INSERT INTO control.webhook (${COLUMNS})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const FIND = `SELECT ${COLUMNS} FROM control.webhook WHERE id = ?`;
const LIST = `SELECT ${COLUMNS} FROM control.webhook WHERE tenant = ? ORDER BY created_at, id`;
const ACTIVE = `SELECT ${COLUMNS} FROM control.webhook WHERE disabled IS NULL`;
const CHANGE = `UPDATE control.webhook SET url = ?, events = ?, description = ?, disabled = ?,
  since_seq = ?, failing_since = ?, secret = ?, old_secret = ?, old_until = ?, version = ?
  WHERE id = ? AND version = ?`;
const FAILS = `UPDATE control.webhook SET failing_since = ?
  WHERE id = ? AND failing_since IS NULL`;
const ANSWERS = "UPDATE control.webhook SET failing_since = NULL WHERE id = ?";
const HOLD = `UPDATE control.webhook_delivery SET state = 'held'
  WHERE endpoint = ? AND state = 'waiting'`;
const GO_ON = `UPDATE control.webhook_delivery SET state = 'waiting'
  WHERE endpoint = ? AND state = 'held'`;
const REMOVE = "DELETE FROM control.webhook WHERE id = ? AND version = ?";
const REMOVE_DELIVERIES = "DELETE FROM control.webhook_delivery WHERE endpoint = ?";

export class EndpointTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** Deliveries begin here, also when no service runs yet. */
  async insert(endpoint: Endpoint): Promise<void> {
    const { id, tenant, version, createdAt } = endpoint;
    const [url, events, description, disabled, sinceSeq, ...rest] = changeable(endpoint);
    const first = [id, tenant, url, events, description, disabled, sinceSeq] as SqlValue[];
    await this.#sql.all("webhook", [
      { text: BEGIN_CONSUMER, values: [WEBHOOK_CONSUMER, endpoint.sinceSeq] },
      { text: INSERT, values: [...first, ...rest, version, createdAt] },
    ]);
  }

  async find(id: string): Promise<Endpoint | undefined> {
    return endpointsOf(await this.#sql.run("webhook", FIND, id))[0];
  }

  async list(tenant: string): Promise<readonly Endpoint[]> {
    return endpointsOf(await this.#sql.run("webhooks", LIST, tenant));
  }

  /** Of all tenants, those that are not disabled. */
  async active(): Promise<readonly Endpoint[]> {
    return endpointsOf(await this.#sql.run("webhooks", ACTIVE));
  }

  /**
   * Onto the version that was read. Deliveries of an endpoint that is disabled are held.
   *
   * @throws {ContentionError} when it is another version by now.
   */
  async change(old: Endpoint, change: EndpointChange): Promise<Endpoint> {
    const { disabled, ...rest } = change;
    const { disabled: before, failingSince, ...kept } = old;
    const now = disabled === undefined ? before : (disabled ?? undefined);
    const endpoint: Endpoint = {
      ...kept,
      ...rest,
      ...(failingSince === undefined || disabled === null ? {} : { failingSince }),
      ...(now === undefined ? {} : { disabled: now }),
      version: old.version + 1,
    };
    const values = [...changeable(endpoint), endpoint.version, old.id, old.version];
    await this.#sql.all("webhook change", [
      { text: CHANGE, values, writes: 1 },
      { text: now === undefined ? GO_ON : HOLD, values: [old.id] },
    ]);
    return endpoint;
  }

  /** @throws {ContentionError} when it is another version by now, or gone. */
  remove({ id, version }: Endpoint): Promise<void> {
    return this.#sql.all("webhook remove", [
      { text: REMOVE, values: [id, version], writes: 1 },
      { text: REMOVE_DELIVERIES, values: [id] },
    ]);
  }

  async noteFailure(id: string, at: number): Promise<void> {
    await this.#sql.run("webhook fails", FAILS, at, id);
  }

  async noteSuccess(id: string): Promise<void> {
    await this.#sql.run("webhook answers", ANSWERS, id);
  }
}

function changeable(endpoint: Endpoint): SqlValue[] {
  const { url, events, description, disabled, sinceSeq, failingSince } = endpoint;
  const { secret, oldSecret, oldUntil } = endpoint;
  return [
    url,
    events.join(" "),
    description,
    disabled ?? null,
    sinceSeq,
    failingSince ?? null,
    secret,
    oldSecret ?? null,
    oldUntil ?? null,
  ];
}

function endpointsOf({ rows }: SqlOutcome): readonly Endpoint[] {
  return rows.map((row) => {
    const disabled = DISABLED_BY.find((one) => one === row["disabled"]);
    const [failingSince, oldUntil] = [row["failing_since"], row["old_until"]];
    const oldSecret = row["old_secret"];
    return {
      id: String(row["id"]),
      tenant: String(row["tenant"]),
      url: String(row["url"]),
      events: String(row["events"])
        .split(" ")
        .filter((name) => name !== ""),
      description: String(row["description"]),
      ...(disabled === undefined ? {} : { disabled }),
      sinceSeq: Number(row["since_seq"]),
      ...(failingSince === null ? {} : { failingSince: Number(failingSince) }),
      secret: row["secret"] as Uint8Array,
      ...(oldSecret === null ? {} : { oldSecret: oldSecret as Uint8Array }),
      ...(oldUntil === null ? {} : { oldUntil: Number(oldUntil) }),
      version: Number(row["version"]),
      createdAt: Number(row["created_at"]),
    };
  });
}

/** Tables of what is fed from the audit trail: positions in it, webhooks, analytics. */
import type { ColumnTypes } from "./service-tables.ts";

export function consumerTables({ int, text, bytes }: ColumnTypes): readonly string[] {
  return [
    // How far each consumer is, and which process works on it.
    `trail_consumer (name ${text} PRIMARY KEY, seq ${int} NOT NULL, owner ${text} NOT NULL,
      until_at ${int} NOT NULL)`,
    `webhook (id ${text} PRIMARY KEY, tenant ${text} NOT NULL, url ${text} NOT NULL,
      events ${text} NOT NULL, description ${text} NOT NULL, disabled ${text},
      since_seq ${int} NOT NULL, failing_since ${int}, secret ${bytes} NOT NULL,
      old_secret ${bytes}, old_until ${int}, version ${int} NOT NULL, created_at ${int} NOT NULL)`,
    // What is sent stands in the trail: whoever is erased there is not found here either.
    `webhook_delivery (endpoint ${text} NOT NULL, seq ${int} NOT NULL, id ${text} NOT NULL,
      name ${text} NOT NULL, at ${int} NOT NULL, state ${text} NOT NULL, tries ${int} NOT NULL,
      due_at ${int} NOT NULL, status ${int}, trouble ${text}, tried_at ${int},
      PRIMARY KEY (endpoint, seq))`,
    `analytics_count (tenant ${text} NOT NULL, hour ${int} NOT NULL, kind ${text} NOT NULL,
      label ${text} NOT NULL, amount ${int} NOT NULL, PRIMARY KEY (tenant, hour, kind, label))`,
  ];
}

/** @param prefix Of tables, not of the indexes' own names. */
export function consumerIndexes(prefix: string): readonly string[] {
  return [
    `webhook_tenant ON ${prefix}webhook (tenant, created_at)`,
    `webhook_delivery_due ON ${prefix}webhook_delivery (endpoint, due_at) WHERE state = 'waiting'`,
    `webhook_delivery_age ON ${prefix}webhook_delivery (tried_at)`,
    `analytics_count_age ON ${prefix}analytics_count (hour)`,
  ];
}

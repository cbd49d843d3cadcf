/** Tables of locks, for either engine. Texts are ASCII: what people wrote is escaped. */
import type { ColumnTypes } from "./service-tables.ts";

export function lockTables({ int, text }: ColumnTypes): readonly string[] {
  return [
    // One for a target, whose hash is the key: whom it is about may be longer than an index takes.
    // What was lifted stays for a day, so that every process hears of it.
    `lock (target ${text} PRIMARY KEY, id ${text} NOT NULL UNIQUE, tenant ${text} NOT NULL,
      kind ${text} NOT NULL, value ${text} NOT NULL, message ${text} NOT NULL, reason ${text},
      set_by ${text} NOT NULL, set_at ${int} NOT NULL, updated_at ${int} NOT NULL,
      expires_at ${int}, gone_at ${int}, changed ${int} NOT NULL)`,
    // Moves with every change, in the same transaction: cheap to ask for.
    `lock_clock (one ${int} PRIMARY KEY, at ${int} NOT NULL)`,
  ];
}

/** @param prefix Of tables, not of the indexes' own names. */
export function lockIndexes(prefix: string): readonly string[] {
  return [
    `lock_changed ON ${prefix}lock (changed)`,
    `lock_tenant ON ${prefix}lock (tenant, set_at, id)`,
    `lock_end ON ${prefix}lock (expires_at)`,
  ];
}

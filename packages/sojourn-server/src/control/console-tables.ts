/** Tables of the web console: who may sign in to it, and by what. No column is a credential. */
import type { ColumnTypes } from "./service-tables.ts";

export function consoleTables({ int, text, bytes }: ColumnTypes): readonly string[] {
  return [
    // `tenants`: names apart by blanks, or `*`.
    `console_user (id ${text} PRIMARY KEY, name ${text} NOT NULL UNIQUE, role ${text} NOT NULL,
      tenants ${text} NOT NULL, disabled_at ${int}, created_at ${int} NOT NULL,
      signed_in_at ${int})`,
    `console_passkey (id ${text} PRIMARY KEY, user_id ${text} NOT NULL, label ${text} NOT NULL,
      public_key ${bytes} NOT NULL, counter ${int} NOT NULL, transports ${text} NOT NULL,
      synced ${int} NOT NULL, created_at ${int} NOT NULL, used_at ${int})`,
    // `slot` is the hash of the link's token.
    `console_link (slot ${text} PRIMARY KEY, user_id ${text} NOT NULL, until_at ${int} NOT NULL)`,
    `console_approval (id ${text} PRIMARY KEY, tenant ${text} NOT NULL, method ${text} NOT NULL,
      path ${text} NOT NULL, summary ${text} NOT NULL, body ${text} NOT NULL,
      by_id ${text} NOT NULL, by_name ${text} NOT NULL, created_at ${int} NOT NULL,
      until_at ${int} NOT NULL, state ${text} NOT NULL, decided_id ${text}, decided_name ${text},
      decided_at ${int}, status ${int})`,
  ];
}

/** @param prefix Of tables, not of the indexes' own names. */
export function consoleIndexes(prefix: string): readonly string[] {
  return [
    `console_passkey_user ON ${prefix}console_passkey (user_id)`,
    `console_approval_state ON ${prefix}console_approval (state, created_at)`,
  ];
}

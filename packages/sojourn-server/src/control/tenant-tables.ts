/** The table of tenants, for either engine. */
import type { ColumnTypes } from "./service-tables.ts";

export function tenantTables({ int, text, bytes }: ColumnTypes): readonly string[] {
  return [
    // `wrapped_key` is absent for tenants older than this table, and of erased ones for good.
    `tenant (id ${text} PRIMARY KEY, name ${text} NOT NULL, state ${text} NOT NULL,
      version ${int} NOT NULL, created_at ${int} NOT NULL, policy ${text},
      quotas ${text} NOT NULL, wrapped_key ${bytes}, erased_at ${int}, purged_at ${int})`,
  ];
}

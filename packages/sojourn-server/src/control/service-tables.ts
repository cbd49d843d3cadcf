/** Tables of what the service keeps beside keys and the trail, for either engine. */
import { consoleIndexes, consoleTables } from "./console-tables.ts";
import { tenantTables } from "./tenant-tables.ts";
import { lockIndexes, lockTables } from "./lock-tables.ts";
import { erasureTables } from "../privacy/erasure-table.ts";
import { addressIndexes, addressTables } from "../audit/address-table.ts";
import { consumerIndexes, consumerTables } from "./consumer-tables.ts";
import { searchIndexes, searchTables } from "./search-tables.ts";

/** Names of an engine's types. */
export interface ColumnTypes {
  readonly int: string;
  readonly text: string;
  readonly bytes: string;
}

/** `name (columns…)`, each. */
export function serviceTables(types: ColumnTypes): readonly string[] {
  return [
    ...addressTables(types),
    ...erasureTables(types),
    ...tenantTables(types),
    ...lockTables(types),
    ...searchTables(types),
    ...consumerTables(types),
    ...consoleTables(types),
  ];
}

/** `name ON table (columns…)`, each. @param prefix Of tables, not of the indexes' own names. */
export function serviceIndexes(prefix: string): readonly string[] {
  return [
    ...addressIndexes(prefix),
    ...lockIndexes(prefix),
    ...searchIndexes(prefix),
    ...consumerIndexes(prefix),
    ...consoleIndexes(prefix),
  ];
}

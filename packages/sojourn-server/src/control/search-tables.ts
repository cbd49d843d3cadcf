/** Tables of the search index and of operations, for either engine. Texts are ASCII. */
import type { ColumnTypes } from "./service-tables.ts";

export function searchTables({ int, text, bytes }: ColumnTypes): readonly string[] {
  return [
    // What is filed of a session, so that it can be taken out again.
    `search_session (id ${bytes} NOT NULL, tenant ${text} NOT NULL, created_at ${int} NOT NULL,
      ended_at ${int}, build ${int} NOT NULL, terms ${text} NOT NULL, PRIMARY KEY (id, tenant))`,
    // A term is the hash of one thing that can be asked for: there are no names in here.
    `search_term (term ${int} NOT NULL, created_at ${int} NOT NULL, id ${bytes} NOT NULL,
      PRIMARY KEY (term, created_at, id))`,
    // \`scan\` is where a build has come to; NULL: the index is complete.
    `search_feed (one ${int} PRIMARY KEY, holder ${text} NOT NULL, until_at ${int} NOT NULL,
      position ${text} NOT NULL, as_of ${int} NOT NULL, build ${int} NOT NULL, scan ${text},
      salt ${text} NOT NULL)`,
    `operation (id ${text} PRIMARY KEY, tenant ${text} NOT NULL, state ${text} NOT NULL,
      created_at ${int} NOT NULL, finished_at ${int}, actor ${text} NOT NULL, spec ${text} NOT NULL,
      total ${int} NOT NULL, done ${int} NOT NULL, failed ${int} NOT NULL, failures ${text} NOT NULL,
      place ${text}, chunk ${text}, trouble ${text}, holder ${text} NOT NULL,
      until_at ${int} NOT NULL)`,
  ];
}

/** @param prefix Of tables, not of the indexes' own names. */
export function searchIndexes(prefix: string): readonly string[] {
  return [
    `search_session_ended ON ${prefix}search_session (ended_at) WHERE ended_at IS NOT NULL`,
    `operation_list ON ${prefix}operation (tenant, created_at, id)`,
    `operation_running ON ${prefix}operation (state, until_at)`,
  ];
}

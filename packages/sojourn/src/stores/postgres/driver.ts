/** What the store uses of `pg`, so that nothing of it is imported: a pool is passed in. */

/** Every column comes as the server's text, whatever type parsers the application has set. */
export interface PostgresQuery {
  text: string;
  values: unknown[];
  rowMode: "array";
  types: { getTypeParser: () => (value: string) => string };
}

export interface PostgresResult {
  readonly rows: readonly unknown[];
}

/** A `PoolClient` of `pg`. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  /** With `true` the connection is closed instead of going back. */
  release(destroy?: boolean): void;
}

/** A `Pool` of `pg` 8. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
}

const TEXT = (value: string): string => value;
const TYPES = { getTypeParser: () => TEXT };

export function queryOf(text: string, values: readonly unknown[]): PostgresQuery {
  return { text, values: [...values], rowMode: "array", types: TYPES };
}

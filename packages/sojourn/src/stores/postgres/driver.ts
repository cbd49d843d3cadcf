/** What the store uses of `pg`, so that nothing of it is imported: a pool is passed in. */

/** Every column comes as the server's text, whatever type parsers the application has set. */
export interface PostgresQuery {
  /** Of a statement that the connection may keep; absent unless the store was told so. */
  name?: string;
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
  on(event: "error" | "notice", listener: (about: Error) => void): unknown;
  off(event: "error" | "notice", listener: (about: Error) => void): unknown;
  /** With `true` the connection is closed instead of going back. */
  release(destroy?: boolean): void;
}

/** A `Pool` of `pg` 8. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect", listener: (client: PostgresClient) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  off(event: "connect", listener: (client: PostgresClient) => void): unknown;
}

const TEXT = (value: string): string => value;
const TYPES = { getTypeParser: () => TEXT };

/** A statement as it is sent again and again. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

export function queryOf(statement: Statement, values: readonly unknown[]): PostgresQuery {
  return { ...statement, values: [...values], rowMode: "array", types: TYPES };
}

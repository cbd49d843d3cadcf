/** Pools to a PostgreSQL server of a test, as the store takes them, and one that can be held up. */
import { Pool } from "pg";
import type { PostgresClient, PostgresPool, PostgresQuery } from "sojourn/stores/postgres";

export interface TestPool extends PostgresPool {
  query<Row = unknown>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }>;
  end(): Promise<void>;
}

export function poolTo(url: string, max: number = 10): TestPool {
  const pool = new Pool({ connectionString: url, max });
  pool.on("error", () => undefined);
  return pool as unknown as TestPool;
}

/** The same pool, but each statement passes `before` first, which may wait or change its text. */
export function intercepted(
  pool: PostgresPool,
  before: (text: string) => Promise<string> | string,
): PostgresPool {
  const wrap = (client: PostgresClient): PostgresClient => ({
    query: async (query: PostgresQuery) =>
      client.query({ ...query, text: await before(query.text) }),
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
    release: (destroy) => client.release(destroy),
  });
  return {
    connect: async () => wrap(await pool.connect()),
    on: pool.on.bind(pool),
    off: pool.off.bind(pool),
  };
}

/** Something that waits until it is opened. */
export function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => void (open = resolve));
  return { open, opened };
}

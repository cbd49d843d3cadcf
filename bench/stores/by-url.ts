/** A store by its URL, for processes that measure together. */
import pg from "pg";
import { createClient } from "redis";
import type { SessionStore } from "sojourn";
import { PostgresStore } from "sojourn/stores/postgres";
import { RedisStore } from "sojourn/stores/redis";
import { SqliteStore } from "sojourn/stores/sqlite";

const POOL_MAX = 4;

export function storeByUrl(url: string): SessionStore {
  if (url.startsWith("redis:")) {
    const client = createClient({ url, disableOfflineQueue: true });
    client.on("error", () => undefined);
    return new RedisStore({ client, acceptRisks: ["no-aof"] });
  }
  if (url.startsWith("postgres:")) {
    const pool = new pg.Pool({ connectionString: url, max: POOL_MAX });
    pool.on("error", () => undefined);
    return new PostgresStore({ pool });
  }
  return new SqliteStore({ path: url });
}

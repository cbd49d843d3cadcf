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
    const store = new RedisStore({ client, acceptRisks: ["no-aof"] });
    return closing(store, () => client.destroy());
  }
  if (url.startsWith("postgres:")) {
    const pool = new pg.Pool({ connectionString: url, max: POOL_MAX });
    pool.on("error", () => undefined);
    return closing(new PostgresStore({ pool }), () => pool.end());
  }
  return new SqliteStore({ path: url });
}

/** What the store is given stays open when it closes: a process that measures ends all the same. */
function closing<Store extends SessionStore>(
  store: Store,
  end: () => Promise<void> | void,
): SessionStore {
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await end();
  };
  return store;
}

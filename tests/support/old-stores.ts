/** The stores that people run express-session on, each over a real server or folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisStore } from "connect-redis";
import { RedisStore as RedisStore9 } from "connect-redis9";
import pgSimple from "connect-pg-simple";
import session, { MemoryStore } from "express-session";
import type { Store } from "express-session";
import { Pool } from "pg";
import { createClient } from "redis";
import fileStore from "session-file-store";
import { startPostgres, startRedis } from "../../tools/engines.mjs";

export interface OldStore {
  readonly store: Store;
  /** The process behind it; 0 when there is none. */
  readonly pid: number;
  stop(): Promise<void>;
}

const clientOf = (url: string) => createClient({ url });
type Client = ReturnType<typeof clientOf>;

async function redis(make: (client: Client) => Store): Promise<OldStore> {
  const server = await startRedis();
  const client = clientOf(server.url);
  client.on("error", () => undefined);
  await client.connect();
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.stop();
  };
  return { store: make(client), pid: server.pid, stop };
}

async function postgres(): Promise<OldStore> {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url });
  pool.on("error", () => undefined);
  const PgStore = pgSimple(session);
  const store = new PgStore({ pool, createTableIfMissing: true, pruneSessionInterval: false });
  const stop = async (): Promise<void> => {
    await store.close();
    await pool.end();
    await server.stop();
  };
  return { store, pid: server.pid, stop };
}

function files(): Promise<OldStore> {
  const path = mkdtempSync(join(tmpdir(), "sojourn-files-"));
  const FileStore = fileStore(session);
  const quiet = { retries: 1, reapInterval: -1, logFn: (): void => undefined };
  const stop = async (): Promise<void> => rmSync(path, { recursive: true, force: true });
  return Promise.resolve({ store: new FileStore({ path, ...quiet }), pid: 0, stop });
}

/** Start one and stop it. */
export const OLD_STORES: Readonly<Record<string, () => Promise<OldStore>>> = {
  "connect-redis 10": () => redis((client) => new RedisStore({ client, prefix: "app:" })),
  "connect-redis 9": () => redis((client) => new RedisStore9({ client, prefix: "app:" })),
  "connect-pg-simple": postgres,
  "session-file-store": files,
  "express-session's MemoryStore": () =>
    Promise.resolve({ store: new MemoryStore(), pid: 0, stop: () => Promise.resolve() }),
};

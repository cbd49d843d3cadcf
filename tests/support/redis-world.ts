/** Real Redis servers and stores on them, all ended with the test. */
import { createClient } from "redis";
import { ConfigError } from "sojourn";
import type { StoreCapabilities } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import { caseKit } from "sojourn/testing";
import type { CaseKit } from "sojourn/testing";
import { startRedis } from "../../tools/engines.mjs";

type Engine = Awaited<ReturnType<typeof startRedis>>;
export type Client = ReturnType<typeof openClient>;
type Options = Omit<Partial<RedisStoreOptions>, "client">;

/** What the store can do at most; a server is not needed to say it. */
export const CAPABILITIES: StoreCapabilities = new RedisStore({
  client: createClient({ disableOfflineQueue: true }),
}).capabilities;

export function openClient(url: string) {
  return createClient({ url, disableOfflineQueue: true });
}

export interface RedisWorld {
  readonly url: string;
  readonly pid: number;
  readonly kit: CaseKit;
  /** For looking and for faults; connected. */
  readonly admin: Client;
  /** A store on a connection of its own. */
  store(options?: Options): RedisStore;
  end(): Promise<void>;
}

export async function redisWorld(args: readonly string[] = []): Promise<RedisWorld> {
  const engine: Engine = await startRedis({ args });
  const admin = openClient(engine.url);
  admin.on("error", () => undefined);
  await admin.connect();
  const stores: RedisStore[] = [];
  const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  return {
    url: engine.url,
    pid: engine.pid,
    kit: caseKit({ seed, now: Date.now() }),
    admin,
    store: (options = {}) => {
      const client = openClient(engine.url);
      const store = new RedisStore({ acceptRisks: ["no-aof"], ...options, client });
      stores.push(store);
      return store;
    },
    end: async () => {
      await Promise.allSettled(stores.map((store) => store.close()));
      admin.destroy();
      await engine.stop();
    },
  };
}

/** What {@link RedisStore.check} lists against the server. */
export async function reasonsAgainst(store: RedisStore): Promise<string> {
  const error: unknown = await store.check().then(
    () => new Error("the server was not refused"),
    (cause: unknown) => cause,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error.message;
}

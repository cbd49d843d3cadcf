/** A real cluster of six nodes, and stores on it, all ended with the test. */
import { createCluster } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import type { CaseKit, CaseKitOptions } from "sojourn/testing";
import { startCluster } from "../../tools/engines.mjs";
import { splitKit } from "./redis-kit.ts";

export type Engines = Awaited<ReturnType<typeof startCluster>>;

interface User {
  readonly username: string;
  readonly password: string;
}

export interface ClusterWorld {
  readonly engines: Engines;
  readonly seed: number;
  /** A store with connections of its own, as the default user or another one. */
  store(options?: Omit<Partial<RedisStoreOptions>, "client">, user?: User): RedisStore;
  kit(options?: Partial<CaseKitOptions>): Promise<CaseKit>;
  end(): Promise<void>;
}

export async function clusterWorld(args: readonly string[] = []): Promise<ClusterWorld> {
  const engines = await startCluster({ args });
  const stores: RedisStore[] = [];
  const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  const store: ClusterWorld["store"] = (options = {}, user) => {
    const client = createCluster({
      rootNodes: engines.urls.map((url) => ({ url })),
      defaults: { disableOfflineQueue: true, ...user },
    });
    const acceptRisks = ["no-aof", "stale-primary"] as const;
    const made = new RedisStore({ acceptRisks, ...options, client });
    stores.push(made);
    return made;
  };
  return {
    engines,
    seed,
    store,
    kit: (options = {}) => splitKit(store(), { seed, now: Date.now(), ...options }),
    end: async () => {
      await Promise.allSettled(stores.map((one) => one.close()));
      await engines.stop();
    },
  };
}

/** A real cluster of six nodes, and stores on it, all ended with the test. */
import { createCluster } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import type { CaseKit, CaseKitOptions } from "sojourn/testing";
import { expect, vi } from "vitest";
import { startCluster } from "../../tools/engines.mjs";
import { ask } from "../../tools/engines/resp.mjs";
import { splitKit } from "./redis-kit.ts";

const REPLICATED_WITHIN = { timeout: 10_000, interval: 50 };

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
  /** What was written so far is on the replicas, too: what is not, a failover may lose. */
  replicated(): Promise<void>;
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
    replicated: async () => {
      for (const { node } of await engines.owners()) {
        const [wanted] = await offsetsOf(node);
        await vi.waitFor(async () => {
          const [, reached] = await offsetsOf(node);
          expect(reached).toBeGreaterThanOrEqual(wanted);
        }, REPLICATED_WITHIN);
      }
    },
    end: async () => {
      await Promise.allSettled(stores.map((one) => one.close()));
      await engines.stop();
    },
  };
}

/** What a primary has written, and what its replica has said to have. */
async function offsetsOf(primary: { readonly port: number }): Promise<[number, number]> {
  const info = String(await ask(primary, "INFO", "replication"));
  const [, written] = /^master_repl_offset:(\d+)/m.exec(info) ?? [];
  const [, copied] = /^slave0:.*,offset=(\d+),/m.exec(info) ?? [];
  return [Number(written), Number(copied)];
}

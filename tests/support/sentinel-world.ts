/** A real primary with replicas and Sentinels, and stores that follow them. */
import { createClient } from "redis";
import { followSentinels, RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import { caseKit } from "sojourn/testing";
import type { CaseKit } from "sojourn/testing";
import { vi } from "vitest";
import { startSentinel } from "../../tools/engines.mjs";
import { openClient } from "./redis-world.ts";
import type { Client } from "./redis-world.ts";

type Group = Awaited<ReturnType<typeof startSentinel>>;
export type RedisNode = Group["nodes"][number];

/** Silence after which Sentinels hold a server to be down. */
export const DOWN_AFTER_MS = 600;
/** An election and a promotion on a busy machine come to it. */
export const FAILOVER_WITHIN = { timeout: 20_000, interval: 20 };

export interface SentinelWorld {
  readonly group: Group;
  readonly kit: CaseKit;
  client(): ReturnType<typeof followSentinels>;
  store(options?: Omit<Partial<RedisStoreOptions>, "client">): RedisStore;
  /** For looking at one server; connected. */
  admin(node: RedisNode): Promise<Client>;
  /** Until the Sentinels name another primary than `former`. */
  promoted(former: RedisNode): Promise<RedisNode>;
  end(): Promise<void>;
}

export async function sentinelWorld(
  options: Parameters<typeof startSentinel>[0] = {},
): Promise<SentinelWorld> {
  const careful = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"];
  const group = await startSentinel({ downAfterMs: DOWN_AFTER_MS, args: careful, ...options });
  const stores: RedisStore[] = [];
  const admins: Client[] = [];
  const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  const client = (): ReturnType<typeof followSentinels> =>
    followSentinels({
      name: group.name,
      addresses: group.sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
      connect: ({ host, port }) => {
        // Past the proxies that cut a primary off from the others, not from the stores.
        const node = group.nodes.find((one) => one.proxy?.port === port);
        const socket = { host, port: node?.port ?? port };
        return createClient({ socket, disableOfflineQueue: true });
      },
    });
  return {
    group,
    kit: caseKit({ seed, now: Date.now() }),
    client,
    store: (given = {}) => {
      const store = new RedisStore({ acceptRisks: ["no-aof"], ...given, client: client() });
      stores.push(store);
      return store;
    },
    admin: async (node) => {
      const admin = openClient(node.url);
      admin.on("error", () => undefined);
      admins.push(admin);
      await admin.connect();
      return admin;
    },
    promoted: (former) =>
      vi.waitFor(async () => {
        const primary = await group.primary();
        if (primary.port === former.port) throw new Error("no failover yet");
        return primary;
      }, FAILOVER_WITHIN),
    end: async () => {
      await Promise.allSettled(stores.map((store) => store.close()));
      for (const admin of admins) admin.destroy();
      await group.stop();
    },
  };
}

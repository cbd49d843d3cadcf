/** The Redis store on a real cluster of three primaries with a replica each. */
import { createCluster } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import { storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { StoreCase } from "sojourn/testing";
import { clusterWorld } from "../support/redis-cluster-world.ts";

const CAPABILITIES = new RedisStore({
  client: createCluster({ rootNodes: [], defaults: { disableOfflineQueue: true } }),
}).capabilities;

describe("the Redis store keeps the store contract on a cluster", () => {
  let run: (one: StoreCase) => Promise<void>;
  let end: () => Promise<void>;

  beforeAll(async () => {
    const world = await clusterWorld();
    const store = world.store();
    const kit = await world.kit({ peer: world.store() });
    run = (one) => one.run(store, kit);
    end = () => world.end();
  });

  afterAll(() => end());

  it.each(storeCasesFor(CAPABILITIES))("$name", (one) => run(one));
});

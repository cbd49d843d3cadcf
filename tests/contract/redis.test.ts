import { createClient } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import { storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { StoreCase } from "sojourn/testing";
import { startRedis } from "../../tools/engines.mjs";
import { splitKit } from "../support/redis-kit.ts";
import { CAPABILITIES } from "../support/redis-world.ts";

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

const SERVERS = [
  { name: "Redis", program: "redis-server" },
  { name: "Valkey", program: "valkey-server" },
] as const;

describe.each(SERVERS)(`the store on $name keeps the contract (seed ${seed})`, ({ program }) => {
  let run: (one: StoreCase) => Promise<void>;
  let end: () => Promise<void>;

  beforeAll(async () => {
    const redis = await startRedis({ program });
    const open = (): RedisStore =>
      new RedisStore({
        client: createClient({ url: redis.url, disableOfflineQueue: true }),
        acceptRisks: ["no-aof"],
      });
    const store = open();
    const peer = open();
    const kit = await splitKit(store, { seed, peer, now: Date.now() });
    run = (one) => one.run(store, kit);
    end = async () => {
      await store.close();
      await peer.close();
      await redis.stop();
    };
  });

  afterAll(() => end());

  it.each(storeCasesFor(CAPABILITIES))("$name", (one) => run(one));
});

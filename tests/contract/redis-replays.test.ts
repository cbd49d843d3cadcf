import { createCluster } from "redis";
import { RedisReplays } from "sojourn/stores/redis";
import type { RedisReplaysOptions } from "sojourn/stores/redis";
import { memoryReplays } from "sojourn/tokens";
import type { ReplayCache } from "sojourn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "../../tools/engines.mjs";
import { openClient, redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

let world: RedisWorld;
let nodes: Awaited<ReturnType<typeof startCluster>>;
const made: RedisReplays[] = [];
beforeAll(async () => {
  [world, nodes] = await Promise.all([redisWorld(), startCluster({ replicasPer: 0 })]);
}, 60_000);
afterAll(async () => {
  await Promise.all(made.map((one) => one.close()));
  await Promise.all([world.end(), nodes.stop()]);
});

function redisReplays(client: RedisReplaysOptions["client"]): RedisReplays {
  const replays = new RedisReplays({ client, prefix: "app:" });
  made.push(replays);
  return replays;
}

function clusterClient() {
  const rootNodes = nodes.urls.map((url) => ({ url }));
  return createCluster({ rootNodes, defaults: { disableOfflineQueue: true } });
}

const open: [string, () => ReplayCache][] = [
  ["memory", () => memoryReplays()],
  ["Redis", () => redisReplays(openClient(world.url))],
  ["Redis Cluster", () => redisReplays(clusterClient())],
];

describe.each(open)("replays in %s", (name, make) => {
  it("[DP-04] take a key once until it is over", async () => {
    const replays = make();
    const now = Date.now();
    expect(await replays.claim("one", now + 60_000, now)).toBe(true);
    expect(await replays.claim("one", now + 60_000, now)).toBe(false);
    expect(await replays.claim("two", now + 60_000, now)).toBe(true);
  });

  it("[DP-04] give one of many simultaneous claims the key", async () => {
    const one = make();
    const two = name === "memory" ? one : make();
    const now = Date.now();
    const claims = Array.from({ length: 50 }, async (_, at) =>
      (at % 2 === 0 ? one : two).claim("many", now + 60_000, now),
    );
    const taken = (await Promise.all(claims)).filter(Boolean);
    expect(taken).toHaveLength(1);
  });
});

describe("replays in Redis Cluster", () => {
  it("[DP-04] take each of many keys once, wherever they lie", async () => {
    const [one, two] = [redisReplays(clusterClient()), redisReplays(clusterClient())];
    const now = Date.now();
    const keys = Array.from({ length: 200 }, (_, at) => `spread-${at}`);
    const claims = keys.flatMap((key) => [one, two].map((it) => it.claim(key, now + 60_000, now)));
    expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(keys.length);
    expect(await two.claim("spread-0", now + 60_000, now)).toBe(false);
  });

  it("leave a client open that others opened", async () => {
    const client = openClient(world.url);
    await client.connect();
    const replays = new RedisReplays({ client });
    await replays.claim("open", Date.now() + 60_000, Date.now());
    await replays.close();
    expect(await client.ping()).toBe("PONG");
    client.destroy();
  });
});

describe("replays in Redis", () => {
  it("are forgotten by the server when they are over, and not before", async () => {
    const replays = redisReplays(openClient(world.url));
    const now = Date.now();
    await replays.claim("span", now + 90_000, now);
    const left = Number(await world.admin.sendCommand(["PTTL", "app:p:span"]));
    expect(left).toBeGreaterThan(80_000);
    expect(left).toBeLessThanOrEqual(90_000);
  });

  it("[DP-04] that cannot be asked are unavailable, and no proof is taken for new", async () => {
    const gone = new RedisReplays({ client: openClient("redis://127.0.0.1:1") });
    const now = Date.now();
    await expect(gone.claim("one", now + 60_000, now)).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
    });
  });

  it("refuse options that are none, all at once", () => {
    const wrong = { client: {}, prefix: "a b", size: 1 } as never;
    expect(() => new RedisReplays(wrong)).toThrow(/3 configuration problems/);
  });
});

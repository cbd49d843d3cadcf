/** Groups of Redis servers that other tests break: what they do when one of them is gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, createCluster, createSentinel } from "redis";
import { describe, expect, it } from "vitest";
import { startCluster, startRedis, startSentinel } from "../../tools/engines.mjs";

const PROMOTED_WITHIN_MS = 15_000;

/** Ask again until the answer is one to be content with. */
async function eventually<T>(ask: () => Promise<T>, content: (answer: T) => boolean): Promise<T> {
  for (const began = performance.now(); ; await sleep(50)) {
    const answer = await ask();
    if (content(answer) || performance.now() - began > PROMOTED_WITHIN_MS) return answer;
  }
}

describe("a Redis server of tests", () => {
  it("comes back at its port, with what it wrote to disk, when it is restarted", async () => {
    const redis = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const killed = redis.pid;
    const before = createClient({ url: redis.url });
    before.on("error", () => undefined);
    await before.connect();
    await before.set("key", "value");
    await redis.restart();
    before.destroy();
    const after = createClient({ url: redis.url });
    await after.connect();
    expect(await after.get("key")).toBe("value");
    expect(redis.pid).not.toBe(killed);
    await after.close();
    await redis.stop();
  });

  it("stops although it was made to stand still", async () => {
    const redis = await startRedis();
    process.kill(redis.pid, "SIGSTOP");
    await redis.stop();
    expect(() => process.kill(redis.pid, 0)).toThrow("ESRCH");
  });
});

describe("a Sentinel group of tests", () => {
  it("names a primary, and another after that one is killed", async () => {
    const group = await startSentinel();
    const first = await group.primary();
    const client = createSentinel({
      name: group.name,
      sentinelRootNodes: group.sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
    });
    client.on("error", () => undefined);
    await client.connect();
    await client.set("key", "value");
    process.kill(first.pid, "SIGKILL");
    const second = await eventually(group.primary, (node) => node !== first);
    expect(group.nodes).toContain(second);
    expect(second).not.toBe(first);
    await client.destroy();
    await group.stop();
  });
});

describe("a cluster of tests", () => {
  it("serves keys on every primary, keeps them while slots move, and fails over", async () => {
    const cluster = await startCluster();
    const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
    client.on("error", () => undefined);
    await client.connect();
    const keys = Array.from({ length: 300 }, (_, at) => `key-${at}`);
    for (const key of keys) await client.set(key, key);
    const [from, to, third] = await cluster.owners();
    if (from === undefined || to === undefined || third === undefined) throw new Error("owners");
    for (const { node, replicas } of [from, to, third]) {
      const one = createClient({ url: node.url });
      await one.connect();
      expect(await one.dbSize()).toBeGreaterThan(0);
      expect(replicas).toHaveLength(1);
      await one.close();
    }

    const moved = await cluster.moveSlots(from.node, to.node, 1_000);
    expect(moved).toHaveLength(1_000);
    const taker = (await cluster.owners()).find(({ node }) => node === to.node);
    expect(taker?.ranges).toContainEqual([moved[0], moved.at(-1)]);
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);

    const promoted = await cluster.failover(from.node);
    expect(promoted).toBe(from.replicas[0]);
    process.kill(third.node.pid, "SIGKILL");
    const after = await eventually(cluster.owners, (all) =>
      all.some(({ node }) => node === third.replicas[0]),
    );
    expect(after.map(({ node }) => node)).toContain(third.replicas[0]);
    await third.node.restart();
    client.destroy();
    await cluster.stop();
  });
});

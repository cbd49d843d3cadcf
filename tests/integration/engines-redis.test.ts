/** Groups of Redis servers that other tests break: what they do when one of them is gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, createCluster, createSentinel } from "redis";
import { describe, expect, it } from "vitest";
import { startCluster, startRedis, startSentinel } from "../../tools/engines.mjs";
import { ask } from "../../tools/engines/resp.mjs";

const PROMOTED_WITHIN_MS = 15_000;

/** Ask again until the answer is one to be content with. */
async function eventually<T>(ask: () => Promise<T>, content: (answer: T) => boolean): Promise<T> {
  for (const began = performance.now(); ; await sleep(50)) {
    const answer = await ask();
    if (content(answer) || performance.now() - began > PROMOTED_WITHIN_MS) return answer;
  }
}

const programs = ["redis-server", "valkey-server"] as const;

describe("a Redis server of tests", () => {
  it("is Valkey 8 or newer where that was asked for", async () => {
    const valkey = await startRedis({ program: "valkey-server" });
    const client = createClient({ url: valkey.url });
    await client.connect();
    const version = /^valkey_version:(\d+)/m.exec(await client.info("server"))?.[1];
    expect(Number(version)).toBeGreaterThanOrEqual(8);
    await client.close();
    await valkey.stop();
  });

  it("comes back at its port, with what it wrote to disk, when it is restarted", async () => {
    const redis = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
    // Another run of it: the system may give the same process id again.
    const runOf = (about: string): string | undefined => /^run_id:(\w+)/m.exec(about)?.[1];
    const before = createClient({ url: redis.url });
    before.on("error", () => undefined);
    await before.connect();
    await before.set("key", "value");
    const killed = runOf(await before.info("server"));
    await redis.restart();
    before.destroy();
    const after = createClient({ url: redis.url });
    await after.connect();
    expect(await after.get("key")).toBe("value");
    const now = runOf(await after.info("server"));
    expect([typeof now, now === killed]).toEqual(["string", false]);
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

// At once: most of their time is waiting for servers to notice that another is gone.
describe.concurrent.each(programs)("a group of %s", (program) => {
  it("has Sentinels that name a primary, and another after that one is killed", async () => {
    const group = await startSentinel({ program });
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

  it("has a primary that takes writes alone while it is cut off, and loses them", async () => {
    const group = await startSentinel({ program, proxied: true });
    const first = await group.primary();
    first.proxy?.cut();
    const second = await eventually(group.primary, (node) => node !== first);
    expect(await ask(first, "ROLE")).toContain("master");
    expect(await ask(first, "SET", "key", "lost")).toBe("OK");
    expect(await ask(second, "SET", "key", "kept")).toBe("OK");
    await first.proxy?.heal();
    const value = await eventually(
      () => ask(first, "GET", "key"),
      (answer) => answer === "kept",
    );
    expect(value).toBe("kept");
    await group.stop();
  });

  it("is a cluster that serves keys everywhere, keeps them as slots move, and fails over", async () => {
    const cluster = await startCluster({ program });
    const client = createCluster({ rootNodes: cluster.urls.map((url) => ({ url })) });
    client.on("error", () => undefined);
    await client.connect();
    const keys = Array.from({ length: 1_500 }, (_, at) => `key-${at}`);
    await Promise.all(keys.map((key) => client.set(key, key)));
    const [from, to, third] = await cluster.owners();
    if (from === undefined || to === undefined || third === undefined) throw new Error("owners");
    const sizes = await Promise.all([from, to, third].map(({ node }) => ask(node, "DBSIZE")));
    expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
    expect([from, to, third].map(({ replicas }) => replicas.length)).toEqual([1, 1, 1]);

    const moved = await cluster.moveSlots(from.node, to.node, 300);
    expect(moved).toHaveLength(300);
    expect(Number(await ask(to.node, "DBSIZE"))).toBeGreaterThan(Number(sizes[1]));
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

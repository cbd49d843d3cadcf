/** What is left of a connection to Redis once it was hung up. */
import { createClient, createCluster } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hangUp } from "../../packages/sojourn/src/stores/redis/connecting.ts";
import { startCluster, startRedis } from "../../tools/engines.mjs";
import { ask } from "../../tools/engines/resp.mjs";

const WITHIN = { timeout: 10_000, interval: 20 };

let server: Awaited<ReturnType<typeof startRedis>>;
let admin: ReturnType<typeof createClient>;

beforeAll(async () => {
  server = await startRedis();
  admin = createClient({ url: server.url });
  await admin.connect();
});
afterAll(async () => {
  await admin.close();
  await server.stop();
});

it.each([
  ["is only being made", false],
  ["is there", true],
])("a connection that %s does not outlive being hung up", async (_when, ready) => {
  const name = `leaving-${ready}`;
  const client = createClient({ url: server.url, name, disableOfflineQueue: true });
  client.on("error", () => undefined);
  // A driver finishes what it has begun, and such a connection keeps the process from ending.
  const arrived = new Promise<void>((resolve) => client.on("ready", resolve));
  const connecting = client.connect().catch(() => undefined);
  if (ready) await connecting;
  await hangUp(client);
  await arrived;
  const there = async (): Promise<boolean> => {
    const list = await admin.clientList();
    return list.some((one) => one.name === name);
  };
  await expect.poll(there, WITHIN).toBe(false);
});

type Send = (args: readonly string[], ...rest: readonly unknown[]) => Promise<unknown>;

it("a tail that is closed while it looks for the primaries connects to none of them", async () => {
  const engines = await startCluster({ replicasPer: 0, args: ["--appendonly", "yes"] });
  const name = "looking";
  const rootNodes = engines.urls.map((url) => ({ url }));
  const cluster = createCluster({ rootNodes, defaults: { name, disableOfflineQueue: true } });
  let looks = (): void => undefined;
  const nodeClient = cluster.nodeClient.bind(cluster);
  const heard = new WeakSet<object>();
  cluster.nodeClient = (async (node: never) => {
    const client = (await nodeClient(node)) as unknown as { sendCommand: Send };
    if (heard.has(client)) return client;
    heard.add(client);
    const send = client.sendCommand.bind(client);
    client.sendCommand = (args, ...rest) => {
      if (args[1] === "SLOTS") looks();
      return send(args, ...rest);
    };
    return client;
  }) as never;
  const store = new RedisStore({ client: cluster });
  await store.check();
  const looking = new Promise<void>((resolve) => {
    looks = () => {
      subscription.close();
      resolve();
    };
  });
  const subscription = store.tail("now", { change: () => undefined });
  await looking;
  await store.health();
  await store.close();
  const left = async (): Promise<number> => {
    const lists = await Promise.all(engines.nodes.map((node) => ask(node, "CLIENT", "LIST")));
    return lists.join("").split(`name=${name} `).length - 1;
  };
  await expect.poll(left, WITHIN).toBe(0);
  await engines.stop();
});

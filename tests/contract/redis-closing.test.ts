/** What is left of a connection to Redis once it was hung up. */
import { createClient } from "redis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hangUp } from "../../packages/sojourn/src/stores/redis/connecting.ts";
import { startRedis } from "../../tools/engines.mjs";

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

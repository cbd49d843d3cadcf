/** Servers that cannot be reached or may not be used: one line says why, and no secret. */
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { createClient } from "redis";
import { SojournError } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startRedis } from "../../tools/engines.mjs";
import { openClient, reasonsAgainst, redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";
import { sentinelWorld } from "../support/sentinel-world.ts";

let world: RedisWorld;
let hangsUp: Server;
const stores: RedisStore[] = [];

beforeAll(async () => {
  world = await redisWorld();
  hangsUp = createServer((socket) => socket.once("data", () => socket.destroy()));
  await new Promise<void>((resolve) => void hangsUp.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  hangsUp.close();
  await world.end();
});

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

async function refusalOf(url: string): Promise<SojournError> {
  const client = createClient({ url, disableOfflineQueue: true });
  const store = new RedisStore({ client, acceptRisks: ["no-aof"] });
  stores.push(store);
  const since = performance.now();
  const error: unknown = await store.check().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(performance.now() - since).toBeLessThan(4_000);
  expect(error).toBeInstanceOf(SojournError);
  return error as SojournError;
}

describe("a driver that goes on trying for ever", () => {
  it.each<[string, (port: string) => string, string]>([
    ["a port where nothing listens", () => "redis://127.0.0.1:1", "nothing listens"],
    ["a host of no known name", () => "redis://sessions.invalid", "host name"],
    ["a wrong password", (port) => `redis://u:s3cret-guess@127.0.0.1:${port}`, "password"],
    ["TLS where there is none", (port) => `rediss://127.0.0.1:${port}`, "without TLS"],
    ["a database that is not there", (port) => `redis://127.0.0.1:${port}/99`, "no database"],
  ])("is told of %s at once, in one line", async (_what, urlOf, words) => {
    const error = await refusalOf(urlOf(new URL(world.url).port));
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("\n");
    const told = `${String(error)} ${String(error.cause)} ${error.stack ?? ""}`;
    expect(told).not.toContain("s3cret-guess");
  });

  it("is told of a server that hangs up, as one does that wants TLS", async () => {
    const { port } = hangsUp.address() as AddressInfo;
    expect((await refusalOf(`redis://127.0.0.1:${port}`)).message).toContain("rediss://");
  });

  it("fails its later calls at once with the same reason, and recovers by itself", async () => {
    const engine = await startRedis();
    process.kill(engine.pid, "SIGKILL");
    // It dies in its own time, and until then hangs up.
    const port = Number(new URL(engine.url).port);
    await vi.waitFor(() => expect(listens(port)).resolves.toBe(false), 5_000);
    const client = openClient(engine.url);
    const store = new RedisStore({ client, acceptRisks: ["no-aof"] });
    stores.push(store);
    await expect(store.check()).rejects.toThrow("nothing listens");
    const since = performance.now();
    await expect(store.subjectEpoch("t", "s")).rejects.toThrow("nothing listens");
    expect(performance.now() - since).toBeLessThan(500);
    await engine.restart();
    await vi.waitFor(() => store.check(), 10_000);
    await engine.stop();
  });
});

describe("a server is refused", () => {
  it("that has snapshots alone, since they revive what was revoked after them", async () => {
    await world.admin.configSet("save", "3600 1");
    expect(await reasonsAgainst(world.store())).toContain('acceptRisks: ["rdb-only"]');
    await world.store({ acceptRisks: ["rdb-only"] }).check();
    await world.admin.configSet("save", "");
  });

  it("that has a replica and would go on alone, or for too long", async () => {
    const { port } = new URL(world.url);
    const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", port] });
    try {
      expect(await world.admin.sendCommand(["WAIT", "1", "5000"])).toBe(1);
      expect(await reasonsAgainst(world.store())).toContain("min-replicas-to-write 1");
      await world.store({ acceptRisks: ["no-aof", "stale-primary"] }).check();
      await world.admin.configSet("min-replicas-to-write", "1");
      await world.admin.configSet("min-replicas-max-lag", "11");
      expect(await reasonsAgainst(world.store())).toContain("min-replicas-max-lag 10");
      await world.admin.configSet("min-replicas-max-lag", "10");
      await world.store().check();
    } finally {
      await world.admin.configSet("min-replicas-to-write", "0");
      await replica.stop();
    }
  });

  it("whose Sentinels cannot choose another, or too easily", async () => {
    const set = await sentinelWorld({ replicas: 1, sentinels: 2, quorum: 1 });
    try {
      const reasons = await reasonsAgainst(set.store());
      expect(reasons).toContain("2 of at least 3 Sentinels");
      expect(reasons).toContain("the quorum is 1 of 2");
      await set.store({ acceptRisks: ["no-aof", "sentinels"] }).check();
    } finally {
      await set.end();
    }
  }, 30_000);
});

/** What the Redis store refuses at start, and what it makes of keys that are not its own. */
import { createClient, createClientPool, createCluster } from "redis";
import { ConfigError, SojournError } from "sojourn";
import type { SessionRecord } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import type { RedisStoreOptions } from "sojourn/stores/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { reasonsAgainst, redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

let world: RedisWorld;

beforeAll(async () => {
  world = await redisWorld();
  const user = (name: string, ...rules: readonly string[]): Promise<unknown> =>
    world.admin.sendCommand(["ACL", "SETUSER", name, "on", ">letmein", "~*", "+@all", ...rules]);
  await user("no-config", "-config");
  await user("no-scripts", "-config", "-eval", "-evalsha");
});
beforeEach(() => world.admin.flushAll());
afterAll(() => world.end());

function record(changes: Partial<SessionRecord> = {}): SessionRecord {
  return world.kit.recordOf({ tenant: "default", ...changes });
}

function keyOf(id: string): Promise<readonly string[]> {
  return world.admin.keys(`{??}*${id.slice(1)}`);
}

describe("options", () => {
  const client = createClient({ disableOfflineQueue: true });

  function messageOf(options: unknown): string {
    try {
      return new RedisStore(options as RedisStoreOptions).capabilities.name;
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return (error as ConfigError).message;
    }
  }

  it("refuse a client that would replay what it kept while it was offline", () => {
    expect(messageOf({ client: createClient() })).toContain("disableOfflineQueue: true");
  });

  it("refuse what is no client of one primary", () => {
    expect(messageOf({})).toContain("store.client");
    expect(messageOf({ client: { get: () => undefined } })).toContain("createClient()");
    expect(messageOf({ client: createClientPool() })).toContain("createClient()");
  });

  it("refuse a cluster that reads from replicas, keeps commands or renames keys", () => {
    const defaults = { disableOfflineQueue: true };
    const cluster = (options: object): string =>
      messageOf({ client: createCluster({ rootNodes: [], ...options }) });
    expect(cluster({})).toContain("defaults: { disableOfflineQueue: true }");
    expect(cluster({ defaults, useReplicas: true })).toContain("useReplicas");
    expect(cluster({ defaults, keyPrefix: "a:" })).toContain("prefix");
    expect(cluster({ defaults })).toBe("redis");
  });

  it("name every problem at once", () => {
    const message = messageOf({
      client: createClient(),
      prefix: "with space",
      buckets: 100,
      maxDataBytes: 0,
      acceptRisks: ["everything"],
    });
    for (const path of ["client", "prefix", "buckets", "maxDataBytes", "acceptRisks"]) {
      expect(message).toContain(`store.${path}`);
    }
    expect(new RedisStore({ client }).capabilities.evicts).toBe(false);
  });
});

describe("the server", () => {
  it("is refused without an append-only file or with an evicting policy, unless accepted", async () => {
    await world.admin.configSet("maxmemory-policy", "allkeys-lru");
    const refused = await reasonsAgainst(world.store({ acceptRisks: [] }));
    expect(refused).toContain('acceptRisks: ["eviction"]');
    expect(refused).toContain('acceptRisks: ["no-aof"]');
    const daring = world.store({ acceptRisks: ["eviction", "no-aof"] });
    await daring.check();
    expect(daring.capabilities.evicts).toBe(true);
    await world.admin.configSet("maxmemory-policy", "noeviction");
    await world.store().check();
  });

  it("is refused as a replica", async () => {
    const primary = await redisWorld();
    try {
      await world.admin.sendCommand(["REPLICAOF", "127.0.0.1", new URL(primary.url).port]);
      expect(await reasonsAgainst(world.store())).toContain("replica");
    } finally {
      await world.admin.sendCommand(["REPLICAOF", "NO", "ONE"]);
      await primary.end();
    }
  });

  it("is refused with another number of buckets than it was installed with", async () => {
    await world.store({ buckets: 16 }).check();
    expect(await reasonsAgainst(world.store())).toContain("pass buckets: 16");
  });

  it("that cannot be reached, or refuses the password, is unavailable and tells no secret", async () => {
    const url = new URL(world.url);
    const wrong = createClient({
      url: `redis://no-config:s3cret-guess@127.0.0.1:${url.port}`,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: false },
    });
    const error: unknown = await new RedisStore({ client: wrong }).check().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SojournError);
    expect((error as SojournError).code).toBe("ERR_STORE_UNAVAILABLE");
    expect((error as SojournError).message).toContain("password");
    const told = `${String(error)} ${String((error as Error).cause)} ${(error as Error).stack}`;
    expect(told).not.toContain("s3cret-guess");
  });

  it("that forbids CONFIG is used, and claims no durability that it may not have", async () => {
    const store = userStore("no-config");
    const { now } = world.kit;
    const ref = { tenant: "t", id: "x" };
    const { durability } = await store.revoke(ref, { reason: "revoked", at: now }, { now });
    expect(durability).toBe("memory");
    await store.close();
  });

  it("that forbids scripts is unavailable, and it says why", async () => {
    const store = userStore("no-scripts");
    await expect(store.check()).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: false,
      message: expect.stringContaining("the Redis user may not run this command") as string,
    });
    await store.close();
  });
});

function userStore(user: string): RedisStore {
  const { port } = new URL(world.url);
  const url = `redis://${user}:letmein@127.0.0.1:${port}`;
  const client = createClient({ url, disableOfflineQueue: true });
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

describe("a prefix", () => {
  it("keeps two applications on one server apart", async () => {
    const [a, b] = [world.store({ prefix: "a:" }), world.store({ prefix: "b:" })];
    const one = record();
    await a.create(one, { now: world.kit.now });
    expect(await b.find(one)).toBeUndefined();
    expect((await b.create(one, { now: world.kit.now })).outcome).toBe("created");
    const keys = await world.admin.keys("*");
    expect(keys.every((key) => key.startsWith("a:") || key.startsWith("b:"))).toBe(true);
  });
});

describe("keys that are not ours", () => {
  it("are told and left alone, and their place is taken", async () => {
    const told: string[] = [];
    const store = world.store({ onForeignKey: (key) => void told.push(key) });
    const { now } = world.kit;
    const one = record();
    await store.create(one, { now });
    const [key = ""] = await keyOf(one.id);
    for (const put of [
      () => world.admin.set(key, "a text of another application that is as long as a row of ours"),
      () => world.admin.hSet(key, "field", "value"),
    ]) {
      await world.admin.del(key);
      await put();
      told.length = 0;
      expect(await store.find(one)).toBeUndefined();
      expect(told).toEqual([key]);
      expect(await store.replace(one, 1)).toBe("gone");
      expect(await store.touch([{ ref: one, seenAt: now + 1 }])).toEqual(["gone"]);
      const end = { reason: "revoked", at: now } as const;
      expect((await store.revoke(one, end, { now })).outcome).toBe("absent");
      expect((await store.create(one, { now })).outcome).toBe("exists");
      expect(await world.admin.exists(key)).toBe(1);
    }
  });

  it("of a newer release are refused, not guessed at", async () => {
    const store = world.store();
    const { now } = world.kit;
    const one = record();
    await store.create(one, { now });
    await store.find(one);
    const [key = ""] = await keyOf(one.id);
    await world.admin.setRange(key, 0, "\u0004");
    const end = { reason: "revoked", at: now } as const;
    const calls = [
      () => store.find(one),
      () => world.store().find(one),
      () => store.replace(one, 1),
      () => store.patchData(one, []),
      () => store.touch([{ ref: one, seenAt: now + 1 }]),
      () => store.revoke(one, end, { now }),
      () => store.listBySubject("default", "alice", { now }),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: "ERR_STORE_SCHEMA" });
    }
  });
});

describe("what is stored", () => {
  it("has no time to live, names no erased subject, and leaves nothing when all is erased", async () => {
    const store = world.store();
    const { now } = world.kit;
    const subject = "erika.mustermann@example.org";
    const sessions = Array.from({ length: 4 }, () => record({ subject }));
    const data = { big: "x".repeat(4_000) };
    for (const one of sessions) await store.create(one, { now, data });
    const stored = [...(await world.admin.keys("{*")), ...(await world.admin.keys("[du]/*"))];
    expect(stored).toHaveLength(9);
    for (const key of stored) {
      expect(await world.admin.ttl(key)).toBe(-1);
    }
    await store.revoke(sessions[0] ?? record(), { reason: "logout", at: now }, { now });
    expect(await store.purgeSubject("default", subject, now)).toBe(4);
    const keys = await world.admin.keys("*");
    expect(keys.join(" ")).not.toContain("erika");
    expect(keys.filter((key) => /^(?:[du]\/)?\{/.test(key))).toEqual([]);
    const logs = keys.filter((key) => key.startsWith("l/"));
    expect(logs.length).toBeGreaterThan(0);
    for (const log of logs) {
      expect(JSON.stringify(await world.admin.xRange(log, "-", "+"))).not.toContain("erika");
    }
    const later = now + 50 * 86_400_000;
    await store.sweep({ now: later, limit: 1_000, purgeBefore: later });
    const left = await world.admin.keys("*");
    expect(left.filter((key) => !/^[teml]/.test(key))).toEqual([]);
  });

  it("keeps data that outgrew the row, shrank and grew again, as they were last written", async () => {
    const store = world.store();
    const { now } = world.kit;
    const one = record();
    await store.create(one, { now, data: { old: "x".repeat(2_000), kept: "1" } });
    await store.patchData(one, [{ op: "delete", key: "old" }]);
    const copy = await store.find(one);
    if (copy === undefined) throw new Error("the session is gone");
    const merged = { ...copy, record: { ...copy.record, client: "app", version: 9 } };
    await store.apply([{ kind: "session", session: merged }], "elsewhere");
    await store.patchData(one, [{ op: "delete", key: "kept" }]);
    await store.patchData(one, [{ op: "set", key: "new", value: "y".repeat(3_000) }]);
    expect((await store.find(one))?.data).toEqual({ new: "y".repeat(3_000) });
  });

  it("is filed for the sweep once, however often its deadline moved forward and back", async () => {
    const store = world.store();
    const { now } = world.kit;
    const one = record();
    await store.create(one, { now });
    for (let version = 1; version <= 20; version += 1) {
      const idleMs = version % 2 === 0 ? 40 * 60_000 : (20 - version) * 60_000;
      expect(await store.replace({ ...one, idleMs }, version)).toBe("replaced");
    }
    await store.sweep({ now: now + 35 * 60_000, limit: 100 });
    const filed = await world.admin.keys("q/*");
    const lengths = await Promise.all(filed.map((key) => world.admin.lLen(key)));
    expect(lengths).toEqual([1]);
    const { ended } = await store.sweep({ now: now + 40 * 60_000, limit: 100 });
    expect(ended.map((session) => session.record.id)).toEqual([one.id]);
  });

  it("stays ended below its epoch when a revoke-all excepts it (I1)", async () => {
    const store = world.store();
    const { now } = world.kit;
    const one = record();
    await store.create(one, { now });
    const epoch = { kind: "epoch", tenant: "default", subject: "alice", epoch: 5 } as const;
    await store.apply([epoch], "elsewhere");
    const end = { reason: "revoked", at: now } as const;
    await store.revokeSubject("default", "alice", { now, except: one.id, end });
    const { items } = await store.listBySubject("default", "alice", { now });
    expect(items).toEqual([]);
    expect(await store.touch([{ ref: one, seenAt: now + 1 }])).toEqual(["gone"]);
  });
});

/** What revocations wait for, and that they say no more than they got. Invariant I8. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import type { Durability, RevokeResult } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startRedis } from "../../tools/engines.mjs";
import { clusterWorld } from "../support/redis-cluster-world.ts";
import { redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

type Engine = Awaited<ReturnType<typeof startRedis>>;

let world: RedisWorld;
let store: RedisStore;
const replicas: Engine[] = [];

/** How many replicas have everything that was written so far. */
async function following(count: number): Promise<void> {
  await vi.waitFor(async () => {
    await world.admin.set("probe", "");
    expect(await world.admin.wait(count, 100)).toBe(count);
  }, 10_000);
}

beforeAll(async () => {
  world = await redisWorld();
  const args = ["--replicaof", "127.0.0.1", new URL(world.url).port];
  replicas.push(...(await Promise.all([startRedis({ args }), startRedis({ args })])));
  await following(2);
  store = world.store({ acceptRisks: ["no-aof", "stale-primary"] });
  await store.check();
});
beforeEach(() => following(2));
afterAll(async () => {
  await Promise.all(replicas.map((one) => one.stop()));
  await world.end();
});

/** Replicas that stand still while `run` runs. */
async function paused<Value>(count: number, run: () => Promise<Value>): Promise<Value> {
  const still = replicas.slice(0, count);
  for (const one of still) process.kill(one.pid, "SIGSTOP");
  try {
    return await run();
  } finally {
    for (const one of still) process.kill(one.pid, "SIGCONT");
  }
}

async function revoke(durability?: Durability): Promise<RevokeResult> {
  const { kit } = world;
  const one = kit.recordOf({ tenant: kit.tenant() });
  await store.create(one, { now: kit.now });
  const end = { reason: "revoked", at: kit.now } as const;
  const asked = durability === undefined ? {} : { durability };
  const result = await store.revoke(one, end, { now: kit.now, ...asked });
  expect(result.outcome).toBe("ended");
  expect((await store.find(one))?.record.end).toEqual(end);
  return result;
}

describe("a revocation on a primary with two replicas", () => {
  it("waits for none of them unless it is asked to", async () => {
    expect(store.capabilities.durability).toEqual(["memory", "replicated", "quorum"]);
    expect(store.capabilities.mayForget).toBe(true);
    expect((await paused(2, () => revoke())).durability).toBe("memory");
  });

  it("is replicated as soon as one has it, and a quorum when most have", async () => {
    expect((await revoke("replicated")).durability).toBe("replicated");
    expect((await revoke("quorum")).durability).toBe("quorum");
    expect((await paused(1, () => revoke("replicated"))).durability).toBe("replicated");
  });

  it("says what it got after a second in which too few confirmed it, and has happened", async () => {
    const since = performance.now();
    expect((await paused(1, () => revoke("quorum"))).durability).toBe("replicated");
    expect((await paused(2, () => revoke("replicated"))).durability).toBe("memory");
    const ms = performance.now() - since;
    expect(ms).toBeGreaterThan(1_900);
    expect(ms).toBeLessThan(6_000);
  });

  it("of a whole subject waits for the epoch, which refuses all its sessions", async () => {
    const { kit } = world;
    const tenant = kit.tenant();
    const end = { reason: "subject_revoked", at: kit.now } as const;
    const all = (durability: Durability): ReturnType<RedisStore["revokeSubject"]> =>
      store.revokeSubject(tenant, "alice", { now: kit.now, end, durability });
    expect(await all("quorum")).toMatchObject({ epoch: 1, durability: "quorum" });
    expect(await paused(2, () => all("replicated"))).toMatchObject({
      epoch: 2,
      durability: "memory",
    });
  });

  it("waits together with the others that came meanwhile, and holds up nothing else", async () => {
    const started = performance.now();
    const [, ms] = await paused(2, async () => {
      const waiting = Array.from({ length: 600 }, () => revoke("replicated"));
      await vi.waitFor(() => revoke(), 5_000);
      const others = performance.now() - started;
      const levels = (await Promise.all(waiting)).map((one) => one.durability);
      expect(new Set(levels)).toEqual(new Set(["memory"]));
      return [levels, others] as const;
    });
    expect(ms).toBeLessThan(900);
    // Two connections, a second each: however many are logged out while no replica answers.
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it("claims nothing after its connection was lost and made anew", async () => {
    await revoke("replicated");
    const level = await paused(2, async () => {
      const waiting = revoke("replicated");
      const ids = await vi.waitFor(async () => {
        const clients = await world.admin.clientList();
        const blocked = clients.filter((one) => one.cmd === "wait" && one.flags.includes("b"));
        expect(blocked).toHaveLength(1);
        return blocked.map((one) => String(one.id));
      });
      for (const id of ids) await world.admin.sendCommand(["CLIENT", "KILL", "ID", id]);
      return (await waiting).durability;
    });
    expect(level).toBe("memory");
  });
});

describe.each(["redis-server", "valkey-server"] as const)(
  "%s with an append-only file",
  (program) => {
    it.each(["everysec", "always"])(
      "tells of its disk where it can, and claims nothing where it cannot: appendfsync %s",
      async (policy) => {
        const folder = mkdtempSync(join(tmpdir(), "sojourn-durable-"));
        const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", policy];
        const engine = await startRedis({ program, args });
        const client = createClient({ url: engine.url, disableOfflineQueue: true });
        const one = new RedisStore({ client });
        try {
          await one.check();
          const waits = (await client.sendCommand(["COMMAND", "INFO", "waitaof"])) as unknown[];
          const got = waits[0] === null && policy === "everysec" ? "memory" : "local";
          expect(one.capabilities.durability.includes("local")).toBe(got === "local");
          const { now } = world.kit;
          const end = { reason: "revoked", at: now } as const;
          const options = { now, durability: "local", tombstoneUntil: now + 1 } as const;
          const result = await one.revoke({ tenant: "t", id: "x" }, end, options);
          expect(result.durability).toBe(got);
          const all = await one.revokeSubject("t", "s", { now, end, durability: "local" });
          expect(all.durability).toBe(got);
        } finally {
          await one.close();
          await engine.stop();
          rmSync(folder, { recursive: true, force: true });
        }
      },
    );
  },
);

describe("a cluster", () => {
  it("is asked for the replicas of whoever has the session", async () => {
    const cluster = await clusterWorld();
    try {
      const kit = await cluster.kit();
      const clustered = cluster.store();
      await clustered.check();
      expect(clustered.capabilities.durability).toEqual(["memory", "replicated", "quorum"]);
      const end = { reason: "revoked", at: kit.now } as const;
      const levels = new Set<Durability>();
      for (let index = 0; index < 20; index += 1) {
        const tenant = kit.tenant();
        const one = kit.recordOf({ tenant, subject: "alice" });
        await clustered.create(one, { now: kit.now });
        const options = { now: kit.now, durability: "quorum" } as const;
        const revoked = await clustered.revoke(one, end, options);
        expect(revoked.outcome).toBe("ended");
        const all = await clustered.revokeSubject(tenant, "alice", { ...options, end });
        levels.add(revoked.durability).add(all.durability);
      }
      expect([...levels]).toEqual(["quorum"]);
    } finally {
      await cluster.end();
    }
  }, 30_000);
});

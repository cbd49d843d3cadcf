/** The Redis store on a real cluster of three primaries with a replica each. */
import { createCluster } from "redis";
import { RedisStore } from "sojourn/stores/redis";
import { storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { StoreCase } from "sojourn/testing";
import { ask } from "../../tools/engines/resp.mjs";
import { clusterWorld } from "../support/redis-cluster-world.ts";
import type { ClusterWorld } from "../support/redis-cluster-world.ts";

const WITHIN = { timeout: 10_000, interval: 50 };
const CAPABILITIES = new RedisStore({
  client: createCluster({ rootNodes: [], defaults: { disableOfflineQueue: true } }),
}).capabilities;

describe("the Redis store keeps the store contract on a cluster", () => {
  let run: (one: StoreCase) => Promise<void>;
  let world: ClusterWorld;

  beforeAll(async () => {
    world = await clusterWorld();
    const store = world.store();
    const kit = await world.kit({ peer: world.store() });
    run = (one) => one.run(store, kit);
  });

  afterAll(() => world.end());

  it.each(storeCasesFor(CAPABILITIES))("$name", (one) => run(one));

  it("needs no more of its user than the page says", async () => {
    const rights = ["+@read", "+@write", "+@connection", "+eval", "+evalsha", "+info"];
    const user = ["reset", "on", ">letmein", "~*", ...rights, "+cluster|slots"];
    for (const node of world.engines.nodes) await ask(node, "ACL", "SETUSER", "some", ...user);
    const store = world.store({}, { username: "some", password: "letmein" });
    const kit = await world.kit();
    const one = kit.recordOf({ tenant: kit.tenant() });
    let proofs = 0;
    const tail = store.tail("now", { change: () => undefined, frontier: () => void (proofs += 1) });
    await store.create(one, { now: kit.now });
    await store.sweep({ now: kit.now, limit: 10 });
    await store.purgeSubject(one.tenant, "alice", kit.now);
    expect((await store.health()).writable).toBe(true);
    await vi.waitFor(() => expect(proofs).toBeGreaterThan(0), 5_000);
    tail.close();
  });

  it("refuses a session whose id lies elsewhere than its subject", async () => {
    const kit = await world.kit();
    const one = kit.recordOf({ tenant: kit.tenant() });
    const other = kit.recordOf({ tenant: one.tenant, subject: "bob" });
    const store = world.store();
    const misplaced = store.create({ ...one, id: other.id }, { now: kit.now });
    await expect(misplaced).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(await store.find({ tenant: one.tenant, id: other.id })).toBeUndefined();
  });

  it("does nothing more in a layout that was changed under it", async () => {
    const store = world.store({ prefix: "other:" });
    const ref = { tenant: "default", id: "A".repeat(24) };
    expect(await store.find(ref)).toBeUndefined();
    // As re-bucketing leaves it.
    for (const { node } of await world.engines.owners())
      await ask(node, "HSET", "other:m", "buckets", "512").catch(() => undefined);
    const wrong = { code: "ERR_CONFIG", message: expect.stringContaining("buckets: 512") };
    await expect(store.health()).rejects.toMatchObject(wrong);
    await expect(store.find(ref)).rejects.toMatchObject(wrong);
  });

  it("leaves no connection of its own at a primary that handed over", async () => {
    const kit = await world.kit();
    const store = world.store();
    const [owner] = await world.engines.owners();
    if (owner === undefined) throw new Error("no owners");
    const revokeSome = async (): Promise<void> => {
      for (let count = 0; count < 12; count += 1) {
        const one = kit.recordOf({ tenant: kit.tenant(), subject: `user-${count}` });
        await store.create(one, { now: kit.now });
        const end = { reason: "revoked", at: kit.now } as const;
        await store.revoke(one, end, { now: kit.now, durability: "replicated" });
      }
    };
    const writing = async (): Promise<string[]> => {
      const list = String(await ask(owner.node, "CLIENT", "LIST", "TYPE", "normal"));
      return [...list.matchAll(/^id=(\d+) .* cmd=(?:wait|evalsha)\b/gm)].map(([, id = ""]) => id);
    };
    const others = await writing();
    await revokeSome();
    const ours = (await writing()).filter((id) => !others.includes(id));
    expect(ours.length).toBeGreaterThan(0);
    await world.engines.failover(owner.node);
    await vi.waitFor(revokeSome, WITHIN);
    await vi.waitFor(async () => {
      const left = await writing();
      expect(ours.filter((id) => left.includes(id))).toEqual([]);
    }, WITHIN);
  });
});

/** A tail that has very much to read before it is where the server is. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

/** More than four answers of the server hold. */
const ENTRIES = 60_000;
const WITHIN = { timeout: 30_000, interval: 20 };

const worlds: RedisWorld[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.end()));
});

describe("a tail that is far behind", () => {
  it("proves no freshness before it has told everything (I3)", async () => {
    const world = await redisWorld();
    worlds.push(world);
    const { kit, admin } = world;
    const store = world.store({ buckets: 1 });
    const one = kit.recordOf({ tenant: kit.tenant() });
    let position = "";
    const first = store.tail("now", { change: (change) => void (position = change.position) });
    await store.create(one, { now: kit.now });
    await vi.waitFor(() => expect(position).not.toBe(""), WITHIN);
    first.close();
    const copies = `for i = 1, ARGV[1] do
      redis.call('XADD', KEYS[1], '0-*', 'w', 'm', 'n', ARGV[2], 'x', '', 's', '', 'd', '')
    end`;
    const name = `${one.tenant.length}.${one.tenant}${one.id}`;
    await admin.eval(copies, { keys: ["l/{00}"], arguments: [`${ENTRIES}`, name] });
    let told = 0;
    let toldAtProof = -1;
    const gaps: number[] = [];
    const tail = store.tail(position, {
      change: () => void (told += 1),
      frontier: () => void (toldAtProof = Math.max(toldAtProof, toldAtProof === -1 ? told : -1)),
      gap: () => void gaps.push(told),
    });
    await vi.waitFor(() => expect(toldAtProof).not.toBe(-1), WITHIN);
    expect(toldAtProof).toBe(ENTRIES);
    expect(gaps).toEqual([]);
    tail.close();
  }, 60_000);
});

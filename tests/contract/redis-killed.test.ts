/** What a real Redis still knows when its process was killed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionRecord } from "sojourn";
import { afterEach, describe, expect, it } from "vitest";
import { redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

const worlds: RedisWorld[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.end()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** How long Redis may hold a write back while its disk is busy, and a second. */
const HELD_BACK_MS = 3_000;

describe.each(["everysec", "always"])("a server killed with appendfsync %s", (policy) => {
  it("has every revocation that was acknowledged in time after its restart (I2)", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-aof-"));
    folders.push(folder);
    const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", policy];
    const first = await redisWorld(args);
    worlds.push(first);
    const { kit } = first;
    const store = first.store({ acceptRisks: [] });
    const tenant = kit.tenant();
    const sessions = Array.from({ length: 2_000 }, (_, index) =>
      kit.recordOf({ tenant, subject: `user-${index}` }),
    );
    await Promise.all(sessions.map((one) => store.create(one, { now: kit.now })));
    const before = await store.health();
    const acknowledged: SessionRecord[] = [];
    const levels = new Set<string>();
    const end = { reason: "revoked", at: kit.now } as const;
    const revoke = async (one: SessionRecord): Promise<void> => {
      const result = await store.revoke(one, end, { now: kit.now });
      acknowledged.push(one);
      levels.add(result.durability);
      if (acknowledged.length === 700) process.kill(first.pid, "SIGKILL");
    };
    await Promise.all(sessions.slice(0, 400).map(revoke));
    if (policy === "everysec") {
      await sleep(HELD_BACK_MS);
      await first.admin.ping();
    }
    await Promise.allSettled(sessions.slice(400).map(revoke));
    expect(acknowledged.length).toBeGreaterThanOrEqual(700);
    expect([...levels]).toEqual([policy === "always" ? "local" : "memory"]);

    const second = await redisWorld(args);
    worlds.push(second);
    const again = second.store({ acceptRisks: [] });
    // With `everysec` a busy disk may cost the last two seconds, which a quick one never does.
    const promised = policy === "always" ? acknowledged : acknowledged.slice(0, 400);
    const found = await Promise.all(promised.map((one) => again.find(one)));
    expect(found.filter((one) => one?.record.state === "ended")).toHaveLength(promised.length);
    const after = await again.health();
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(after.incarnationSince).toBeGreaterThan(before.incarnationSince);
  });
});

/** The store contract through Sentinels, and what failovers of a real set do to store and tail. */
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "sojourn";
import type { SessionRecord, StoreChange, StoreHealth } from "sojourn";
import type { RedisStore } from "sojourn/stores/redis";
import { storeCasesFor } from "sojourn/testing";
import type { StoreCase } from "sojourn/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { DOWN_AFTER_MS, FAILOVER_WITHIN, sentinelWorld } from "../support/sentinel-world.ts";
import type { RedisNode, SentinelWorld } from "../support/sentinel-world.ts";
import { splitKit } from "../support/redis-kit.ts";
import { CAPABILITIES } from "../support/redis-world.ts";

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

describe(`the Redis store behind Sentinels keeps the store contract (seed ${seed})`, () => {
  let world: SentinelWorld;
  let run: (one: StoreCase) => Promise<void>;

  beforeAll(async () => {
    // No failover is to happen here, however busy the machine is.
    world = await sentinelWorld({ downAfterMs: 30_000 });
    const [store, peer] = [world.store(), world.store()];
    const kit = await splitKit(store, { seed, peer, now: Date.now() });
    run = (one) => one.run(store, kit);
  }, 30_000);
  afterAll(() => world.end());

  it.each(storeCasesFor(CAPABILITIES))("$name", (one) => run(one));
});

interface Heard {
  readonly changes: StoreChange[];
  readonly frontiers: number[];
  gaps: number;
}

function listen(store: RedisStore): Heard {
  const heard: Heard = { changes: [], frontiers: [], gaps: 0 };
  store.tail("now", {
    change: (change) => void heard.changes.push(change),
    frontier: (_position, at) => void heard.frontiers.push(at),
    gap: () => void (heard.gaps += 1),
  });
  return heard;
}

/** How each way of losing a primary begins. */
const LOSSES: Readonly<Record<string, (world: SentinelWorld, node: RedisNode) => Promise<void>>> = {
  "killed with SIGKILL": async (_world, node) => void process.kill(node.pid, "SIGKILL"),
  "stopped with SIGSTOP": async (_world, node) => void process.kill(node.pid, "SIGSTOP"),
  "replaced by SENTINEL FAILOVER": async (world) => {
    const [sentinel] = world.group.sentinels;
    if (sentinel === undefined) throw new Error("no Sentinel");
    const admin = await world.admin(sentinel);
    await admin.sendCommand(["SENTINEL", "FAILOVER", world.group.name]);
  },
};

describe.each(Object.entries(LOSSES))("a primary that is %s", (_how, lose) => {
  let world: SentinelWorld;
  afterEach(() => world.end());

  it("is left for the one that Sentinels choose, with every replicated revocation (I2)", async () => {
    world = await sentinelWorld();
    const { kit } = world;
    const store = world.store();
    const tenant = kit.tenant();
    const [ended, live] = [kit.recordOf({ tenant }), kit.recordOf({ tenant })];
    for (const one of [ended, live]) await store.create(one, { now: kit.now });
    const heard = listen(store);
    await vi.waitFor(() => expect(heard.frontiers.length).toBeGreaterThan(0), FAILOVER_WITHIN);
    const end = { reason: "revoked", at: kit.now } as const;
    const revoked = await store.revoke(ended, end, { now: kit.now, durability: "quorum" });
    expect(revoked.durability).toBe("quorum");
    const before = await store.health();

    const former = await world.group.primary();
    const lostAt = performance.now();
    await lose(world, former);
    const outage = await outageOf(store, before);
    expect(outage.failingMs).toBeLessThan(DOWN_AFTER_MS + 12_000);
    expect(outage.longestCallMs).toBeLessThan(DOWN_AFTER_MS + 12_000);
    await world.promoted(former);

    const { after } = outage;
    expect(after.incarnation).not.toBe(before.incarnation);
    const found = await vi.waitFor(() => store.find(ended), FAILOVER_WITHIN);
    expect(found?.record.end).toEqual(end);
    const other = await vi.waitFor(() => store.find(live), FAILOVER_WITHIN);
    expect(other?.record.state).toBe("active");
    expect(after.incarnationSince).toBeGreaterThan(before.incarnationSince);
    await vi.waitFor(() => expect(heard.gaps).toBeGreaterThan(0), FAILOVER_WITHIN);
    const opened = kit.recordOf({ tenant });
    await vi.waitFor(() => store.create(opened, { now: kit.now }), FAILOVER_WITHIN);
    await vi.waitFor(() => expect(idsOf(heard)).toContain(opened.id), FAILOVER_WITHIN);
    await vi.waitFor(
      () => expect(heard.frontiers.at(-1) ?? 0).toBeGreaterThan(lostAt),
      FAILOVER_WITHIN,
    );

    // What comes back is no primary any more, and nobody writes to it.
    if (_how.startsWith("stopped")) process.kill(former.pid, "SIGCONT");
    if (_how.startsWith("killed")) await former.restart();
    const later = kit.recordOf({ tenant });
    await vi.waitFor(() => store.create(later, { now: kit.now }), FAILOVER_WITHIN);
    const present = await world.group.primary();
    expect(present.port).not.toBe(former.port);
    const admin = await world.admin(present);
    expect(await admin.keys(`{??}*${later.id.slice(1)}`)).toHaveLength(1);
  }, 60_000);
});

function idsOf(heard: Heard): readonly string[] {
  return heard.changes.flatMap((change) => (change.kind === "session" ? [change.ref.id] : []));
}

/** Call again and again until another primary answers: from the first failure to then. */
async function outageOf(
  store: RedisStore,
  before: StoreHealth,
): Promise<{
  readonly failingMs: number;
  readonly longestCallMs: number;
  readonly after: StoreHealth;
}> {
  let longestCallMs = 0;
  let failingSince: number | undefined;
  for (;;) {
    const at = performance.now();
    const told: unknown = await store.health().catch((error: unknown) => error);
    longestCallMs = Math.max(longestCallMs, performance.now() - at);
    if (told instanceof Error) {
      expect(told).toBeInstanceOf(StoreUnavailableError);
      failingSince ??= at;
    } else if ((told as StoreHealth).incarnation !== before.incarnation) {
      const failingMs = performance.now() - (failingSince ?? at);
      return { failingMs, longestCallMs, after: told as StoreHealth };
    }
    await sleep(20);
  }
}

describe("a write that was under way when its primary was lost", () => {
  let world: SentinelWorld;
  afterEach(() => world.end());

  it("fails, and is not sent to the next one", async () => {
    world = await sentinelWorld();
    const { kit } = world;
    const store = world.store();
    const one = kit.recordOf({ tenant: kit.tenant() });
    await store.create(one, { now: kit.now, data: { first: "1" } });
    await store.revoke(
      kit.recordOf({ tenant: "t" }),
      { reason: "revoked", at: kit.now },
      {
        now: kit.now,
        durability: "quorum",
      },
    );
    const former = await world.group.primary();
    process.kill(former.pid, "SIGSTOP");
    const hanging = store.patchData(one, [{ op: "set", key: "hanging", value: "1" }]);
    const failed = hanging.catch((error: unknown) => error);
    await world.promoted(former);
    process.kill(former.pid, "SIGKILL");
    expect(await failed).toBeInstanceOf(StoreUnavailableError);
    const found = await vi.waitFor(() => store.find(one), FAILOVER_WITHIN);
    expect(found?.data).toEqual({ first: "1" });
    expect(found?.dataVersion).toBe(1);
  }, 60_000);
});

describe("a primary that is cut off from replicas and Sentinels, and not from the store", () => {
  let world: SentinelWorld;
  afterEach(() => world.end());

  it("is left, and every revocation that said it has a quorum stays (I2, I8)", async () => {
    world = await sentinelWorld({ proxied: true });
    const { kit } = world;
    const store = world.store();
    const tenant = kit.tenant();
    const sessions = Array.from({ length: 400 }, () => kit.recordOf({ tenant, subject: null }));
    await Promise.all(sessions.map((one) => store.create(one, { now: kit.now })));
    const before = await store.health();
    const end = { reason: "revoked", at: kit.now } as const;
    const told = new Map<SessionRecord, string>();
    const former = await world.group.primary();
    for (const [index, one] of sessions.entries()) {
      if (index === 100) former.proxy?.cut();
      const options = { now: kit.now, durability: "quorum" } as const;
      const revoked = store.revoke(one, end, options).then(
        ({ durability }) => durability,
        () => "failed",
      );
      told.set(one, "under way");
      void revoked.then((durability) => told.set(one, durability));
      if (index % 10 === 0) await (index < 100 ? revoked : sleep(20));
    }
    const { after } = await outageOf(store, before);
    expect(after.incarnation).not.toBe(before.incarnation);
    await vi.waitFor(() => expect([...told.values()]).not.toContain("under way"), FAILOVER_WITHIN);
    const safe = sessions.filter((one) => told.get(one) === "quorum");
    expect(safe.length).toBeGreaterThanOrEqual(90);
    expect(new Set(told.values()).size).toBeGreaterThan(1);
    for (const one of safe) {
      const found = await vi.waitFor(() => store.find(one), FAILOVER_WITHIN);
      expect(found?.record.end).toEqual(end);
    }
    await former.proxy?.heal();
  }, 60_000);
});

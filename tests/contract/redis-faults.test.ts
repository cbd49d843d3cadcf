/** Faults of a real Redis: full, stopped, emptied; and what the tail makes of them. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createSessions, StoreUnavailableError } from "sojourn";
import type { SessionRecord, StoreChange, Subscription } from "sojourn";
import { RedisStore } from "sojourn/stores/redis";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openClient, redisWorld } from "../support/redis-world.ts";
import type { RedisWorld } from "../support/redis-world.ts";

const worlds: RedisWorld[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.end()));
});

async function start(...args: readonly string[]): Promise<RedisWorld> {
  const world = await redisWorld(args);
  worlds.push(world);
  return world;
}

function record(world: RedisWorld, changes: Partial<SessionRecord> = {}): SessionRecord {
  return world.kit.recordOf({ tenant: world.kit.tenant(), ...changes });
}

const LOG = "l/{00}";

/** Its changes are in {@link LOG}, as its id says. */
function recordInLog(world: RedisWorld): SessionRecord {
  return record(world, { id: `AAAA${world.kit.id().slice(4)}` });
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(StoreUnavailableError);
  return (error as Error).message;
}

describe("a server at its maxmemory", () => {
  async function full(): Promise<{ world: RedisWorld; store: RedisStore; kept: SessionRecord[] }> {
    const world = await start("--maxmemory", "12mb", "--maxmemory-policy", "noeviction");
    const store = world.store();
    const kept: SessionRecord[] = [];
    const { now } = world.kit;
    const data = { big: "x".repeat(900) };
    for (;;) {
      const one = record(world, { subject: `user-${kept.length % 50}`, tenant: "t" });
      try {
        await store.create(one, { now, data });
      } catch (error) {
        expect(error).toBeInstanceOf(StoreUnavailableError);
        expect(String(error)).toContain("maxmemory");
        expect(await store.find(one)).toBeUndefined();
        return { world, store, kept };
      }
      kept.push(one);
    }
  }

  it("ends sessions in every way, records activity and gives memory back (I10)", async () => {
    const { world, store, kept } = await full();
    const { now } = world.kit;
    const [a, b, c, d] = kept as [SessionRecord, SessionRecord, SessionRecord, SessionRecord];
    const end = { reason: "revoked", at: now, cause: "why", actor: "who" } as const;
    expect((await store.revoke(a, end, { now })).outcome).toBe("ended");
    expect((await store.find(a))?.record.end).toEqual(end);
    expect(await store.touch([{ ref: b, seenAt: now + 1 }])).toEqual(["touched"]);
    expect(await store.replace({ ...b, state: "ended", end }, 1)).toBe("replaced");
    expect(await store.replace({ ...c, state: "locked", lockFactors: 1 }, 1)).toBe("replaced");
    const whole = await store.revokeSubject("t", d.subject ?? "", { now, end });
    expect(whole.ended.length).toBeGreaterThan(5);
    expect((await store.find(d))?.record.state).toBe("ended");
    const absent = record(world);
    const tombstoneUntil = now + 3_600_000;
    await store.revoke(absent, end, { now, tombstoneUntil });
    expect((await store.health()).writable).toBe(true);
    expect(await reasonOf(store.create(record(world), { now }))).toContain("maxmemory");
    await expect(store.patchData(c, [{ op: "set", key: "k", value: "v" }])).rejects.toThrow(
      "maxmemory",
    );

    const swept = await store.sweep({ now: now + 1, limit: 10_000, purgeBefore: now + 1 });
    expect(swept.purged).toBeGreaterThan(5);
    await store.purgeSubject("t", "user-7", now);
    await world.admin.del(await world.admin.keys("l/*"));
    expect((await store.create(record(world), { now })).outcome).toBe("created");
    expect((await store.create(absent, { now })).outcome).toBe("exists");
  });
});

describe("a server that is stopped", () => {
  /** With one session. */
  async function stopped() {
    const world = await start();
    const store = world.store();
    const one = record(world);
    await store.create(one, { now: world.kit.now });
    process.kill(world.pid, "SIGSTOP");
    return { world, store, one };
  }

  it("gets no more commands after a second, and replays none of those refused", async () => {
    const { world, store, one } = await stopped();
    try {
      const hanging = store.patchData(one, [{ op: "set", key: "hanging", value: "1" }]);
      await sleep(1_100);
      for (let index = 0; index < 100; index += 1) {
        const refused = store.patchData(one, [{ op: "set", key: `late-${index}`, value: "1" }]);
        expect(await reasonOf(refused)).toContain("has not answered");
      }
      expect(await reasonOf(store.find(one))).toContain("has not answered");
      process.kill(world.pid, "SIGCONT");
      expect((await hanging).outcome).toBe("patched");
    } finally {
      process.kill(world.pid, "SIGCONT");
    }
    expect((await store.find(one))?.data).toEqual({ hanging: "1" });
  });

  it("is not taken for stopped by a process that was too busy to read its answers", async () => {
    const world = await start();
    const store = world.store();
    const one = record(world);
    await store.create(one, { now: world.kit.now });
    const asked = store.find(one);
    // The driver writes in the first turn; then nothing else is done for more than a second.
    for (let turn = 0; turn < 2; turn += 1) await new Promise((done) => void setImmediate(done));
    for (const until = performance.now() + 1_200; performance.now() < until;);
    expect((await store.find(one))?.record.id).toBe(one.id);
    await asked;
  });

  it("is unavailable within the time-out of a store call, and nobody is logged out (I7)", async () => {
    const world = await start();
    const secrets = [randomBytes(32)];
    const store = world.store();
    const sessions = createSessions({ secrets, store, storeTimeoutMs: 200, sweep: false });
    const { token } = await sessions.open({ subject: "alice" });
    process.kill(world.pid, "SIGSTOP");
    try {
      for (let index = 0; index < 8; index += 1) {
        const before = performance.now();
        await reasonOf(sessions.authenticate(token));
        expect(performance.now() - before).toBeLessThan(600);
      }
    } finally {
      process.kill(world.pid, "SIGCONT");
    }
    const active = async (): Promise<void> =>
      expect((await sessions.authenticate(token)).state).toBe("active");
    await vi.waitFor(active, { timeout: 5_000, interval: 10 });
    await sessions.close();
  });

  it("costs a caller its commands and no more when the connection is cut", async () => {
    const { world, store, one } = await stopped();
    const hanging = store.patchData(one, [{ op: "set", key: "hanging", value: "1" }]);
    const failed = reasonOf(hanging);
    await sleep(50);
    process.kill(world.pid, "SIGKILL");
    expect(await failed).toContain("no answer from Redis");
    expect(await reasonOf(store.find(one))).toContain("no answer from Redis");
  });
});

interface Heard {
  readonly changes: StoreChange[];
  readonly frontiers: { position: string; at: number }[];
  gaps: number;
  errors: number;
  readonly subscription: Subscription;
}

function listen(store: RedisStore, from = "now"): Heard {
  const heard = { changes: [], frontiers: [], gaps: 0, errors: 0 } as unknown as Heard;
  const subscription = store.tail(from, {
    change: (change) => void heard.changes.push(change),
    frontier: (position, at) => void heard.frontiers.push({ position, at }),
    gap: () => void (heard.gaps += 1),
    error: () => void (heard.errors += 1),
  });
  return Object.assign(heard, { subscription });
}

const WITHIN = { timeout: 5_000, interval: 10 };

describe("the tail", () => {
  async function tailed(): Promise<{ world: RedisWorld; store: RedisStore; heard: Heard }> {
    const world = await start();
    const store = world.store();
    await store.check();
    const heard = listen(store);
    await vi.waitFor(() => expect(heard.frontiers.length).toBeGreaterThan(0), WITHIN);
    return { world, store, heard };
  }

  async function killReaders(world: RedisWorld): Promise<void> {
    const own = await world.admin.clientId();
    await world.admin.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    expect(own).toBeGreaterThan(0);
  }

  it("goes on where it was after a lost connection, without loss, repetition or gap", async () => {
    const { world, heard } = await tailed();
    const { kit } = world;
    const writer = world.store();
    const opened: string[] = [];
    for (let index = 0; index < 60; index += 1) {
      const one = recordInLog(world);
      if (index % 20 === 10) await killReaders(world);
      await vi.waitFor(() => writer.create(one, { now: kit.now }), WITHIN);
      opened.push(one.id);
    }
    await vi.waitFor(() => expect(heard.changes.length).toBeGreaterThanOrEqual(60), WITHIN);
    const told = heard.changes.map((change) => (change.kind === "session" ? change.ref.id : ""));
    expect(told).toEqual(opened);
    expect(heard.gaps).toBe(0);
    heard.subscription.close();
  });

  it("tells a gap when the log was trimmed past its position", async () => {
    const { world, store, heard } = await tailed();
    await store.create(recordInLog(world), { now: world.kit.now });
    await vi.waitFor(() => expect(heard.changes).toHaveLength(1), WITHIN);
    const { position = "" } = heard.changes[0] ?? {};
    heard.subscription.close();
    for (let index = 0; index < 5; index += 1) {
      await store.create(recordInLog(world), { now: world.kit.now });
    }
    await world.admin.xTrim(LOG, "MAXLEN", 2);
    const late = listen(store, position);
    await vi.waitFor(() => expect(late.gaps).toBe(1), WITHIN);
    late.subscription.close();
  });

  it("tells a gap for a hole in the log, and for a position of another past", async () => {
    const { world, store, heard } = await tailed();
    for (let index = 0; index < 6; index += 1) {
      await store.create(recordInLog(world), { now: world.kit.now });
    }
    await vi.waitFor(() => expect(heard.changes).toHaveLength(6), WITHIN);
    const { position = "" } = heard.changes[0] ?? {};
    heard.subscription.close();
    const foreign = listen(store, position.replace(/^[^:]+/, "another"));
    await vi.waitFor(() => expect(foreign.gaps).toBe(1), WITHIN);
    foreign.subscription.close();
    await world.admin.xDel(LOG, "0-4");
    const late = listen(store, position);
    await vi.waitFor(() => expect(late.changes).toHaveLength(4), WITHIN);
    expect(late.gaps).toBe(1);
    late.subscription.close();
  });

  it("tells a gap when everything was flushed, and health tells another incarnation", async () => {
    const { world, store, heard } = await tailed();
    for (let index = 0; index < 5; index += 1) {
      await store.create(record(world), { now: world.kit.now });
    }
    const before = await store.health();
    const { bucketKey } = await store.installation({ id: "x", bucketKey: "x" });
    await world.admin.flushAll();
    await vi.waitFor(() => expect(heard.gaps).toBeGreaterThan(0), WITHIN);
    expect((await store.health()).incarnation).not.toBe(before.incarnation);
    const kept = await store.installation({ id: "x", bucketKey: "x" });
    expect(kept.bucketKey).toBe(bucketKey);
    heard.subscription.close();
  });

  it("proves freshness while nothing happens, and not while the server is stopped", async () => {
    const { world, heard } = await tailed();
    const first = heard.frontiers.at(-1)?.at ?? 0;
    await vi.waitFor(() => expect(heard.frontiers.at(-1)?.at).toBeGreaterThan(first), WITHIN);
    process.kill(world.pid, "SIGSTOP");
    const stoppedAt = performance.now();
    await sleep(600);
    process.kill(world.pid, "SIGCONT");
    expect(heard.frontiers.at(-1)?.at).toBeLessThanOrEqual(stoppedAt);
    await vi.waitFor(
      () => expect(heard.frontiers.at(-1)?.at).toBeGreaterThan(stoppedAt + 600),
      WITHIN,
    );
    heard.subscription.close();
  });

  it("proves nothing while the server may take no writes: it may be cut off", async () => {
    const { world, heard } = await tailed();
    await world.admin.configSet("min-replicas-to-write", "1");
    await sleep(300);
    const last = heard.frontiers.at(-1)?.at;
    await sleep(500);
    expect(heard.frontiers.at(-1)?.at).toBe(last);
    await world.admin.configSet("min-replicas-to-write", "0");
    await vi.waitFor(() => expect(heard.frontiers.at(-1)?.at).toBeGreaterThan(last ?? 0), WITHIN);
    expect(heard.gaps).toBe(0);
    heard.subscription.close();
  });

  it("has told whatever was acknowledged before a proof was asked for", async () => {
    const { world, heard } = await tailed();
    const { kit } = world;
    const writers = [world.store(), world.store(), world.store()];
    const told = new Set<string>();
    const late: string[] = [];
    const acknowledged: { id: string; at: number }[] = [];
    let read = 0;
    const slow = slowReader(world.url);
    const proof = slow.tail("now", {
      change: (change) => void (change.kind === "session" && told.add(change.ref.id)),
      frontier: (_position, askedAt) => {
        while (read < acknowledged.length && (acknowledged[read]?.at ?? 0) < askedAt) {
          const { id = "" } = acknowledged[read] ?? {};
          if (!told.has(id)) late.push(id);
          read += 1;
        }
      },
    });
    await vi.waitFor(() => writers[0]?.check(), WITHIN);
    await sleep(200);
    for (let round = 0; round < 100; round += 1) {
      const some = Array.from({ length: 12 }, () => record(world, { idleMs: 60_000 }));
      await Promise.all(
        some.map(async (one, index) => {
          await writers[index % 3]?.create(one, { now: kit.now });
          acknowledged.push({ id: one.id, at: performance.now() });
        }),
      );
    }
    await vi.waitFor(() => expect(read).toBe(1_200), WITHIN);
    expect(late).toEqual([]);
    proof.close();
    await slow.close();
    heard.subscription.close();
  });
});

/** A store whose tail gets what it reads from the log long after answers to anything else. */
function slowReader(url: string): RedisStore {
  const client = openClient(url);
  const duplicate = client.duplicate.bind(client);
  client.duplicate = ((overrides: Parameters<typeof duplicate>[0]) => {
    const copy = duplicate(overrides);
    const send = copy.sendCommand.bind(copy);
    copy.sendCommand = ((...call: Parameters<typeof send>) => {
      const answer = send(...call);
      return call[0][0] === "XREAD" ? answer.then((reply) => sleep(50, reply)) : answer;
    }) as typeof copy.sendCommand;
    return copy;
  }) as typeof client.duplicate;
  return new RedisStore({ client, acceptRisks: ["no-aof"] });
}

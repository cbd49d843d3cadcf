/** What a cluster goes through while it is in use: slots that move, primaries that die or stop. */
import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "sojourn";
import type { SessionRecord, StoreChange, StoredSession, Subscription } from "sojourn";
import type { RedisStore } from "sojourn/stores/redis";
import type { CaseKit } from "sojourn/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ask, connectResp } from "../../tools/engines/resp.mjs";
import { clusterWorld } from "../support/redis-cluster-world.ts";
import type { ClusterWorld } from "../support/redis-cluster-world.ts";

const NODE_TIMEOUT_MS = 2_000;
/** What we may take to notice who was elected, and to connect. */
const NOTICED_MS = 1_000;
const SESSIONS = 12;
/** Slots that move back and forth. */
const MOVING = 100;
const WITHIN = { timeout: 10_000, interval: 20 };
/** A call is answered or given up in this time: the second in which it may be sent again, twice. */
const BOUND_MS = 3_000;

type Owners = Awaited<ReturnType<ClusterWorld["engines"]["owners"]>>;

const worlds: ClusterWorld[] = [];

afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.end()));
});

async function start(): Promise<ClusterWorld> {
  const world = await clusterWorld();
  worlds.push(world);
  return world;
}

interface Heard {
  readonly changes: StoreChange[];
  provenAt: number;
  gaps: number;
  readonly subscription: Subscription;
}

function listen(store: RedisStore): Heard {
  const heard = { changes: [], provenAt: -1, gaps: 0 } as unknown as Heard;
  const subscription = store.tail("now", {
    change: (change) => void heard.changes.push(change),
    frontier: (_position, askedAt) => void (heard.provenAt = askedAt),
    gap: () => void (heard.gaps += 1),
    error: () => undefined,
  });
  return Object.assign(heard, { subscription });
}

/** @param below Half of them are in slots below this one. */
async function openedSessions(
  world: ClusterWorld,
  kit: CaseKit,
  below = 0,
): Promise<SessionRecord[]> {
  const tenant = kit.tenant();
  const store = world.store();
  const [node] = world.engines.nodes;
  const client = await connectResp(node?.port ?? 0);
  const sessions: SessionRecord[] = [];
  for (let count = 0; sessions.length < SESSIONS; count += 1) {
    const one = kit.recordOf({ tenant, subject: `user-${count}` });
    const bucket = Buffer.from(one.id, "base64url").readUInt16BE(1) % 256;
    const key = `{${bucket.toString(16).padStart(2, "0")}}`;
    const slot = Number(await client.call("CLUSTER", "KEYSLOT", key));
    if (sessions.length < SESSIONS / 2 && below > 0 && slot >= below) continue;
    sessions.push(one);
    await store.create(one, { now: kit.now });
  }
  client.close();
  return sessions;
}

/** Sets one new key after the other in each session, and reads them all, until it is stopped. */
class Use {
  readonly sessions: readonly SessionRecord[];
  /** Of each session: keys whose setting was acknowledged, and keys whose fate is unknown. */
  readonly acknowledged = new Map<string, string[]>();
  readonly unknown = new Map<string, string[]>();
  readonly strange: unknown[] = [];
  reads = 0;
  refused = 0;
  longestMs = 0;
  #running = true;
  readonly #done: Promise<unknown>;

  constructor(writer: RedisStore, reader: RedisStore, sessions: readonly SessionRecord[]) {
    this.sessions = sessions;
    for (const { id } of sessions) {
      this.acknowledged.set(id, []);
      this.unknown.set(id, []);
    }
    this.#done = Promise.all(
      sessions.flatMap((one) => [this.#write(writer, one), this.#read(reader, one)]),
    );
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #write(store: RedisStore, one: SessionRecord): Promise<void> {
    for (let count = 0; this.#running; count += 1) {
      const key = `k${count}`;
      const result = await this.#timed(() =>
        store.patchData(one, [{ op: "set", key, value: "1" }]),
      );
      const told = result === undefined ? this.unknown : this.acknowledged;
      told.get(one.id)?.push(key);
      if (result !== undefined && result.outcome !== "patched") this.strange.push(result);
      await sleep(20);
    }
  }

  async #read(store: RedisStore, one: SessionRecord): Promise<void> {
    while (this.#running) {
      let found: unknown;
      const answered = await this.#timed(async () => {
        found = await store.find(one);
        return true;
      });
      if (answered === undefined) this.refused += 1;
      else if (found === undefined) this.strange.push("a session that is there was not found");
      else this.reads += 1;
      await sleep(20);
    }
  }

  async #timed<Value>(run: () => Promise<Value>): Promise<Value | undefined> {
    const begun = performance.now();
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) this.strange.push(error);
      return undefined;
    } finally {
      this.longestMs = Math.max(this.longestMs, performance.now() - begun);
    }
  }
}

/** @returns what a session has that it should not, or has not and should, and was not told. */
function faultsOf(use: Use, stored: StoredSession, changes: readonly StoreChange[]): string[] {
  const { id } = stored.record;
  const kept = Object.keys(stored.data);
  const acknowledged = use.acknowledged.get(id) ?? [];
  const unknown = new Set(use.unknown.get(id));
  const written = acknowledged.length + kept.filter((key) => unknown.has(key)).length;
  const told = changes.flatMap((change) =>
    change.kind === "session" && change.ref.id === id ? (change.keys ?? []) : [],
  );
  return [
    ...acknowledged.filter((key) => !kept.includes(key)).map((key) => `lost ${key}`),
    ...(stored.dataVersion === written ? [] : [`${stored.dataVersion} writes, not ${written}`]),
    ...(new Set(told).size === told.length ? [] : ["told twice"]),
    ...kept.filter((key) => !told.includes(key)).map((key) => `not told ${key}`),
  ];
}

/** Begin to move the slot of a session, its own key alone. */
async function halve(
  { engines }: ClusterWorld,
  one: SessionRecord,
): Promise<{ finish(): Promise<void> }> {
  const owners = await engines.owners();
  const clients = await Promise.all(owners.map(({ node }) => connectResp(node.port)));
  let key = "";
  for (const client of clients) {
    const found = (await client.call("KEYS", `{*}*${one.id.slice(1)}`)) as string[];
    key = found[0] ?? key;
  }
  const slot = Number(await clients[0]?.call("CLUSTER", "KEYSLOT", key));
  const has = ({ ranges }: (typeof owners)[number]): boolean =>
    ranges.some(([first, last]) => first <= slot && slot <= last);
  const [at, to] = [owners.findIndex(has), owners.findIndex((owner) => !has(owner))];
  const [from, target] = [owners[at], owners[to]];
  const [giver, taker] = [clients[at], clients[to]];
  if (!from || !target || !giver || !taker) throw new Error("no owners");
  await taker.call("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
  await giver.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id);
  const move = (...keys: readonly string[]): Promise<unknown> =>
    giver.call("MIGRATE", "127.0.0.1", target.node.port, "", 0, 5_000, "KEYS", ...keys);
  await move(key);
  const finish = async (): Promise<void> => {
    const rest = (await giver.call("CLUSTER", "GETKEYSINSLOT", slot, 1_000)) as string[];
    await move(...rest);
    for (const client of [taker, giver]) {
      await client.call("CLUSTER", "SETSLOT", slot, "NODE", target.id);
    }
    for (const client of clients) client.close();
  };
  return { finish };
}

async function untilProven(heard: Heard): Promise<void> {
  const asked = performance.now();
  await vi.waitFor(() => expect(heard.provenAt).toBeGreaterThan(asked), WITHIN);
}

/** A cluster with sessions, a store that writes them, and one that reads them and listens. */
async function inUse(below?: number) {
  const world = await start();
  const [writer, reader] = [world.store(), world.store()];
  const sessions = await openedSessions(world, await world.kit(), below);
  const heard = listen(reader);
  await untilProven(heard);
  await world.replicated();
  return { world, writer, reader, sessions, heard };
}

async function primaryOf({ engines }: ClusterWorld) {
  const owners = await engines.owners();
  const [victim] = owners;
  if (victim === undefined) throw new Error("no owners");
  return { owners, victim };
}

describe("slots that move while sessions are used", () => {
  it("lose no update, do none twice, tell each, and keep the incarnation", async () => {
    const { world, writer, reader, sessions, heard } = await inUse(MOVING);
    const before = await reader.health();
    const use = new Use(writer, reader, sessions);
    const { engines } = world;
    for (let round = 0; round < 3; round += 1) {
      const [from, to] = await engines.owners();
      if (from === undefined || to === undefined) throw new Error("no owners");
      await engines.moveSlots(from.node, to.node, MOVING);
    }
    await use.stop();
    await untilProven(heard);
    expect(use.strange).toEqual([]);
    for (const one of sessions) {
      const stored = await reader.find(one);
      if (stored === undefined) throw new Error("the session is gone");
      expect(faultsOf(use, stored, heard.changes)).toEqual([]);
    }
    expect(heard.gaps).toBe(0);
    expect(use.reads).toBeGreaterThan(use.refused * 10);
    expect(use.longestMs).toBeLessThan(BOUND_MS);
    expect((await reader.health()).incarnation).toBe(before.incarnation);
    heard.subscription.close();
  }, 60_000);

  it("keep a half-moved bucket from being written, and its sessions readable", async () => {
    const world = await start();
    const kit = await world.kit();
    const store = world.store();
    const one = kit.recordOf({ tenant: kit.tenant() });
    const epoch = { kind: "epoch", tenant: one.tenant, subject: "alice", epoch: 3 } as const;
    await store.apply([epoch], "elsewhere");
    await store.create(one, { now: kit.now });
    await store.find(one);
    const halves = await halve(world, one);
    const operations = [{ op: "set", key: "k", value: "1" }] as const;
    await expect(store.patchData(one, operations)).rejects.toThrow(StoreUnavailableError);
    expect((await store.find(one))?.record.id).toBe(one.id);
    const fresh = await world.store().find(one);
    expect([fresh?.record.id, fresh?.subjectEpoch]).toEqual([one.id, 3]);
    expect(await world.store().find({ ...one, id: `${one.id.slice(0, 23)}_` })).toBeUndefined();
    const raised = store.apply([{ ...epoch, epoch: 4 }], "elsewhere");
    await expect(raised).rejects.toThrow(StoreUnavailableError);
    await halves.finish();
    await vi.waitFor(async () => {
      expect((await store.patchData(one, operations)).outcome).toBe("patched");
    }, WITHIN);
    expect((await store.find(one))?.dataVersion).toBe(1);
  }, 60_000);
});

describe("a primary that is killed", () => {
  it("costs its sessions no more than the failover; the tail begins anew (I7)", async () => {
    const { world, writer, reader, sessions, heard } = await inUse();
    const before = await reader.health();
    const use = new Use(writer, reader, sessions);
    const { owners, victim } = await primaryOf(world);
    await sleep(200);
    process.kill(victim.node.pid, "SIGKILL");
    const killedAt = performance.now();
    await sleep(NODE_TIMEOUT_MS / 4);
    const proofs = heard.provenAt;
    expect(proofs).toBeLessThanOrEqual(killedAt);
    const electedAt = await replaced(owners, victim);
    await vi.waitFor(() => Promise.all(sessions.map((one) => writer.find(one))), WITHIN);
    expect(performance.now() - electedAt).toBeLessThan(NOTICED_MS);
    await untilProven(heard);
    await use.stop();
    expect(use.strange).toEqual([]);
    expect(use.longestMs).toBeLessThan(BOUND_MS);
    expect(heard.gaps).toBeGreaterThan(0);
    const after = await reader.health();
    expect(after).toMatchObject({ role: "primary", writable: true });
    expect(after.incarnation).not.toBe(before.incarnation);
    expect(after.incarnationSince).toBeGreaterThan(before.incarnationSince);
    heard.subscription.close();
  }, 60_000);
});

describe("a primary that is stopped", () => {
  it("holds nobody longer than a second or two, and is replaced (I7)", async () => {
    const { world, writer, reader, sessions, heard } = await inUse();
    const { owners, victim } = await primaryOf(world);
    process.kill(victim.node.pid, "SIGSTOP");
    try {
      const use = new Use(writer, reader, sessions.slice(0, 1));
      const electedAt = await replaced(owners, victim);
      await vi.waitFor(
        () => Promise.all(sessions.map((one) => within(writer.find(one), 300))),
        WITHIN,
      );
      expect(performance.now() - electedAt).toBeLessThan(NOTICED_MS);
      await untilProven(heard);
      expect(heard.gaps).toBeGreaterThan(0);
      process.kill(victim.node.pid, "SIGCONT");
      await use.stop();
      expect(use.strange).toEqual([]);
    } finally {
      process.kill(victim.node.pid, "SIGCONT");
    }
    heard.subscription.close();
  }, 60_000);
});

describe("a primary that hands over to its replica", () => {
  it("loses no acknowledged update, and is followed at once", async () => {
    const { world, writer, reader, sessions, heard } = await inUse();
    const use = new Use(writer, reader, sessions);
    const { victim } = await primaryOf(world);
    await sleep(200);
    await world.engines.failover(victim.node);
    const begun = performance.now();
    await vi.waitFor(() => Promise.all(sessions.map((one) => writer.find(one))), WITHIN);
    expect(performance.now() - begun).toBeLessThan(NOTICED_MS);
    await untilProven(heard);
    await use.stop();
    expect(use.strange).toEqual([]);
    for (const one of sessions) {
      const kept = Object.keys((await reader.find(one))?.data ?? {});
      expect(kept).toEqual(expect.arrayContaining(use.acknowledged.get(one.id) ?? []));
    }
    heard.subscription.close();
  }, 60_000);

  it("is no mistake in the set-up when connected anew: what was asked waits", async () => {
    const { world, writer, sessions, heard } = await inUse();
    heard.subscription.close();
    const find = () => Promise.all(sessions.map((one) => writer.find(one)));
    await find();
    const { victim } = await primaryOf(world);
    await ask(victim.node, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    // Connected again, and not looked at.
    await sleep(500);
    await world.engines.failover(victim.node);
    expect((await find()).map((one) => one?.record.id)).toEqual(sessions.map(({ id }) => id));
  }, 60_000);
});

describe("a primary that is emptied", () => {
  it("is told as a gap and another incarnation, and sessions can be opened again", async () => {
    const world = await start();
    const kit = await world.kit();
    const store = world.store();
    const heard = listen(store);
    await untilProven(heard);
    const before = await store.health();
    for (const { node } of (await world.engines.owners()).slice(1, 2)) await ask(node, "FLUSHALL");
    await vi.waitFor(() => expect(heard.gaps).toBeGreaterThan(0), WITHIN);
    await untilProven(heard);
    const after = await store.health();
    expect(after.incarnation).not.toBe(before.incarnation);
    expect((await store.health()).incarnation).toBe(after.incarnation);
    for (const one of await openedSessions(world, kit)) {
      expect((await store.find(one))?.record.id).toBe(one.id);
    }
    heard.subscription.close();
  }, 60_000);
});

type SlotRange = readonly [first: number, last: number, primary: readonly [string, number]];

/** @returns when the other primaries had agreed on who takes over from it. */
async function replaced(owners: Owners, victim: Owners[number]): Promise<number> {
  const others = owners.filter((owner) => owner !== victim);
  for (;;) {
    const views = await Promise.all(others.map(({ node }) => ask(node, "CLUSTER", "SLOTS")));
    const ranges = views.flat() as unknown as SlotRange[];
    if (ranges.every(([, , [, port]]) => port !== victim.node.port)) return performance.now();
    await sleep(20);
  }
}

async function within<Value>(waiting: Promise<Value>, ms: number): Promise<Value> {
  const late = sleep(ms).then(() => Promise.reject(new Error(`not within ${ms} ms`)));
  return Promise.race([waiting, late]);
}

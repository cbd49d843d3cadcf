/** Another number of buckets: everything a store knows is where the other store looks for it. */
import { createClient, createCluster } from "redis";
import type { SessionRecord, SessionRef, StoredSession } from "sojourn";
import { rebucket, RedisStore } from "sojourn/stores/redis";
import type { RedisClient, RedisCluster } from "sojourn/stores/redis";
import type { CaseKit } from "sojourn/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startCluster, startRedis } from "../../tools/engines.mjs";
import { splitKit } from "../support/redis-kit.ts";

type Client = RedisClient | RedisCluster;

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const SUBJECTS = 24;
/** Large enough for a hash of its own. */
const LARGE = "x".repeat(4_000);
const EVERYTHING_BUCKETS = 65_536;

interface Place {
  /** Not connected. */
  client(): Client;
  set(key: string, value: string): Promise<unknown>;
  /** A command at every primary. */
  each(...args: readonly string[]): Promise<unknown[]>;
  stop(): Promise<void>;
}

async function one(): Promise<Place> {
  const server = await startRedis({ args: ["--appendonly", "yes"] });
  return {
    client: () => createClient({ url: server.url, disableOfflineQueue: true }),
    set: (key, value) => said(server.url, ["SET", key, value]),
    each: async (...args) => [await said(server.url, args)],
    stop: () => server.stop(),
  };
}

async function cluster(): Promise<Place> {
  const servers = await startCluster({ replicasPer: 0, args: ["--appendonly", "yes"] });
  const client = () =>
    createCluster({
      rootNodes: servers.urls.map((url) => ({ url })),
      defaults: { disableOfflineQueue: true },
    });
  return {
    client,
    set: async (key, value) => {
      const writer = client();
      await writer.connect();
      await writer.set(key, value);
      writer.destroy();
    },
    each: (...args) => Promise.all(servers.urls.map((url) => said(url, args))),
    stop: () => servers.stop(),
  };
}

async function said(url: string, args: readonly string[]): Promise<unknown> {
  const client = createClient({ url });
  await client.connect();
  const reply = await client.sendCommand([...args]);
  client.destroy();
  return reply;
}

/** What a store has to know, whatever its keys are. */
interface Facts {
  readonly live: readonly SessionRecord[];
  readonly ended: readonly SessionRecord[];
  readonly buried: readonly SessionRecord[];
  readonly epochs: readonly (readonly [string, number])[];
}

const TENANTS = ["default", "acme.shop", "ü{ber}"] as const;

async function fill(store: RedisStore, kit: CaseKit): Promise<Facts> {
  const live: SessionRecord[] = [];
  const ended: SessionRecord[] = [];
  const buried: SessionRecord[] = [];
  const make = async (subject: string | null, tenant: string): Promise<SessionRecord> => {
    const record = kit.recordOf({ tenant, subject });
    const data = record.id.endsWith("A") ? {} : { note: LARGE.slice(0, kit.random.int(0, 4_000)) };
    expect(await store.create(record, { now: NOW, data })).toMatchObject({ outcome: "created" });
    return record;
  };
  for (let at = 0; at < SUBJECTS; at += 1) {
    const tenant = TENANTS[at % TENANTS.length] ?? "default";
    for (let count = 0; count < 3; count += 1) live.push(await make(`person ${at}`, tenant));
    const gone = await make(`person ${at}`, tenant);
    await store.revoke(gone, { reason: "logout", at: NOW }, { now: NOW });
    ended.push(gone);
    live.push(await make(null, tenant));
  }
  for (const record of live.splice(0, 6)) {
    await store.revokeSubject(record.tenant, record.subject ?? "", {
      now: NOW,
      end: { reason: "subject_revoked", at: NOW },
    });
  }
  const dead = new Set(
    live.filter((record) => ["person 0", "person 1"].includes(`${record.subject}`)),
  );
  for (let at = 0; at < 10; at += 1) {
    const record = kit.recordOf({ tenant: "default" });
    const delta = { kind: "tombstone", ref: record, until: NOW + 400 * DAY_MS } as const;
    await store.apply([delta], "test");
    buried.push(record);
  }
  const epochs = await Promise.all(
    Array.from({ length: SUBJECTS }, async (_, at) => {
      const subject = `person ${at}`;
      return [subject, await store.subjectEpoch(TENANTS[at % 3] ?? "", subject)] as const;
    }),
  );
  return { live: live.filter((record) => !dead.has(record)), ended, buried, epochs };
}

async function snapshot(store: RedisStore, facts: Facts): Promise<unknown> {
  const found = (refs: readonly SessionRef[]): Promise<(StoredSession | undefined)[]> =>
    Promise.all(refs.map((ref) => store.find(ref)));
  const lists = facts.epochs.map(async ([subject], at) => {
    const tenant = TENANTS[at % TENANTS.length] ?? "";
    const { items } = await store.listBySubject(tenant, subject, { now: NOW, limit: 100 });
    const epoch = await store.subjectEpoch(tenant, subject);
    return [subject, epoch, items.map(({ id }) => id)];
  });
  return {
    live: await found(facts.live),
    ended: await found(facts.ended),
    buried: await Promise.all(facts.buried.map((record) => store.create(record, { now: NOW }))),
    lists: await Promise.all(lists),
  };
}

describe.each([
  ["one server", one],
  ["a cluster", cluster],
] as const)("rebucket on %s", (_name, start) => {
  let place: Place;
  let kit: CaseKit;
  let facts: Facts;
  let before: unknown;
  const stores: RedisStore[] = [];

  function open(buckets: number, prefix = ""): RedisStore {
    const store = new RedisStore({ client: place.client(), buckets, prefix });
    stores.push(store);
    return store;
  }

  async function closeAll(): Promise<void> {
    for (const store of stores.splice(0)) await store.close();
  }

  beforeAll(async () => {
    place = await start();
  }, 60_000);

  afterAll(() => place.stop());
  afterEach(closeAll);

  beforeEach(async () => {
    await place.each("FLUSHALL");
    const store = open(4);
    const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
    kit = await splitKit(store, { seed, now: NOW }, EVERYTHING_BUCKETS);
    facts = await fill(store, kit);
    before = await snapshot(store, facts);
    await closeAll();
  });

  it.each([
    [4, 64],
    [4, 1],
    [4, 1_024],
  ])("keeps everything from %i to %i and back", async (from, to) => {
    for (const [old, buckets] of [
      [from, to],
      [to, from],
    ] as const) {
      const phases = new Set<string>();
      const onProgress = ({ phase }: { phase: string }): void => void phases.add(phase);
      const summary = await rebucket({ client: place.client(), buckets, onProgress });
      expect(summary).toMatchObject({ from: old, to: buckets, foreign: 0 });
      expect([...phases]).toEqual(["count", "move", "verify"]);
      await expect(open(old).check()).rejects.toThrow(`pass buckets: ${buckets}`);
      const store = open(buckets);
      expect(await snapshot(store, facts)).toEqual(before);
      // Copies of an epoch that nobody asks for lag behind from here on.
      const end = { reason: "subject_revoked", at: NOW } as const;
      await store.revokeSubject("default", "person 0", { now: NOW, end });
      before = await snapshot(store, facts);
      await closeAll();
    }
    expect(await open(from).subjectEpoch("default", "person 0")).toBeGreaterThan(2);
  });

  it("leaves nothing out of the sweep, and nothing behind it", async () => {
    await rebucket({ client: place.client(), buckets: 32 });
    await rebucket({ client: place.client(), buckets: 2 });
    const store = open(2);
    const ended: string[] = [];
    for (let more = true; more;) {
      const swept = await store.sweep({ now: NOW + 500 * DAY_MS, limit: 50 });
      ended.push(...swept.ended.map(({ record }) => record.id));
      ({ more } = swept);
    }
    const ids = facts.live.map(({ id }) => id);
    expect(ended.length).toBe(new Set(ended).size);
    expect(ids.filter((id) => !ended.includes(id))).toEqual([]);
    for (let more = true; more;) {
      const purgeBefore = NOW + 1_000 * DAY_MS;
      ({ more } = await store.sweep({ now: purgeBefore, limit: 50, purgeBefore }));
    }
    const keys = (await place.each("KEYS", "[sduqzwy]:*")).flat();
    expect(keys).toEqual([]);
  });

  it("goes on after an interruption, and until then nobody opens what is half done", async () => {
    for (const failAt of [20, 200, 450]) {
      await expect(
        rebucket({ client: failing(place.client(), failAt), buckets: 16 }),
      ).rejects.toThrow("rebucket");
      await expect(open(4).check()).rejects.toThrow(/being moved from 4 to 16|pass buckets/);
      await expect(open(16).check()).rejects.toThrow(/being moved from 4 to 16|pass buckets/);
      await closeAll();
      await expect(rebucket({ client: place.client(), buckets: 8 })).rejects.toThrow("16 buckets");
    }
    expect(await rebucket({ client: place.client(), buckets: 16 })).toMatchObject({ to: 16 });
    expect(await snapshot(open(16), facts)).toEqual(before);
  });

  it("is refused while anybody is connected", async () => {
    const store = open(4);
    await store.check();
    await expect(rebucket({ client: place.client(), buckets: 16 })).rejects.toThrow(
      /clients? (is|are) connected .*stop every service first/,
    );
    expect(await snapshot(store, facts)).toEqual(before);
  });

  it("leaves alone what is not ours, and other prefixes", async () => {
    const other = open(4, "other:");
    // Of another installation, whose buckets this kit does not know.
    const record = kit.recordOf({ tenant: "default", subject: null });
    await other.create(record, { now: NOW });
    await closeAll();
    await place.set(`{00}${"B".repeat(23)}`, "hello");
    const { foreign } = await rebucket({ client: place.client(), buckets: 16 });
    expect(foreign).toBe(1);
    expect((await open(4, "other:").find(record))?.record.id).toBe(record.id);
  });

  it("is refused for a number that is none, the same number, or where nothing is", async () => {
    const at = (buckets: number, prefix = ""): Promise<unknown> =>
      rebucket({ client: place.client(), buckets, prefix });
    await expect(at(3)).rejects.toThrow("power of two");
    await expect(at(4)).rejects.toThrow("has 4 buckets already");
    await expect(at(8, "nothing:")).rejects.toThrow("check database and prefix");
  });
});

/** A client whose connection breaks at one of the commands. */
function failing(client: Client, at: number): Client {
  let count = 0;
  const wrap = (target: RedisClient): RedisClient =>
    new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (name !== "sendCommand") return typeof value === "function" ? value.bind(object) : value;
        return (...args: unknown[]) => {
          count += 1;
          if (count >= at) return Promise.reject(new Error("Socket closed unexpectedly"));
          return (value as (...all: unknown[]) => unknown).apply(object, args);
        };
      },
    });
  if (!("nodeClient" in client)) return wrap(client);
  return new Proxy(client, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name, object);
      if (name !== "nodeClient") return typeof value === "function" ? value.bind(object) : value;
      return async (node: { client?: RedisClient }) => {
        const made = await (value as (one: unknown) => Promise<RedisClient>).call(object, node);
        const wrapped = wrap(made);
        node.client = wrapped;
        return wrapped;
      };
    },
  });
}

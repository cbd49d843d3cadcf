/** The Memcached tier over real servers: what it saves, and what it must never keep alive. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { kill } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createSessions, MemoryStore } from "sojourn";
import type { Sessions, SessionStore } from "sojourn";
import { MemcachedTier } from "sojourn/stores/memcached";
import { NearCache } from "sojourn/stores/near-cache";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { startMemcached } from "../../tools/engines.mjs";
import { Seal } from "../../packages/sojourn/src/stores/memcached/seal.ts";
import { HeldTail } from "../support/held-tail.ts";

type Engine = Awaited<ReturnType<typeof startMemcached>>;

const TTL_MS = 3_000;
const BUCKET_KEY = randomBytes(32).toString("base64url");
const STALENESS_MS = 5_000;
/** How long a value may be old: a tail that is younger cannot vouch for it. */
const IN_PLACE_MS = TTL_MS + 2_000 + 300;
/** Only a server that hangs is to reach it: what a busy machine leaves out is not shared. */
const TIMEOUT_MS = 400;
const PATIENCE_MS = 60_000;
const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

/** One process: near-cache over tier over a store it shares with others. */
interface Process {
  readonly sessions: Sessions;
  readonly tier: MemcachedTier;
  readonly cache: NearCache;
  readonly held: HeldTail;
}

const secret = randomBytes(32).toString("base64url");

function processOn(store: SessionStore, engine: Engine): Process {
  const held = new HeldTail(store, "passing");
  const servers = [`127.0.0.1:${engine.port}`];
  const tier = new MemcachedTier(held.store, { servers, ttlMs: TTL_MS, timeoutMs: TIMEOUT_MS });
  const cache = new NearCache(tier, { stalenessMs: STALENESS_MS });
  const sessions = createSessions({
    secrets: [secret],
    store: cache,
    sweep: false,
    production: false,
    warn: () => undefined,
  });
  return { sessions, tier, cache, held };
}

/** Each test ends a session of its own. */
const SUBJECTS = [
  "whole",
  "a subject to look for",
  "ended",
  "unheard of",
  "late",
  "frozen",
  "next",
];

interface World {
  readonly engine: Engine;
  readonly store: MemoryStore;
  readonly processes: readonly [Process, Process, Process];
  readonly tokens: ReadonlyMap<string, string>;
}

/** Three processes whose tails have been in place for long enough. */
async function startWorld(): Promise<World> {
  const engine = await startMemcached();
  const store = new MemoryStore();
  const [a, b, c] = [1, 2, 3].map(() => processOn(store, engine));
  if (a === undefined || b === undefined || c === undefined) throw new Error("no processes");
  const tokens = new Map<string, string>();
  for (const subject of SUBJECTS) {
    const { token } = await a.sessions.open({ subject, data: { cart: ["book"] } });
    tokens.set(subject, token);
  }
  for (const { sessions, cache, tier } of [a, b, c]) {
    await cache.find({ tenant: "none", id: "none" });
    // From here on it is asked for receipts, and may answer from memory.
    await sessions.describe(`ses_${"A".repeat(24)}`);
    await tier.tier.recall({ tenant: "none", id: "none" });
  }
  // What was just told of is read from the store while a value could be older.
  await sleep(2 * IN_PLACE_MS);
  return { engine, store, processes: [a, b, c], tokens };
}

async function endWorld({ processes, engine }: World): Promise<void> {
  for (const { sessions, cache } of processes) {
    await sessions.close();
    await cache.close();
  }
  await engine.stop();
}

/** Seen by one process, so that its value lies in the cache. */
async function shared({ processes: [, b], tokens }: World, subject: string): Promise<string> {
  const token = tokens.get(subject) ?? "";
  const { fills } = b.tier.stats();
  expect((await b.sessions.authenticate(token)).state).toBe("active");
  await expect.poll(() => b.tier.stats().fills).toBe(fills + 1);
  return token;
}

/** Ask by hand, until the answer ends as it must. */
async function raw(engine: Engine, command: string, end: string): Promise<string> {
  const socket = connect(engine.port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => void (text += chunk.toString("latin1")));
  socket.write(`${command}\r\n`);
  await expect.poll(() => text.endsWith(`${end}\r\n`)).toBe(true);
  socket.destroy();
  return text;
}

async function keysOf(engine: Engine): Promise<readonly string[]> {
  const dump = await raw(engine, "lru_crawler metadump all", "END");
  return [...dump.matchAll(/key=(\S+)/g)].map(([, key]) => key ?? "");
}

describe(`the store below the tier keeps its contract (seed ${seed})`, async () => {
  const engine = await startMemcached();
  const store = new MemoryStore();
  const servers = [`127.0.0.1:${engine.port}`];
  const tier = new MemcachedTier(store, { servers, ttlMs: TTL_MS });
  const kit = caseKit({ seed });

  beforeAll(() => tier.tier.recall({ tenant: "none", id: "none" }));
  afterAll(async () => {
    await tier.close();
    await engine.stop();
  });

  it.each(storeCasesFor(store.capabilities))("$name", ({ run }) => run(tier, kit));
});

describe("a session that one process has read", () => {
  let here: World;

  beforeAll(async () => void (here = await startWorld()), PATIENCE_MS);
  afterAll(() => endWorld(here));

  it("saves others the store, whole and with its token proved there", async () => {
    const [, , c] = here.processes;
    const token = await shared(here, "whole");
    const { recalls } = c.cache.stats();
    c.held.finds = 0;
    const standing = await c.sessions.authenticate(token);
    expect(standing.state === "active" && standing.session.data).toEqual({ cart: ["book"] });
    await c.sessions.authenticate(token);
    expect(c.held.finds).toBe(0);
    expect(c.cache.stats().recalls).toBe(recalls + 1);
  });

  it("shows nothing there, and what is planted there is a miss", async () => {
    const [, , c] = here.processes;
    const token = await shared(here, "a subject to look for");
    const keys = await keysOf(here.engine);
    const ask = (key: string): Promise<string> => raw(here.engine, `mg ${key} k v\r\nmn`, "MN");
    const all = (await Promise.all(keys.map(ask))).join();
    expect(all.length).toBeGreaterThan(500);
    const id = token.slice(9, 33);
    for (const text of [token, id, "subject to look for", "cart", "book", "verifier"]) {
      expect(all).not.toContain(text);
    }
    for (const key of keys) await raw(here.engine, `ms ${key} 5 T60\r\nhello`, "HD");
    c.held.finds = 0;
    expect((await c.sessions.authenticate(token)).state).toBe("active");
    expect(c.held.finds).toBe(1);
  });

  it("[TE-09] is refused at once when another process ends it, without any tail", async () => {
    const [a, , c] = here.processes;
    const token = await shared(here, "ended");
    c.held.hold();
    await a.sessions.subject("ended").revokeAll();
    expect((await c.sessions.authenticate(token)).state).toBe("ended");
    expect(a.tier.stats().invalidations).toBeGreaterThan(0);
    c.held.resume();
  });

  it("is not believed once the tail has told of its end, though Memcached missed it", async () => {
    const { engine, store } = here;
    const [, , c] = here.processes;
    const token = await shared(here, "unheard of");
    // By a process that does not have the tier: nobody takes the value away.
    const bare = createSessions({ secrets: [secret], store, sweep: false, production: false });
    const { recalls } = c.cache.stats();
    await bare.subject("unheard of").revokeAll();
    expect(await keysOf(engine)).not.toEqual([]);
    expect((await c.sessions.authenticate(token)).state).toBe("ended");
    expect(c.cache.stats().recalls).toBe(recalls);
    await bare.close();
  });

  it("is gone when its time is over, whoever forgot to take it away", async () => {
    const [, , c] = here.processes;
    const token = await shared(here, "late");
    await sleep(TTL_MS + 200);
    c.held.finds = 0;
    expect((await c.sessions.authenticate(token)).state).toBe("active");
    expect(c.held.finds).toBe(1);
  });

  it("is read from the store when Memcached hangs: in bounded time, and without an error", async () => {
    const [a, b, c] = here.processes;
    const token = await shared(here, "frozen");
    kill(here.engine.pid, "SIGSTOP");
    const began = performance.now();
    // Its value is still there, and nobody can take it away.
    await a.sessions.subject("frozen").revokeAll();
    expect((await c.sessions.authenticate(token)).state).toBe("ended");
    expect(performance.now() - began).toBeLessThan(2_000);
    const failures = (): number => a.tier.stats().failures + c.tier.stats().failures;
    await vi.waitFor(() => expect(failures()).toBeGreaterThan(0));
    kill(here.engine.pid, "SIGCONT");
    expect((await b.sessions.authenticate(token)).state).toBe("ended");
  });

  it("is shared again after Memcached began anew, empty", async () => {
    const [a, , c] = here.processes;
    await here.engine.restart();
    expect((await a.sessions.authenticate(here.tokens.get("whole") ?? "")).state).toBe("active");
    // A server that failed is left alone for a while.
    await sleep(600);
    const token = await shared(here, "next");
    const { recalls } = c.cache.stats();
    expect((await c.sessions.authenticate(token)).state).toBe("active");
    expect(c.cache.stats().recalls).toBe(recalls + 1);
  });
});

describe("a lease", () => {
  const ref = { tenant: "default", id: "A".repeat(24) };

  /** Two processes' tiers on one store, without near-caches. */
  async function tiers() {
    const engine = await startMemcached();
    const store = new MemoryStore();
    const held = new HeldTail(store);
    const servers = [`127.0.0.1:${engine.port}`];
    const make = (below: SessionStore) => new MemcachedTier(below, { servers, ttlMs: 10_000 });
    const pair = [make(held.store), make(store)] as const;
    const { bucketKey } = await store.installation({ id: "i", bucketKey: BUCKET_KEY });
    const kit = caseKit({ seed: 1 });
    await store.create({ ...kit.recordOf({ tenant: ref.tenant }), id: ref.id }, { now: kit.now });
    // The key is asked for with the first question.
    for (const { tier } of pair) {
      await tier.recall({ tenant: "none", id: "none" });
      await sleep(20);
    }
    onTestFinished(async () => {
      await Promise.all(pair.map((one) => one.close()));
      await engine.stop();
    });
    return { store, pair, held, engine, seal: new Seal(bucketKey) };
  }

  it("is won by one, who alone may write", async () => {
    const { pair } = await tiers();
    const [a, b] = pair;
    for (const one of pair) expect(await one.tier.recall(ref)).toBeUndefined();
    await Promise.all(pair.map((one) => one.find(ref)));
    await expect.poll(() => a.stats().fills).toBe(1);
    expect(b.stats().fills).toBe(0);
    expect((await b.tier.recall(ref))?.record.id).toBe(ref.id);
  });

  it("is worth nothing once the session has changed: what was read before is not written", async () => {
    const { pair, held } = await tiers();
    const [slow, quick] = pair;
    expect(await slow.tier.recall(ref)).toBeUndefined();
    const release = held.holdFinds();
    const reading = slow.find(ref);
    await quick.patchData(ref, [{ op: "set", key: "a", value: "1" }]);
    release();
    expect((await reading)?.data).toEqual({});
    await expect.poll(() => slow.stats().fillsLost).toBe(1);
    expect(await quick.tier.recall(ref)).toBeUndefined();
    await quick.find(ref);
    await expect.poll(() => quick.stats().fills).toBe(1);
    expect((await slow.tier.recall(ref))?.data).toEqual({ a: "1" });
  });

  it("that somebody gave away by marking the value as stale leaves nothing to go by", async () => {
    const { pair, engine, seal } = await tiers();
    const [a, b] = pair;
    await a.tier.recall(ref);
    await a.find(ref);
    await expect.poll(() => a.stats().fills).toBe(1);
    expect(await b.tier.recall(ref)).toBeDefined();
    await raw(engine, `md ${seal.keyOf(ref)} I T30`, "HD");
    expect(await b.tier.recall(ref)).toBeUndefined();
    expect(await a.tier.recall(ref)).toBeUndefined();
    await b.find(ref);
    await expect.poll(() => b.stats().fills).toBe(1);
  });

  it("does not make a value young: by the wall clock of its read it is judged, too", async () => {
    const { pair, store, engine, seal } = await tiers();
    const [a] = pair;
    const stored = await store.find(ref);
    if (stored === undefined) throw new Error("no session");
    const key = seal.keyOf(ref);
    // The clock stands: on a busy machine the question comes long after the value was made.
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const agesMs = [0, a.tier.ageMs + 1_000, a.tier.ageMs + 1_001, -1_000, -1_001];
    const recalled: boolean[] = [];
    for (const ageMs of agesMs) {
      const socket = connect(engine.port, "127.0.0.1");
      const bytes = seal.seal(key, { stored, readAt: Date.now() - ageMs });
      socket.write(`ms ${key} ${bytes.length} T60\r\n`);
      socket.write(bytes);
      socket.write("\r\n");
      await once(socket, "data");
      socket.destroy();
      recalled.push((await a.tier.recall(ref)) !== undefined);
    }
    expect(recalled).toEqual([true, true, false, true, false]);
  });
});

import { describe, expect, it } from "vitest";
import type { NearSession, NearSessions, SessionStore } from "../engine/ports.ts";
import { MemoryStore } from "../stores/memory.ts";
import { NearCache } from "../stores/near-cache.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { claimRecord } from "./claims.ts";
import { createSessions } from "./create-sessions.ts";
import { failure, SECOND, secretOf, world } from "../../../../tests/support/world.ts";
import type { World } from "../../../../tests/support/world.ts";

interface Node {
  readonly place: World;
  /** Nothing proves freshness while this is false. */
  proving: boolean;
}

/** Processes on one store, each with a near-cache whose proofs are given by hand. */
function house(count: number) {
  const clock = new ManualClock();
  const inner = new FaultyStore(new MemoryStore());
  const nodes = Array.from({ length: count }, (): Node => {
    const node = { proving: true };
    const near: NearSessions = {
      boundMs: 2_000,
      peek: () => undefined,
      monotonic: () => performance.now(),
      get provenAt() {
        return node.proving ? performance.now() : -Infinity;
      },
    };
    const store = new Proxy(inner, {
      get(target, name) {
        if (name === "near") return near;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as unknown as SessionStore;
    const place = world({ clock, store });
    return Object.assign(node, { place });
  });
  const strict = world({ clock, store: inner });
  return { clock, nodes, strict, inner };
}

/** Each becomes known by its first read. */
async function begin({ clock, nodes, strict }: ReturnType<typeof house>): Promise<void> {
  const { token } = await strict.sessions.open({ subject: "alice" });
  for (const { place } of nodes) await place.sessions.authenticate(token);
  await clock.advanceAsync(20);
}

async function receipt(of: ReturnType<typeof house>, timeoutMs = 1_000) {
  const waiting = of.strict.sessions.awaitFrontier({ timeoutMs });
  let done = false;
  void waiting.finally(() => void (done = true));
  // Questions and answers go by timers; the time to wait is real.
  while (!done) {
    await of.clock.advanceAsync(20);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  return waiting;
}

describe("a receipt of a logout", () => {
  it("counts every process that keeps sessions near, and no other", async () => {
    const of = house(3);
    await begin(of);
    expect(await receipt(of)).toEqual({ nodes: 3, confirmed: 3, missing: [] });
    const { items } = await of.inner.listBySubject("~node", "nodes", { now: of.clock.now() });
    expect(items.map((row) => row.idleMs)).toEqual([17_000, 17_000, 17_000]);
  });

  it("is complete at once where nobody keeps sessions near", async () => {
    const of = house(0);
    await begin(of);
    expect(await receipt(of)).toEqual({ nodes: 0, confirmed: 0, missing: [] });
  });

  it("waits for a proof of freshness that is younger than the question", async () => {
    const of = house(2);
    await begin(of);
    const [late] = of.nodes;
    if (late !== undefined) late.proving = false;
    const first = await receipt(of, 50);
    expect(first).toMatchObject({ nodes: 2, confirmed: 1 });
    expect(first.missing).toHaveLength(1);
    if (late !== undefined) late.proving = true;
    expect(await receipt(of)).toMatchObject({ nodes: 2, confirmed: 2 });
  });

  it("counts a process whose clock is behind by minutes: the store's time is everybody's", async () => {
    const clock = new ManualClock();
    const behind = new ManualClock(clock.now() - 300 * SECOND);
    const inner = new MemoryStore();
    const health = inner.health.bind(inner);
    inner.health = async () => ({ ...(await health()), nowAt: clock.now() });
    const near = { boundMs: 2_000, peek: () => undefined, provenAt: Infinity, monotonic: () => 0 };
    const store = Object.assign(new FaultyStore(inner), { near });
    const place = world({ clock: behind, store });
    const strict = world({ clock, store: inner });
    const { token } = await place.sessions.open({ subject: "alice" });
    await place.sessions.authenticate(token);
    await behind.advanceAsync(20);
    const { items } = await inner.listBySubject("~node", "nodes", { now: clock.now() });
    expect(items).toHaveLength(1);
    const waiting = strict.sessions.awaitFrontier({ timeoutMs: 50 });
    await clock.advanceAsync(1_000);
    expect((await waiting).nodes).toBe(1);
  });

  it("does not count a process that was closed", async () => {
    const of = house(3);
    await begin(of);
    await of.nodes[0]?.place.sessions.close();
    expect(await receipt(of)).toMatchObject({ nodes: 2, confirmed: 2 });
  });

  it("misses a process that went silent, and forgets it after 15 seconds", async () => {
    const of = house(2);
    await begin(of);
    const [id, now] = ["A".repeat(24), of.clock.now()];
    const crashed = claimRecord({ tenant: "", id, kind: "node" }, now, now + 86_400_000);
    await of.inner.create({ ...crashed, subject: "nodes", idleMs: 15 * SECOND }, { now });
    expect(await receipt(of, 50)).toEqual({ nodes: 3, confirmed: 2, missing: [id] });
    await of.clock.advanceAsync(15 * SECOND);
    expect(await receipt(of)).toEqual({ nodes: 2, confirmed: 2, missing: [] });
  });

  it("is known again after a pause in which its row ran out", async () => {
    const of = house(1);
    await begin(of);
    const { items } = await of.inner.listBySubject("~node", "nodes", { now: of.clock.now() });
    const [row] = items;
    const end = { reason: "idle_timeout", at: of.clock.now() } as const;
    await of.inner.revoke({ tenant: "~node", id: row?.id ?? "" }, end, { now: end.at });
    expect(await receipt(of)).toMatchObject({ nodes: 0 });
    await of.clock.advanceAsync(6 * SECOND);
    expect(await receipt(of)).toMatchObject({ nodes: 1, confirmed: 1 });
  });

  it("nobody answers from memory before its row is written, nor once it is gone (I3)", async () => {
    const clock = new ManualClock();
    const inner = new MemoryStore();
    const faulty = new FaultyStore(inner);
    const near = new NearCache(faulty, { stalenessMs: 60_000 });
    const place = createSessions({
      secrets: [secretOf(1)],
      store: near,
      clock,
      sweep: false,
      production: false,
      onError: () => undefined,
    });
    const strict = world({ clock, store: inner }).sessions;
    const { token } = await strict.open({ subject: "alice" });
    // A change, and with it the proof that it was told.
    const prove = () => strict.open({ subject: "bob" });
    const ask = async (): Promise<number> => {
      const before = faulty.calls("find");
      await place.authenticate(token, { activity: false });
      await new Promise((resolve) => void setImmediate(resolve));
      return faulty.calls("find") - before;
    };
    faulty.fail("create", "before", 1);
    expect([await ask(), await ask(), await ask()]).toEqual([1, 1, 1]);
    await clock.advanceAsync(5 * SECOND);
    expect(await ask()).toBe(1);
    await prove();
    expect([await ask(), await ask()]).toEqual([0, 0]);
    const { items } = await inner.listBySubject("~node", "nodes", { now: clock.now() });
    for (const { tenant, id } of items) {
      const end = { reason: "revoked", at: clock.now() } as const;
      await inner.revoke({ tenant, id }, end, { now: end.at });
    }
    faulty.fail("create", "before", 1);
    await clock.advanceAsync(5 * SECOND);
    await prove();
    expect([await ask(), await ask()]).toEqual([1, 1]);
    await clock.advanceAsync(5 * SECOND);
    await prove();
    expect(await ask()).toBe(0);
    await place.close();
  });

  it("answers several who ask at once", async () => {
    const of = house(2);
    await begin(of);
    const [first, second] = await Promise.all([receipt(of), receipt(of)]);
    expect([first.confirmed, second.confirmed]).toEqual([2, 2]);
  });

  it("keeps the rows of processes out of what lists and counts sessions", async () => {
    const of = house(2);
    await begin(of);
    expect(await of.strict.sessions.count()).toEqual({ count: 1, exact: true });
    expect(() => of.strict.sessions.subject("nodes", { tenant: "~node" })).toThrow(/tenant/);
  });

  it("refuses a time to wait that is none", async () => {
    const { sessions } = world();
    for (const timeoutMs of [0, 60_001, 1.5, Number.NaN]) {
      expect(() => sessions.awaitFrontier({ timeoutMs })).toThrow(/whole milliseconds/);
    }
  });
});

describe("a store that is down", () => {
  async function outage(storeDown: "closed" | "degraded") {
    const clock = new ManualClock();
    const inner = new FaultyStore(new MemoryStore());
    const kept: { near?: NearSession } = {};
    const bounds: (number | undefined)[] = [];
    const near: NearSessions = {
      boundMs: 2_000,
      provenAt: Infinity,
      monotonic: () => performance.now(),
      peek: (_ref, boundMs) => {
        bounds.push(boundMs);
        return boundMs === undefined ? undefined : kept.near;
      },
    };
    Object.defineProperty(inner, "near", { value: near });
    const place = world({
      clock,
      store: inner,
      policy: { extends: "saas", storeDown, justification: "a test of it" },
    });
    const { token, session } = await place.sessions.open({ subject: "alice" });
    await place.sessions.authenticate(token);
    const stored = await inner.find({ tenant: "default", id: (session.id ?? "").slice(4) });
    if (stored !== undefined) kept.near = { stored, note: undefined };
    inner.setDown(true);
    return { place, token, bounds, clock, inner };
  }

  it("[TE-09] is 503 by default, whatever is kept near (I7)", async () => {
    const { place, token } = await outage("closed");
    expect(await failure(place.sessions.authenticate(token))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
  });

  it("[TE-09] serves a minute from memory where the policy says so, and writes nothing (I3)", async () => {
    const { place, token, bounds, clock, inner } = await outage("degraded");
    await clock.advanceAsync(5 * 60 * SECOND);
    inner.resetCalls();
    const standing = await place.sessions.authenticate(token, { canSetToken: true });
    expect(standing).toMatchObject({ state: "active" });
    expect(standing).not.toHaveProperty("successor");
    expect(bounds.at(-1)).toBe(60_000);
    await clock.advanceAsync(SECOND);
    expect(inner.calls()).toBe(inner.calls("find"));
    expect(await failure(place.sessions.open({ subject: "bob" }))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
  });
});

import { describe, expect, it, vi } from "vitest";
import { HeldTail } from "../../../../tests/support/held-tail.ts";
import { secretOf } from "../../../../tests/support/world.ts";
import type { StoreCapabilities } from "../engine/ports.ts";
import { MemoryStore } from "../stores/memory.ts";
import { NearCache } from "../stores/near-cache.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { createSessions } from "./create-sessions.ts";
import { Lockouts } from "./lockouts.ts";
import type { SessionsOptions } from "./options.ts";
import type { Sessions } from "./sessions.ts";

const S = 2_000;
const MINUTE = 60_000;
/** Of `saas`: activity is written after so long. */
const TOUCH_MS = MINUTE;
const ROTATE_MS = 60 * MINUTE;
const IDLE_MS = 8 * 60 * MINUTE;

interface Node {
  readonly sessions: Sessions;
  readonly cache: NearCache;
  readonly held: HeldTail;
}

/** Processes on one store, each with a near-cache, on one clock. */
class Cluster {
  readonly clock: ManualClock = new ManualClock();
  readonly faulty: FaultyStore = new FaultyStore(new MemoryStore());
  readonly nodes: Node[] = [];
  readonly #startedAt: number = this.clock.now();
  #readings = 0;

  /** Later at each reading, as of a clock that is finer than a millisecond. */
  readonly monotonic = (): number => {
    this.#readings += 1;
    return this.clock.now() - this.#startedAt + this.#readings * 1e-6;
  };

  add(options: Partial<SessionsOptions> = {}): Node {
    const held = new HeldTail(this.faulty);
    const cache = new NearCache(held.store, { stalenessMs: S, monotonic: this.monotonic });
    const sessions = createSessions({
      secrets: [secretOf(1)],
      sweep: false,
      production: false,
      warn: () => undefined,
      store: cache,
      clock: this.clock,
      ...options,
    });
    const node = { sessions, cache, held };
    this.nodes.push(node);
    return node;
  }

  prove(): void {
    for (const { held } of this.nodes) held.prove(this.monotonic());
  }

  /** Until every process keeps it; nothing is near before the process is listed. */
  async keep(token: string): Promise<void> {
    await vi.waitFor(async () => {
      this.prove();
      for (const { sessions } of this.nodes) await sessions.authenticate(token);
      for (const { held } of this.nodes) held.finds = 0;
      for (const { sessions } of this.nodes) await sessions.authenticate(token);
      for (const { held } of this.nodes) expect(held.finds).toBe(0);
    });
  }

  /** Time goes on, and every tail goes on proving. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left));
      this.prove();
    }
  }
}

/** A session that each of two processes keeps near. */
async function pair(): Promise<{ cluster: Cluster; near: Node; far: Node; token: string }> {
  const cluster = new Cluster();
  const [near, far] = [cluster.add(), cluster.add()];
  const { token } = await near.sessions.open({ subject: "ada", data: { cart: ["book"] } });
  await cluster.keep(token);
  return { cluster, near, far, token };
}

describe("authenticate over a near-cache", () => {
  it("asks no store for a proved, active, unchanged session, and gives what a read would", async () => {
    const { near, token } = await pair();
    const standing = await near.sessions.authenticate(token);
    expect(standing.state).toBe("active");
    expect(near.held.finds).toBe(0);
    const { session } = standing as Extract<typeof standing, { state: "active" }>;
    const read = await near.sessions.find(session.id ?? "");
    expect(near.held.finds).toBe(1);
    expect(session.describe()).toEqual(read?.describe());
    expect(session.data).toEqual({ cart: ["book"] });
  });

  it("refuses whom a lockout keeps out, and asks no store whether one does", async () => {
    for (const [kind, value] of [
      ["client", "app"],
      ["network", "203.0.113.0/24"],
    ] as const) {
      const cluster = new Cluster();
      const lockouts = new Lockouts();
      const { sessions, held } = cluster.add({ lockouts });
      const { token } = await sessions.open({ subject: "ada", client: "app" });
      await cluster.keep(token);
      const lock = { tenant: "default", kind, message: "Call us." };
      lockouts.set({ ...lock, id: "lck_1", value: value.replace(/^203|app/, "198") });
      for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
        expect((await sessions.authenticate(token, { address })).state).toBe("active");
      }
      expect(held.finds).toBe(0);
      lockouts.set({ ...lock, id: "lck_2", value });
      // Judged from elsewhere, and noted, the session is as good as it was.
      const beside = kind === "network" ? ["192.0.2.1", "192.0.2.1"] : [];
      for (const elsewhere of beside) {
        const standing = await sessions.authenticate(token, { address: elsewhere });
        expect(standing.state).toBe("active");
      }
      // As noted last, or from where it is locked.
      const address = kind === "client" ? "192.0.2.2" : "203.0.113.9";
      const standing = await sessions.authenticate(token, { address });
      expect([kind, standing]).toEqual([kind, expect.objectContaining({ reason: "locked_out" })]);
    }
  });

  it("[TE-09] refuses as soon as the tail has told of a revocation elsewhere", async () => {
    const { near, far, token } = await pair();
    await near.sessions.subject("ada").revokeAll();
    expect(await far.sessions.authenticate(token)).toEqual({
      state: "ended",
      reason: "subject_revoked",
    });
    expect(await near.sessions.authenticate(token)).toMatchObject({ state: "ended" });
  });

  it("[TE-09] refuses at S when the tail is cut, one millisecond before it may not (I3)", async () => {
    const { cluster, near, far, token } = await pair();
    far.held.hold();
    await near.sessions.subject("ada").revokeAll();
    cluster.pass(S - 1);
    expect((await far.sessions.authenticate(token)).state).toBe("active");
    cluster.pass(1);
    expect((await far.sessions.authenticate(token)).state).toBe("ended");
    expect(far.held.finds).toBe(1);
    far.held.resume();
    cluster.prove();
    expect((await far.sessions.authenticate(token)).state).toBe("ended");
  });

  it("outlives an outage by S and no longer, and calls nothing ended in it (I7)", async () => {
    const { cluster, far, token } = await pair();
    far.held.hold();
    cluster.faulty.setDown(true);
    cluster.pass(S - 1);
    expect((await far.sessions.authenticate(token)).state).toBe("active");
    cluster.pass(1);
    await expect(far.sessions.authenticate(token)).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
    });
    cluster.faulty.setDown(false);
    far.held.resume();
    cluster.prove();
    expect((await far.sessions.authenticate(token)).state).toBe("active");
  });

  it("reads its own writes at once", async () => {
    const { near, token } = await pair();
    const standing = await near.sessions.authenticate(token);
    if (standing.state !== "active") throw new Error(standing.state);
    near.held.hold();
    await standing.session.set("cart", ["pen"]);
    const again = await near.sessions.authenticate(token);
    expect(again.state === "active" && again.session.data).toEqual({ cart: ["pen"] });
    await near.sessions.revoke(standing.session.id ?? "");
    expect((await near.sessions.authenticate(token)).state).toBe("ended");
  });

  it("reads afresh for everything that is not plainly active", async () => {
    const { cluster, near, far, token } = await pair();
    const finds = async (how: object = {}, text: string = token): Promise<number> => {
      near.held.finds = 0;
      await near.sessions.authenticate(text, how);
      return near.held.finds;
    };
    expect(await finds()).toBe(0);
    expect(await finds({ canSetToken: true })).toBe(0);
    cluster.pass(TOUCH_MS - 1);
    expect(await finds()).toBe(0);
    cluster.pass(1);
    expect(await finds({ activity: false })).toBe(0);
    expect(await finds()).toBe(1);
    // Noted here and not yet stored: what is kept is judged with it.
    expect(await finds()).toBe(0);
    cluster.pass(60 * MINUTE);
    expect(await finds({ canSetToken: true, activity: false })).toBe(1);
    const standing = await far.sessions.authenticate(token, { activity: false });
    if (standing.state !== "active") throw new Error(standing.state);
    await standing.session.lock();
    expect(await finds()).toBe(1);
    expect(await finds()).toBe(1);
  });

  it("stores activity of hits as it does without: no session idles away in use (I6)", async () => {
    const { cluster, near, far, token } = await pair();
    const [listed] = (await near.sessions.subject("ada").list()).items;
    const ref = { tenant: "default", id: listed?.id ?? "" };
    const STEP_MS = 5_000;
    for (let step = 0; step < 1_000; step += 1) {
      cluster.pass(STEP_MS);
      // Now the one, now the other: neither's touches are known to the other but by the store.
      const { sessions } = Math.floor(step / 400) % 2 === 0 ? near : far;
      expect((await sessions.authenticate(token)).state).toBe("active");
      const stored = await cluster.faulty.find(ref);
      const lag = cluster.clock.now() - (stored?.record.seenAt ?? 0);
      expect(lag).toBeLessThanOrEqual(TOUCH_MS + STEP_MS);
    }
    const { hits, misses } = near.cache.stats();
    expect(hits).toBeGreaterThan(2 * misses);
  });

  it("shows the activity that is noted here, as often as it is asked", async () => {
    const { cluster, near, token } = await pair();
    cluster.pass(TOUCH_MS);
    await near.sessions.authenticate(token);
    for (let time = 0; time < 3; time += 1) {
      const standing = await near.sessions.authenticate(token);
      const seenAt = standing.state === "active" ? standing.session.seenAt : undefined;
      expect(seenAt).toBe(cluster.clock.now());
    }
    expect(near.held.finds).toBe(1);
  });

  it("takes no token for a session that somebody pointed at another subject", async () => {
    const { cluster, near, token } = await pair();
    const find = cluster.faulty.find.bind(cluster.faulty);
    cluster.faulty.find = async (ref) => {
      const stored = await find(ref);
      return stored && { ...stored, record: { ...stored.record, subject: "eve" } };
    };
    const standing = await near.sessions.authenticate(token);
    if (standing.state !== "active") throw new Error(standing.state);
    await near.sessions.find(standing.session.id ?? "");
    const again = await near.sessions.authenticate(token);
    expect(again.state === "active" ? again.session.subject : null).not.toBe("eve");
  });

  it.each([
    { activity: true, canSetToken: false, dueAfter: TOUCH_MS },
    { activity: false, canSetToken: true, dueAfter: ROTATE_MS },
    { activity: true, canSetToken: true, dueAfter: TOUCH_MS },
    { activity: false, canSetToken: false, dueAfter: IDLE_MS },
  ])("remembers a hit until something is due: %o", async ({ dueAfter, ...how }) => {
    const { cluster, near, token } = await pair();
    const openedAt = cluster.clock.now();
    for (const other of [false, true]) {
      // What is found out for one way of asking is not taken for another.
      const way = other ? { activity: false, canSetToken: false } : how;
      expect((await near.sessions.authenticate(token, way)).state).toBe("active");
    }
    cluster.pass(openedAt + dueAfter - 1 - cluster.clock.now());
    for (let time = 0; time < 3; time += 1) await near.sessions.authenticate(token, how);
    expect(near.held.finds).toBe(0);
    cluster.pass(1);
    await near.sessions.authenticate(token, how);
    expect(near.held.finds).toBe(1);
  });

  it.each([{ activity: true }, { canSetToken: true, activity: false }])(
    "takes nothing that was found out for less as an answer to %o",
    async (more) => {
      const { cluster, near, token } = await pair();
      cluster.pass(ROTATE_MS);
      const less = { activity: false, canSetToken: false };
      for (let time = 0; time < 2; time += 1) await near.sessions.authenticate(token, less);
      expect(near.held.finds).toBe(0);
      await near.sessions.authenticate(token, more);
      expect(near.held.finds).toBe(1);
    },
  );

  it("[TE-09] takes no other token for the one it remembers", async () => {
    const { near, token } = await pair();
    expect((await near.sessions.authenticate(token)).state).toBe("active");
    const forgeries = Array.from(token, (character, at) => {
      return token.slice(0, at) + (character === "A" ? "B" : "A") + token.slice(at + 1);
    });
    for (const forged of forgeries) {
      expect((await near.sessions.authenticate(forged)).state).toBe("unknown");
    }
    const elsewhere = await near.sessions.authenticate(token, { tenant: "other" });
    expect(elsewhere.state).toBe("unknown");
    expect(near.held.finds).toBe(0);
  });

  it("takes nothing that was found out with other keys on the same near-cache", async () => {
    const { cluster, near, token } = await pair();
    expect((await near.sessions.authenticate(token)).state).toBe("active");
    const others = createSessions({
      secrets: [secretOf(2)],
      store: near.cache,
      clock: cluster.clock,
      sweep: false,
    });
    expect((await others.authenticate(token)).state).toBe("unknown");
    expect((await near.sessions.authenticate(token)).state).toBe("active");
  });

  it("decrypts what it remembers to be encrypted", async () => {
    const cluster = new Cluster();
    const { sessions, held } = cluster.add({ encryptData: true });
    const { token } = await sessions.open({ subject: "ada", data: { cart: ["book"] } });
    await sessions.authenticate(token);
    cluster.prove();
    for (let time = 0; time < 4; time += 1) {
      const standing = await sessions.authenticate(token);
      const data = standing.state === "active" ? standing.session.data : undefined;
      expect(data).toEqual({ cart: ["book"] });
    }
    expect(held.finds).toBe(2);
  });

  it("judges deadlines on every hit: nothing is answered past them", async () => {
    const { cluster, near, token } = await pair();
    const standing = await near.sessions.authenticate(token, { activity: false });
    if (standing.state !== "active") throw new Error(standing.state);
    const idle = (standing.session.idleExpiresAt ?? 0) - cluster.clock.now();
    cluster.pass(idle - 1);
    const before = await near.sessions.authenticate(token, { activity: false });
    expect(before.state).toBe("active");
    cluster.pass(1);
    expect(await near.sessions.authenticate(token, { activity: false })).toEqual({
      state: "ended",
      reason: "idle_timeout",
    });
  });
});

describe("stalenessMs", () => {
  const shared = (store: HeldTail, options: Partial<SessionsOptions>): Sessions =>
    createSessions({
      secrets: [secretOf(1)],
      sweep: false,
      production: false,
      store: store.store,
      ...options,
    });

  it.each([
    [0, 1],
    [S, 0],
  ])("of %i reads the store %i times for a session that is near", async (stalenessMs, reads) => {
    const held = new HeldTail(new FaultyStore(new MemoryStore()));
    const sessions = shared(held, { stalenessMs });
    const { token } = await sessions.open({ subject: "ada" });
    await sessions.authenticate(token);
    // Nothing is near before the process is listed, and that takes the store a moment.
    await vi.waitFor(async () => {
      held.prove(performance.now());
      await sessions.authenticate(token);
      held.finds = 0;
      await sessions.authenticate(token);
      expect(held.finds).toBe(reads);
    });
    await sessions.close();
    expect(held.listeners).toBe(0);
    expect(await held.inner.health()).toMatchObject({ writable: true });
  });

  it("leaves a near-cache that was given alone, its bound included", async () => {
    const cluster = new Cluster();
    const { cache, sessions, held } = cluster.add({ stalenessMs: 60_000 });
    const { token } = await sessions.open({ subject: "ada" });
    await cluster.keep(token);
    const { hits } = cache.stats();
    await sessions.authenticate(token);
    expect(cache.stats().hits).toBe(hits + 1);
    cluster.clock.advance(S);
    held.finds = 0;
    await sessions.authenticate(token);
    expect(held.finds).toBe(1);
  });

  it("is refused with a store that cannot tell what others change", () => {
    const store = new FaultyStore(new MemoryStore());
    const capabilities: StoreCapabilities = { ...store.capabilities, tail: "lossy" };
    Object.defineProperty(store, "capabilities", { value: capabilities });
    expect(() => createSessions({ secrets: [secretOf(1)], store, stalenessMs: 1 })).toThrow(
      /stalenessMs: must be 0: memory cannot tell/,
    );
  });
});

import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { ForwardingStore } from "../engine/forwarding-store.ts";
import type { StoreOperation } from "../engine/forwarding-store.ts";
import type { SessionStore } from "../engine/ports.ts";
import { timers as systemTimers } from "../platform/timers.ts";
import { MemoryStore } from "../stores/memory.ts";
import { FaultyStore } from "../testing/faulty-store.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { createSessions } from "./create-sessions.ts";
import { BoundedStore } from "./store-deadline.ts";
import { failure, secretOf, world } from "../../../../tests/support/world.ts";

const REF = { tenant: "default", id: "A".repeat(24) };
const UNAVAILABLE = { code: "ERR_STORE_UNAVAILABLE", retryable: true };

const OPERATIONS = Object.getOwnPropertyNames(ForwardingStore.prototype).filter(
  (name) => !["constructor", "capabilities", "through", "tail", "close"].includes(name),
) as StoreOperation[];

/** A store whose `find` is this. */
function bounded(find: () => unknown) {
  const clock = new ManualClock();
  const reported: unknown[] = [];
  const store = Object.assign(new MemoryStore(), { find }) as unknown as SessionStore;
  const report = (error: unknown): void => void reported.push(error);
  return {
    clock,
    reported,
    store: new BoundedStore(store, { timers: clock, timeoutMs: 50, report }),
  };
}

describe("a store with a deadline", () => {
  it("is given up at the deadline, not a millisecond before, and says so", async () => {
    const { clock, store } = bounded(() => new Promise(() => undefined));
    let settled = false;
    const asked = failure(store.find(REF)).finally(() => void (settled = true));
    await clock.advanceAsync(49);
    expect(settled).toBe(false);
    await clock.advanceAsync(1);
    expect(await asked).toMatchObject(UNAVAILABLE);
    expect(((await asked) as Error).cause).toMatchObject({
      message: expect.stringContaining("50 ms (option storeTimeoutMs)"),
    });
  });

  it("is not given up by a process that was too busy to read its answers", async () => {
    const server = createServer((socket) => socket.on("data", (bytes) => socket.write(bytes)));
    const { port } = await new Promise<AddressInfo>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(server.address() as AddressInfo));
    });
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const find = async (): Promise<undefined> => {
      socket.write("?");
      await once(socket, "data");
      return undefined;
    };
    const inner = Object.assign(new MemoryStore(), { find });
    const [timers, report] = [systemTimers, (): void => undefined];
    const store = new BoundedStore(inner, { timers, timeoutMs: 100, report });
    socket.setMaxListeners(20);
    const asked = Array.from({ length: 10 }, () => store.find(REF));
    // It writes what waits, and then does nothing else for longer than any of them may take.
    await new Promise((resolve) => void setImmediate(resolve));
    for (const until = performance.now() + 250; performance.now() < until;);
    const outcomes = (await Promise.allSettled(asked)).map(({ status }) => status);
    expect(outcomes).toEqual(asked.map(() => "fulfilled"));
    await expect(store.find(REF)).resolves.toBeUndefined();
    socket.destroy();
    server.close();
  });

  it("goes on failing at once though answers come late: only one in time ends that", async () => {
    const late: (() => void)[] = [];
    const find = () => new Promise<undefined>((resolve) => late.push(() => resolve(undefined)));
    const { clock, store } = bounded(find);
    for (let call = 0; call < 5; call += 1) {
      const asked = failure(store.find(REF));
      await clock.advanceAsync(50);
      expect(await asked).toMatchObject(UNAVAILABLE);
    }
    for (const answer of late) answer();
    await clock.advanceAsync(0);
    expect(await failure(store.find(REF))).toMatchObject(UNAVAILABLE);
    expect(late).toHaveLength(5);
  });

  it("leaves no timer behind when it answers or fails", async () => {
    const answers = [undefined, new TypeError("no")];
    for (const answer of answers) {
      const { clock, store } = bounded(async () => {
        if (answer !== undefined) throw answer;
        return answer;
      });
      await store.find(REF).catch(() => undefined);
      expect(clock.pending).toBe(0);
    }
  });

  it("that throws at once or later is unavailable, and what it threw is reported", async () => {
    const error = new TypeError("a mistake of a driver");
    const ways = [
      () => {
        throw error;
      },
      () => Promise.reject(error),
    ];
    for (const way of ways) {
      const { store, reported } = bounded(way);
      const thrown = await failure(store.find(REF));
      expect(thrown).toMatchObject({ ...UNAVAILABLE, cause: error });
      expect(reported).toEqual([error]);
    }
  });

  it("that answers twice has given its first answer", async () => {
    const twice = (first: () => void, second: () => void): void => {
      first();
      second();
    };
    const answers = [
      () =>
        new Promise((resolve, reject) =>
          twice(
            () => resolve(undefined),
            () => reject(new Error()),
          ),
        ),
      () =>
        new Promise((resolve) =>
          twice(
            () => resolve(undefined),
            () => resolve({ record: 1 }),
          ),
        ),
    ];
    for (const answer of answers) {
      const { store, reported } = bounded(answer);
      expect(await store.find(REF)).toBeUndefined();
      expect(reported).toEqual([]);
    }
  });

  it("is given up in all that requests wait for, and in nothing else", async () => {
    const clock = new ManualClock();
    const inner = new FaultyStore(new MemoryStore());
    const report = (): void => undefined;
    const store = new BoundedStore(inner, { timers: clock, timeoutMs: 50, report });
    const others: readonly string[] = ["query", "count", "sweep", "purgeSubject"];
    for (const name of OPERATIONS) {
      inner.fail(name, "hang");
      let settled = false;
      const settle = (): void => void (settled = true);
      const asked = (store[name] as () => Promise<unknown>)().then(settle, settle);
      await clock.advanceAsync(50);
      expect([name, settled]).toEqual([name, !others.includes(name)]);
      inner.release();
      await asked;
      // The breaker tries again, and an answer closes it.
      await clock.advanceAsync(500);
      await store.subjectEpoch("default", "alice");
    }
  });

  it("passes on its own errors, and all that is no request's business, as they are", async () => {
    const { store } = bounded(() => Promise.resolve(undefined));
    const page = { now: 0, limit: 1_000_000 };
    expect(store.capabilities.name).toBe("memory");
    await expect(store.query({ tenant: "default" }, page)).resolves.toBeDefined();
    const subscription = store.tail("now", { change: () => undefined });
    subscription.close();
    await store.close();
    await expect(store.health()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) });
  });
});

describe("storeTimeoutMs", () => {
  it.each([0, -1, 1.5, 60_001, Number.NaN, "1"])("refuses %s", (storeTimeoutMs) => {
    const options = { secrets: [secretOf(1)], storeTimeoutMs: storeTimeoutMs as number };
    expect(() => createSessions(options)).toThrow(/storeTimeoutMs: whole milliseconds from 1 to/);
  });

  it("bounds a store in real time", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const real = createSessions({
      secrets: [secretOf(1)],
      store: place.store,
      storeTimeoutMs: 20,
      sweep: false,
    });
    place.store.fail("find", "hang");
    expect(await failure(real.authenticate(token))).toMatchObject(UNAVAILABLE);
  });

  it("costs a store in memory no timer, and one that is elsewhere none that stays", async () => {
    const elsewhere = new FaultyStore(new MemoryStore());
    for (const store of [new MemoryStore(), elsewhere]) {
      const clock = new ManualClock();
      const sessions = createSessions({ secrets: [secretOf(1)], store, clock, sweep: false });
      const { token } = await sessions.open({ subject: "alice" });
      elsewhere.fail("find", "hang");
      const timers = vi.spyOn(clock, "after");
      const asked = sessions.authenticate(token);
      await new Promise((resolve) => void setImmediate(resolve));
      expect(timers).toHaveBeenCalledTimes(store === elsewhere ? 1 : 0);
      elsewhere.release();
      expect((await asked).state).toBe("active");
      expect(clock.pending).toBe(0);
    }
  });
});

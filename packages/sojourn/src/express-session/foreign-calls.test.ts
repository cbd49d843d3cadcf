import { StoreUnavailableError } from "../engine/errors.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ForeignCalls } from "./foreign-calls.ts";
import type { ForeignStore } from "./foreign-calls.ts";

type Callback = (error?: unknown, value?: unknown) => void;

const SESSION = { cookie: {} };
const TIMEOUT_MS = 5_000;

function callsOf(store: Partial<ForeignStore>): ForeignCalls {
  const silent = { get: () => undefined, set: () => undefined, destroy: () => undefined };
  return new ForeignCalls({ ...silent, ...store }, TIMEOUT_MS, new Map());
}

function gets(get: ForeignStore["get"]): Promise<unknown> {
  return callsOf({ get }).get("key");
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("an answer", () => {
  it("is the callback's, at once or later", async () => {
    await expect(gets((_sid, done) => done(null, SESSION))).resolves.toBe(SESSION);
    const later = gets((_sid, done) => void setTimeout(() => done(undefined, SESSION), 100));
    await vi.advanceTimersByTimeAsync(100);
    await expect(later).resolves.toBe(SESSION);
  });

  it("is the promise's where the method declares no callback, nothing included", async () => {
    await expect(gets((_sid: string) => Promise.resolve(SESSION))).resolves.toBe(SESSION);
    await expect(gets(() => Promise.resolve(null))).resolves.toBeUndefined();
    await expect(gets(() => Promise.resolve())).resolves.toBeUndefined();
  });

  it("is never the empty promise of a method that answers through its callback later", async () => {
    const answer = gets(async (_sid, done) => void setTimeout(() => done(null, SESSION), 100));
    await vi.advanceTimersByTimeAsync(100);
    await expect(answer).resolves.toBe(SESSION);
  });

  it("is the first of two, whichever comes second", async () => {
    const twice = (first: unknown[], second: unknown[]) => (_sid: string, done: Callback) => {
      done(...first);
      done(...second);
    };
    await expect(gets(twice([null, SESSION], [new Error("late")]))).resolves.toBe(SESSION);
    await expect(gets(twice([null, SESSION], [null, null]))).resolves.toBe(SESSION);
    await expect(gets(twice([new Error("first")], [null, SESSION]))).rejects.toThrow(
      StoreUnavailableError,
    );
    const both = gets((_sid, done) => {
      done(null, SESSION);
      return Promise.reject(new Error("as well"));
    });
    await expect(both).resolves.toBe(SESSION);
  });

  it.each([null, undefined, false, ""])("of %j means no session", async (nothing) => {
    await expect(gets((_sid, done) => done(null, nothing))).resolves.toBeUndefined();
  });

  it("that a file is missing means no session, of a read alone", async () => {
    const missing = Object.assign(new Error("no such file"), { code: "ENOENT" });
    await expect(gets((_sid, done) => done(missing))).resolves.toBeUndefined();
    const destroy: ForeignStore["destroy"] = (_sid, done) => done(missing);
    await expect(callsOf({ destroy }).destroy("key")).rejects.toThrow(StoreUnavailableError);
  });
});

describe("trouble is ERR_STORE_UNAVAILABLE and never nothing (I7)", () => {
  const cause = new Error("connection lost");
  const troubles: Readonly<Record<string, ForeignStore["get"]>> = {
    "an error through the callback": (_sid, done) => done(cause),
    "a method that throws": () => {
      throw cause;
    },
    "a rejected promise": () => Promise.reject(cause),
    "an answer and then a throw": (_sid, done) => {
      done(cause);
      throw new Error("as well");
    },
  };

  it.each(Object.entries(troubles))("%s", async (_name, get) => {
    await expect(gets(get)).rejects.toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      retryable: true,
      cause,
    });
  });

  it("silence past the deadline", async () => {
    const answer = gets(() => undefined);
    const seen: unknown[] = [];
    answer.catch((error: unknown) => seen.push(error));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS - 1);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual([expect.any(StoreUnavailableError)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("a store that says it is disconnected, until it is connected again", async () => {
    const listeners = new Map<string, () => void>();
    const calls = callsOf({
      get: (_sid, done) => done(null, SESSION),
      on: (event, listener) => listeners.set(event, listener),
    });
    listeners.get("disconnect")?.();
    await expect(calls.get("key")).rejects.toThrow(StoreUnavailableError);
    listeners.get("connect")?.();
    await expect(calls.get("key")).resolves.toBe(SESSION);
  });
});

describe("a write that was given up", () => {
  async function givenUp(after: number): Promise<{ calls: ForeignCalls; settled: () => boolean }> {
    const set: ForeignStore["set"] = (_sid, _session, done) => void setTimeout(done, after);
    const calls = callsOf({ set });
    calls.set("key", {}).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    let settled = false;
    void calls.settled("key").then(() => (settled = true));
    await vi.advanceTimersByTimeAsync(0);
    return { calls, settled: () => settled };
  }

  it("is waited for until it arrives", async () => {
    const { settled } = await givenUp(TIMEOUT_MS + 1_000);
    expect(settled()).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(settled()).toBe(true);
  });

  it("is waited for no longer than once more the deadline", async () => {
    const { calls, settled } = await givenUp(100 * TIMEOUT_MS);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS - 1);
    expect(settled()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(settled()).toBe(true);
    await calls.settled("another key");
  });
});

import { describe, expect, it } from "vitest";
import type { SessionStore, StoredSession } from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { MemoryStore } from "../stores/memory.ts";
import { claimRecord } from "./claims.ts";
import { Outbox } from "./outbox.ts";

const MINUTE = 60_000;
const END: SessionEnd = { reason: "logout", at: 5 };

function recordOf(name: string): SessionRecord {
  const id = name.padEnd(24, "A");
  const claim = claimRecord({ tenant: "t", id, kind: "ticket" }, 0, 1_000_000);
  return { ...claim, tenant: "t", subject: "alice" };
}

function storedOf(record: SessionRecord, subjectEpoch = 0): StoredSession {
  return { record, data: {}, dataVersion: 0, subjectEpoch };
}

/** What a replay writes, in order. */
async function written(outbox: Outbox): Promise<string[]> {
  const calls: string[] = [];
  const store = Object.assign(new MemoryStore(), {
    revoke: async (ref: { id: string }, end: SessionEnd) => {
      calls.push(`end ${ref.id.replaceAll("A", "")} ${end.reason}`);
      return { outcome: "ended", durability: "local" };
    },
    subjectEpoch: async () => 0,
    listBySubject: async () => ({ items: [] }),
    apply: async (deltas: readonly { kind: string; epoch?: number }[]) => {
      for (const { kind, epoch } of deltas) calls.push(`${kind} ${epoch ?? ""}`.trim());
    },
  }) as unknown as SessionStore;
  await outbox.replay(store);
  return calls;
}

describe("outbox", () => {
  it("writes ends first, then epochs, then sessions", async () => {
    const outbox = new Outbox(() => 0);
    outbox.opened(recordOf("a"), {}, 0);
    outbox.raised("t", "alice", 3, 0);
    outbox.ended(recordOf("b"), END);
    expect(await written(outbox)).toEqual(["end b logout", "epoch 3", "session"]);
  });

  it("writes what was acknowledged last first, and waits for none that takes long", async () => {
    const outbox = new Outbox(() => 0);
    for (let number = 0; number < 200; number += 1) outbox.ended(recordOf(`s${number}z`), END);
    const order: string[] = [];
    const late: (() => void)[] = [];
    const store = Object.assign(new MemoryStore(), {
      revoke: async (ref: { id: string }) => {
        order.push(ref.id.slice(0, ref.id.indexOf("z")));
        // All but one of those that are under way at a time never come back.
        if (order.length < 64) await new Promise<void>((resolve) => void late.push(resolve));
        return { outcome: "ended", durability: "local" };
      },
    }) as unknown as SessionStore;
    const done = outbox.replay(store);
    while (order.length < 200) await new Promise((resolve) => void setImmediate(resolve));
    expect(order.slice(0, 3)).toEqual(["s199", "s198", "s197"]);
    expect(order.at(-1)).toBe("s0");
    for (const resolve of late) resolve();
    expect(await done).toEqual({ ended: 200, sessions: 0 });
  });

  it("keeps the first end and the highest epoch", async () => {
    const outbox = new Outbox(() => 0);
    outbox.ended(recordOf("a"), END);
    outbox.ended(recordOf("a"), { reason: "revoked", at: 9 });
    outbox.raised("t", "alice", 3, 0);
    outbox.raised("t", "alice", 2, 0);
    expect(await written(outbox)).toEqual(["end a logout", "epoch 3"]);
  });

  it("keeps sessions of two tenants apart, whoever was asked for first", () => {
    const outbox = new Outbox(() => 0);
    const here = recordOf("a");
    const there = { ...here, tenant: "u" };
    outbox.opened(here, {}, 0);
    outbox.ended(there, END);
    expect(outbox.lacks(storedOf(here), here, Infinity)).toBe(false);
    expect(outbox.lacks(storedOf(there), there, Infinity)).toBe(true);
    expect([outbox.liveOf(here), outbox.liveOf(there)]).toEqual([here, undefined]);
    outbox.drop(here);
    expect(outbox.size).toBe(1);
  });

  it("forgets after five minutes, not a millisecond before", async () => {
    let now = 0;
    const outbox = new Outbox(() => now);
    outbox.ended(recordOf("a"), END);
    outbox.raised("t", "alice", 3, 0);
    now = 5 * MINUTE;
    expect(await written(outbox)).toHaveLength(2);
    now += 1;
    expect(await written(outbox)).toEqual([]);
  });

  it("is bounded by what it holds: the oldest go first", () => {
    const outbox = new Outbox(() => 0);
    for (let at = 0; at < 45_000; at += 1) outbox.opened(recordOf(`n${at}`), {}, 0);
    expect(outbox.size).toBe(44_739);
    expect(outbox.liveOf(recordOf("n0"))).toBeUndefined();
    expect(outbox.liveOf(recordOf("n44999"))?.absoluteExpiresAt).toBe(1_000_000);
    outbox.ended(recordOf("n44999"), END);
    expect(outbox.liveOf(recordOf("n44999"))).toBeUndefined();
  });

  it("counts what it let go: dropped and replaced entries make room", () => {
    const outbox = new Outbox(() => 0);
    const data = { big: "x".repeat(4_000) };
    for (let at = 0; at < 20_000; at += 1) {
      outbox.opened(recordOf("same"), data, 0);
      outbox.opened(recordOf("other"), data, 0);
      outbox.drop(recordOf("other"));
    }
    outbox.opened(recordOf("last"), data, 0);
    expect(outbox.size).toBe(2);
  });

  it("keeps of what ended the end alone, so that ends take little room", () => {
    const outbox = new Outbox(() => 0);
    const data = { big: "x".repeat(4_000) };
    for (let at = 0; at < 20_000; at += 1) {
      outbox.opened(recordOf(`n${at}`), data, 0);
      outbox.ended(recordOf(`n${at}`), END);
    }
    expect(outbox.size).toBe(20_000);
  });

  /** What a session is written back with, after these. */
  async function writtenBack(outbox: Outbox): Promise<unknown> {
    const store = new MemoryStore();
    await outbox.replay(store);
    return (await store.find(recordOf("a")))?.data;
  }

  it("keeps data up to 4 kB, and a session with more without them", async () => {
    const big = "x".repeat(4_093);
    for (const [value, expected] of [
      [big, { big }],
      [`${big}x`, {}],
    ] as const) {
      const opened = new Outbox(() => 0);
      opened.opened(recordOf("a"), { big: value }, 0);
      expect(await writtenBack(opened)).toEqual(expected);
      const patched = new Outbox(() => 0);
      patched.opened(recordOf("a"), {}, 0);
      patched.patched(recordOf("a"), [{ op: "set", key: "big", value }], 1);
      expect(await writtenBack(patched)).toEqual(expected);
    }
  });

  it("notes no data past a write of another process: it would erase that (I4)", async () => {
    const outbox = new Outbox(() => 0);
    outbox.opened(recordOf("a"), { first: "1" }, 0);
    outbox.patched(recordOf("a"), [{ op: "set", key: "third", value: "3" }], 3);
    expect(await writtenBack(outbox)).toEqual({ first: "1" });
  });

  it("buries what ended, so that whoever opened it does not write it back to life (I1)", async () => {
    const store = new MemoryStore();
    const [opener, listener] = [new Outbox(() => 0), new Outbox(() => 0)];
    opener.opened(recordOf("a"), {}, 0);
    listener.ended(recordOf("a"), END);
    await listener.replay(store);
    // As long as whoever opened it may remember it, and does not know of the end.
    await store.sweep({ now: END.at + 5 * MINUTE, limit: 10 });
    await opener.replay(store);
    expect((await store.find(recordOf("a")))?.record.state).not.toBe("active");
  });

  it("writes the rest although some of it cannot be written, and says so", async () => {
    const store = new MemoryStore();
    const outbox = new Outbox(() => 0);
    outbox.ended(recordOf("a"), END);
    outbox.raised("t", "bob", 7, 0);
    store.revoke = () => Promise.reject(new Error("a newer row"));
    await expect(outbox.replay(store)).rejects.toThrow("a newer row");
    expect(await store.subjectEpoch("t", "bob")).toBe(7);
  });

  it("writes again what failed, and not all of it", async () => {
    const outbox = new Outbox(() => 0);
    for (let number = 0; number < 100; number += 1) outbox.ended(recordOf(`s${number}z`), END);
    let calls = 0;
    const store = Object.assign(new MemoryStore(), {
      revoke: async () => {
        calls += 1;
        if (calls % 10 === 0) throw new Error("lost");
        return { outcome: "ended", durability: "local" };
      },
    }) as unknown as SessionStore;
    expect(await outbox.replay(store)).toEqual({ ended: 100, sessions: 0 });
    expect(calls).toBe(111);
  });

  it("writes the sessions beside one that cannot be written, and says so", async () => {
    const store = new MemoryStore();
    const outbox = new Outbox(() => 0);
    for (const name of ["a", "b", "c"]) outbox.opened(recordOf(name), {}, 0);
    const apply = store.apply.bind(store);
    store.apply = async (deltas, origin) => {
      for (const delta of deltas) {
        const lost = delta.kind === "session" && delta.session.record.id.startsWith("b");
        if (lost) throw new Error("its server is gone");
        await apply([delta], origin);
      }
    };
    await expect(outbox.replay(store)).rejects.toThrow("its server is gone");
    expect(await store.find(recordOf("a"))).toBeDefined();
    expect(await store.find(recordOf("b"))).toBeUndefined();
    expect(await store.find(recordOf("c"))).toBeDefined();
  });

  it("writes of one session that session and its subject's epoch alone", async () => {
    const outbox = new Outbox(() => 0);
    for (let at = 0; at < 50; at += 1) outbox.raised("t", `user-${at}`, 3, 0);
    outbox.raised("t", "alice", 4, 0);
    outbox.opened(recordOf("a"), {}, 0);
    outbox.opened(recordOf("b"), {}, 0);
    const store = new MemoryStore();
    await outbox.replay(store, { ...recordOf("a"), subject: null });
    expect(await store.find(recordOf("a"))).toBeDefined();
    expect(await store.find(recordOf("b"))).toBeUndefined();
    expect(await store.subjectEpoch("t", "alice")).toBe(4);
    expect(await store.subjectEpoch("t", "user-1")).toBe(0);
  });

  it("raises an epoch again without ending what was opened after it first was (I7)", async () => {
    const store = new MemoryStore();
    const outbox = new Outbox(() => 0);
    outbox.raised("t", "alice", 2, 10_000);
    for (const [name, createdAt] of [
      ["before", 9_000],
      ["after", 11_001],
    ] as const) {
      const record = { ...recordOf(name), createdAt, authenticatedAt: createdAt };
      await store.create({ ...record, seenAt: createdAt }, { now: createdAt });
    }
    await outbox.replay(store);
    const epochs = ["before", "after"].map(
      async (name) => (await store.find(recordOf(name)))?.record.epoch,
    );
    expect(await Promise.all(epochs)).toEqual([0, 2]);
    expect(await store.subjectEpoch("t", "alice")).toBe(2);
  });

  it("forgets what was erased on purpose", async () => {
    const outbox = new Outbox(() => 0);
    outbox.opened(recordOf("a"), {}, 0);
    outbox.erased("t", "alice");
    expect(await written(outbox)).toEqual([]);
  });

  it("takes an answer as evidence only if it was asked for after the acknowledgement", () => {
    const outbox = new Outbox(() => 0);
    const record = recordOf("a");
    const before = outbox.turn;
    outbox.opened(record, {}, 0);
    outbox.raised("t", "alice", 3, 0);
    expect(outbox.lacks(undefined, record, before)).toBe(false);
    expect(outbox.lacks(undefined, record, outbox.turn)).toBe(true);
    expect(outbox.lacks(storedOf(record, 2), record, before)).toBe(false);
    expect(outbox.lacks(storedOf(record, 2), record, outbox.turn)).toBe(true);
    expect(outbox.lacks(storedOf(record, 3), record, outbox.turn)).toBe(false);
  });

  it("misses a decision by its version and an end by its absence", () => {
    const outbox = new Outbox(() => 0);
    const record = recordOf("a");
    outbox.decided({ ...record, version: 3 });
    expect(outbox.lacks(storedOf({ ...record, version: 2 }), record, outbox.turn)).toBe(true);
    expect(outbox.lacks(storedOf({ ...record, version: 3 }), record, outbox.turn)).toBe(false);
    outbox.ended(record, END);
    const ended: SessionRecord = { ...record, state: "ended", end: END };
    expect(outbox.lacks(storedOf({ ...record, version: 9 }), record, outbox.turn)).toBe(true);
    expect(outbox.lacks(storedOf(ended), record, outbox.turn)).toBe(false);
    expect(outbox.lacks(undefined, record, outbox.turn)).toBe(false);
  });

  it("misses no decision on a session that has ended since", () => {
    const outbox = new Outbox(() => 0);
    const record = recordOf("a");
    outbox.decided({ ...record, version: 3, epoch: 7 });
    const ended: SessionRecord = { ...record, state: "ended", end: END };
    expect(outbox.lacks(storedOf(ended, 7), record, outbox.turn)).toBe(false);
  });
});

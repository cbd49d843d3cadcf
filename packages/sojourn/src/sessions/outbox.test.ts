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
    outbox.raised("t", "alice", 3);
    outbox.ended(recordOf("b"), END);
    expect(await written(outbox)).toEqual(["end b logout", "epoch 3", "session"]);
  });

  it("keeps the first end and the highest epoch", async () => {
    const outbox = new Outbox(() => 0);
    outbox.ended(recordOf("a"), END);
    outbox.ended(recordOf("a"), { reason: "revoked", at: 9 });
    outbox.raised("t", "alice", 3);
    outbox.raised("t", "alice", 2);
    expect(await written(outbox)).toEqual(["end a logout", "epoch 3"]);
  });

  it("forgets after five minutes, not a millisecond before", async () => {
    let now = 0;
    const outbox = new Outbox(() => now);
    outbox.ended(recordOf("a"), END);
    outbox.raised("t", "alice", 3);
    now = 5 * MINUTE;
    expect(await written(outbox)).toHaveLength(2);
    now += 1;
    expect(await written(outbox)).toEqual([]);
  });

  it("is bounded by what it holds: the oldest go first", () => {
    const outbox = new Outbox(() => 0);
    const data = { big: "x".repeat(1_048_576) };
    for (let at = 0; at < 80; at += 1) outbox.opened(recordOf(`n${at}`), data, 0);
    expect(outbox.size).toBe(63);
    expect(outbox.liveOf(recordOf("n0"))).toBeUndefined();
    expect(outbox.liveOf(recordOf("n79"))?.absoluteExpiresAt).toBe(1_000_000);
    outbox.ended(recordOf("n79"), END);
    expect(outbox.liveOf(recordOf("n79"))).toBeUndefined();
  });

  it("counts what it let go: dropped and replaced entries make room", () => {
    const outbox = new Outbox(() => 0);
    const data = { big: "x".repeat(1_048_576) };
    for (let at = 0; at < 80; at += 1) {
      outbox.opened(recordOf("same"), data, 0);
      outbox.opened(recordOf("other"), data, 0);
      outbox.drop(recordOf("other"));
    }
    outbox.opened(recordOf("last"), data, 0);
    expect(outbox.size).toBe(2);
  });

  it("takes an answer as evidence only if it was asked for after the acknowledgement", () => {
    const outbox = new Outbox(() => 0);
    const record = recordOf("a");
    const before = outbox.turn;
    outbox.opened(record, {}, 0);
    outbox.raised("t", "alice", 3);
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
});

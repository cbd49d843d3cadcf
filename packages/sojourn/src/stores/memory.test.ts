import { describe, expect, it } from "vitest";
import { storedOf } from "../../../../tests/support/scripted-store.ts";
import { ConfigError, DataTooLargeError, StoreUnavailableError } from "../engine/errors.ts";
import type { SessionRecord } from "../engine/record.ts";
import { MemoryStore } from "./memory.ts";

let names = 0;

function recordOf(changes: Partial<SessionRecord> = {}): SessionRecord {
  names += 1;
  const id = `${names}`.padStart(24, "A");
  const life = { idleMs: 100, absoluteExpiresAt: 1000 };
  return storedOf({ id, subject: "alice", ...life, ...changes }).record;
}

const end = { reason: "revoked", at: 1 } as const;

describe("MemoryStore", () => {
  it("gives the same object until something changes, and another one then", async () => {
    const store = new MemoryStore();
    const record = recordOf();
    await store.create(record, { now: 0 });
    const first = await store.find(record);
    await store.touch([{ ref: record, seenAt: 0 }]);
    await store.replace(record, 9);
    await store.revokeSubject("default", "bob", { now: 0, end });
    expect(await store.find(record)).toBe(first);
    await store.touch([{ ref: record, seenAt: 1 }]);
    const touched = await store.find(record);
    expect(touched).not.toBe(first);
    expect(touched?.data).toBe(first?.data);
    await store.apply([{ kind: "epoch", tenant: "default", subject: "alice", epoch: 1 }], "r2");
    const epoch = await store.find(record);
    expect([epoch?.subjectEpoch, epoch?.record]).toEqual([1, touched?.record]);
    expect(await store.find(record)).toBe(epoch);
  });

  it("gives out frozen objects", async () => {
    const store = new MemoryStore();
    const record = recordOf();
    await store.create(record, { now: 0, data: { a: "1" } });
    const stored = await store.find(record);
    expect(Object.isFrozen(stored) && Object.isFrozen(stored?.record)).toBe(true);
    expect(Object.isFrozen(stored?.data)).toBe(true);
    expect(Object.isFrozen(record)).toBe(false);
  });

  it("refuses a session more than it may hold and never drops a live one (I10)", async () => {
    const store = new MemoryStore({ maxSessions: 3 });
    const live = [recordOf(), recordOf(), recordOf()];
    for (const record of live) await store.create(record, { now: 0 });
    const refused = store.create(recordOf(), { now: 0 });
    await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(refused).rejects.toMatchObject({ retryable: true });
    for (const record of live) expect((await store.find(record))?.record.state).toBe("active");
    const foreign = { record: recordOf(), data: {}, dataVersion: 0, subjectEpoch: 0 };
    const applied = store.apply([{ kind: "session", session: foreign }], "r2");
    await expect(applied).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  it("revokes and replaces when it is full, and gives up history for what is live (I10)", async () => {
    const store = new MemoryStore({ maxSessions: 2 });
    const [first, second, third, fourth] = [recordOf(), recordOf(), recordOf(), recordOf()];
    await store.create(first, { now: 0 });
    await store.create(second, { now: 0 });
    const { outcome } = await store.create(third, {
      now: 0,
      limits: { max: 2, onLimit: "evict-oldest" },
    });
    expect(outcome).toBe("created");
    expect(await store.find(first)).toBeUndefined();
    expect(await store.create(first, { now: 0 })).toEqual({ outcome: "exists" });
    expect((await store.revoke(second, end, { now: 1 })).outcome).toBe("ended");
    expect((await store.create(fourth, { now: 1 })).outcome).toBe("created");
    expect((await store.revokeSubject("default", "alice", { now: 2, end })).ended).toHaveLength(2);
    const absent = { tenant: "default", id: "gone" };
    await store.revoke(absent, end, { now: 2, tombstoneUntil: 9 });
    expect(await store.create(recordOf({ id: "gone" }), { now: 8 })).toEqual({ outcome: "exists" });
    expect((await store.create(recordOf({ id: "gone" }), { now: 9 })).outcome).toBe("created");
  });

  it("keeps an end from elsewhere even when it is full of live sessions (I2, I10)", async () => {
    const store = new MemoryStore({ maxSessions: 1 });
    await store.create(recordOf(), { now: 0 });
    const record = recordOf();
    const ended = { ...record, state: "ended", end } as const;
    const session = { record: ended, data: {}, dataVersion: 0, subjectEpoch: 0 };
    await store.apply([{ kind: "session", session }], "r2");
    expect(await store.create(record, { now: 0 })).toEqual({ outcome: "exists" });
    const held = await store.count({ tenant: "default", state: "any" }, 0);
    expect(held).toEqual({ count: 1, exact: true });
  });

  it("frees an id once its session could not have lived any longer", async () => {
    const store = new MemoryStore();
    const record = recordOf();
    await store.create(record, { now: 0 });
    await store.revoke(record, end, { now: 1 });
    await store.sweep({ now: 2, limit: 10, purgeBefore: 2 });
    expect(await store.create(record, { now: 999 })).toEqual({ outcome: "exists" });
    await store.sweep({ now: 1000, limit: 10 });
    expect((await store.create(record, { now: 1000 })).outcome).toBe("created");
  });

  it("tells the limit and the size when data given with create are too large", async () => {
    const store = new MemoryStore({ maxDataBytes: 10 });
    const data = { key: "12345678" };
    const refused = store.create(recordOf(), { now: 0, data });
    await expect(refused).rejects.toEqual(new DataTooLargeError(10, 11));
    expect((await store.create(recordOf(), { now: 0, data: { key: "1234567" } })).outcome).toBe(
      "created",
    );
  });

  it("finds a rare match among very many sessions in short, bounded pages", async () => {
    const store = new MemoryStore();
    const device = { id: "rare" };
    await store.create(recordOf({ device, subject: null }), { now: 0 });
    for (let n = 0; n < 45_000; n += 1) {
      await store.create(recordOf({ subject: null, createdAt: 1 }), { now: 1 });
    }
    let cursor: string | undefined;
    const sizes: number[] = [];
    do {
      const page = { now: 0, ...(cursor === undefined ? {} : { cursor }) };
      const result = await store.query({ tenant: "default", device: "rare" }, page);
      sizes.push(result.items.length);
      ({ cursor } = result);
    } while (cursor !== undefined);
    expect(sizes).toEqual([0, 0, 1]);
  });

  it("answers nothing after it was closed, and says so as trouble (I7)", async () => {
    const store = new MemoryStore();
    const record = recordOf();
    await store.create(record, { now: 0 });
    await store.close();
    await expect(store.find(record)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.touch([])).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(() => store.tail("now", { change: () => undefined })).toThrow(StoreUnavailableError);
    await store.close();
  });

  it("refuses options that cannot be meant", () => {
    for (const maxSessions of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => new MemoryStore({ maxSessions })).toThrow(ConfigError);
    }
    expect(() => new MemoryStore({ maxDataBytes: 0 })).toThrow("MemoryStore.maxDataBytes");
  });

  it("is a new past each time it is made", async () => {
    const [a, b] = [new MemoryStore(), new MemoryStore()];
    expect((await a.health()).incarnation).not.toBe((await b.health()).incarnation);
  });
});

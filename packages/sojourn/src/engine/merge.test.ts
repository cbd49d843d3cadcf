import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storedOf } from "../../../../tests/support/scripted-store.ts";
import type { DataOperation, StoredSession } from "./ports.ts";
import type { SessionRecord } from "./record.ts";
import {
  dataBytes,
  decidedRecord,
  differsByTouch,
  mergeRecords,
  mergeSessions,
  patchedData,
  touchedRecord,
} from "./merge.ts";

const { record: base } = storedOf({
  id: "A".repeat(24),
  subject: "alice",
  idleMs: 100,
  absoluteExpiresAt: 1000,
  assurance: { amr: ["pwd"], authTime: 0, factors: [{ method: "pwd", at: 0 }] },
});

function withPending(generation: number, sentAt: number): SessionRecord {
  const pending = { generation, verifier: "p", issuedAt: 0, sentAt, sealed: "s" };
  return { ...base, rotation: { ...base.rotation, lastIssued: generation, pending } };
}

// Few values everywhere: equal versions, equal instants and equal contents must be common, or the
// tie-breaks would never decide anything.
const small = fc.integer({ min: 0, max: 2 });
const pending = fc.option(fc.record({ generation: fc.constantFrom(2, 3), sentAt: small }), {
  nil: undefined,
});
const end = fc.record({
  reason: fc.constantFrom("revoked", "logout", "idle_timeout"),
  at: small,
  cause: fc.constantFrom("a", "b"),
} as const);
const record: fc.Arbitrary<SessionRecord> = fc
  .record({
    version: small,
    seenAt: small,
    epoch: small,
    absoluteExpiresAt: fc.integer({ min: 998, max: 1000 }),
    client: fc.constantFrom("a", "b"),
    idleMs: fc.constantFrom(100, 200),
    state: fc.constantFrom("active", "locked", "pending", "ended"),
    lockFactors: fc.constantFrom(1, 2),
    end,
    pending,
  } as const)
  .map(({ pending, end, lockFactors, ...fields }) => {
    const token = pending === undefined ? base : withPending(pending.generation, pending.sentAt);
    return {
      ...token,
      ...fields,
      ...(fields.state === "locked" ? { lockFactors } : {}),
      ...(fields.state === "ended" ? { end } : {}),
    };
  });
const session: fc.Arbitrary<StoredSession> = fc.record({
  record,
  data: fc.record({ k: fc.constantFrom("1", "2") }),
  dataVersion: small,
  subjectEpoch: small,
});

describe("mergeSessions (I9)", () => {
  it("is commutative", () => {
    fc.assert(
      fc.property(session, session, (a, b) => {
        expect(mergeSessions(a, b)).toEqual(mergeSessions(b, a));
      }),
      { numRuns: 5000 },
    );
  });

  it("is associative", () => {
    fc.assert(
      fc.property(session, session, session, (a, b, c) => {
        const left = mergeSessions(mergeSessions(a, b), c);
        expect(left).toEqual(mergeSessions(a, mergeSessions(b, c)));
      }),
      { numRuns: 10_000 },
    );
  });

  it("is idempotent, and gives back the same object when a copy adds nothing", () => {
    fc.assert(
      fc.property(session, session, (a, b) => {
        expect(mergeSessions(a, structuredClone(a))).toBe(a);
        const joined = mergeSessions(a, b);
        expect(mergeSessions(joined, a)).toBe(joined);
        expect(mergeSessions(joined, structuredClone(b))).toBe(joined);
      }),
      { numRuns: 5000 },
    );
  });

  it("never makes an ended session live, and keeps the earlier end (I1, I2)", () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        const joined = mergeRecords(a, b);
        const ends = [a, b].flatMap((one) => (one.end === undefined ? [] : [one.end.at]));
        expect(joined.state === "ended").toBe(ends.length > 0);
        expect(joined.end?.at).toBe(ends.length === 0 ? undefined : Math.min(...ends));
        expect(joined.lockFactors !== undefined).toBe(joined.state === "locked");
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps the latest activity, the highest epoch and the earliest absolute end (I11)", () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        const joined = mergeRecords(a, b);
        expect(joined.seenAt).toBe(Math.max(a.seenAt, b.seenAt));
        expect(joined.epoch).toBe(Math.max(a.epoch, b.epoch));
        expect(joined.absoluteExpiresAt).toBe(Math.min(a.absoluteExpiresAt, b.absoluteExpiresAt));
      }),
    );
  });

  it("takes decisions whole from the higher version, and data from the higher data version", () => {
    const old = { ...base, client: "old", roles: ["admin"], version: 3 };
    const next = { ...base, client: "next", version: 4 };
    expect(mergeRecords(old, next)).toEqual(next);
    expect(mergeRecords(next, old)).toBe(next);
    const a: StoredSession = { record: base, data: { a: "1" }, dataVersion: 5, subjectEpoch: 0 };
    const b: StoredSession = { record: next, data: { z: "9" }, dataVersion: 4, subjectEpoch: 2 };
    expect(mergeSessions(a, b)).toEqual({ ...a, record: next, subjectEpoch: 2 });
  });
});

describe("touchedRecord", () => {
  it("moves activity forward only, and gives back the same object when nothing moved", () => {
    expect(touchedRecord(base, { seenAt: 5 })).toEqual({ ...base, seenAt: 5 });
    const seen = { ...base, seenAt: 5 };
    expect(touchedRecord(seen, { seenAt: 5 })).toBe(seen);
    expect(touchedRecord(seen, { seenAt: 4 })).toBe(seen);
    expect(touchedRecord(seen, {})).toBe(seen);
  });

  it("moves the sending of the pending token of that generation only", () => {
    const issued = withPending(2, 10);
    expect(touchedRecord(issued, { sent: { generation: 2, at: 11 } })).toEqual(withPending(2, 11));
    expect(touchedRecord(issued, { sent: { generation: 2, at: 10 } })).toBe(issued);
    expect(touchedRecord(issued, { sent: { generation: 3, at: 99 } })).toBe(issued);
    expect(touchedRecord(base, { sent: { generation: 1, at: 99 } })).toBe(base);
  });
});

describe("decidedRecord", () => {
  it("keeps what monotone writes moved since the decision was read", () => {
    const stored = { ...withPending(2, 50), version: 7, seenAt: 40, epoch: 3 };
    const decision = { ...withPending(2, 20), version: 7, seenAt: 30, epoch: 1, client: "app" };
    const expected = { ...stored, version: 8, client: "app" };
    expect(decidedRecord(stored, decision)).toEqual(expected);
    const later = decidedRecord(stored, { ...decision, seenAt: 60, epoch: 4 });
    expect([later.seenAt, later.epoch]).toEqual([60, 4]);
  });

  it("keeps no sending of a pending token that is another one, or gone", () => {
    const stored = withPending(2, 50);
    expect(decidedRecord(stored, withPending(3, 20)).rotation.pending?.sentAt).toBe(20);
    expect(decidedRecord(stored, base).rotation.pending).toBeUndefined();
  });

  it("keeps identity, subject and time of creation as they were stored", () => {
    const claimed = { ...base, id: "x", tenant: "y", subject: "z", createdAt: 9, version: 40 };
    expect(decidedRecord(base, claimed)).toEqual({ ...base, version: 2 });
  });
});

describe("differsByTouch", () => {
  it("tells a touch from a decision", () => {
    const issued = withPending(2, 10);
    expect(differsByTouch(issued, { ...withPending(2, 90), seenAt: 90 })).toBe(true);
    expect(differsByTouch(issued, { ...issued, version: 2 })).toBe(false);
    expect(differsByTouch(issued, { ...issued, epoch: 2 })).toBe(false);
    expect(differsByTouch(issued, withPending(3, 10))).toBe(false);
    expect(differsByTouch(issued, base)).toBe(false);
  });
});

describe("patchedData", () => {
  it("does what a map would do, for any key", () => {
    const key = fc.oneof(fc.constantFrom("__proto__", "constructor", "a", "0", ""), fc.string());
    const operation: fc.Arbitrary<DataOperation> = fc.oneof(
      fc.record({ op: fc.constant("set" as const), key, value: fc.string() }),
      fc.record({ op: fc.constant("delete" as const), key }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.string())),
        fc.array(operation),
        (before, operations) => {
          const model = new Map(before);
          const data = patchedData(Object.fromEntries(before), operations);
          for (const one of operations) {
            if (one.op === "set") model.set(one.key, one.value);
            else model.delete(one.key);
          }
          expect(new Map(Object.entries(data))).toEqual(model);
          expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
        },
      ),
    );
  });
});

describe("dataBytes", () => {
  it("counts keys and values as UTF-8", () => {
    const encoder = new TextEncoder();
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.dictionary(text, text), (data) => {
        const parts = Object.entries(data).flat();
        const bytes = parts.reduce((sum, part) => sum + encoder.encode(part).length, 0);
        expect(dataBytes(data)).toBe(bytes);
      }),
    );
  });
});

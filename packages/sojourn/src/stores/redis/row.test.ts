import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { END_REASONS } from "../../protocol/words.ts";
import { RedisRowError } from "./faults.ts";
import {
  dataInHash,
  decodeData,
  decodeDataVersion,
  decodeRecord,
  encodeRow,
  isRow,
} from "./row.ts";

const instant = fc.integer({ min: 0, max: 2 ** 46 });
const count = fc.nat({ max: 2 ** 31 });
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({
    minLength: 8,
    maxLength: 8,
    unit: fc.constantFrom("A", "a", "0", "-", "_", "z", "9"),
  }),
);
const holder = { generation: count, verifier: text };
const factor = fc.record({ method: text, at: instant });
const assurance = fc.record(
  {
    acr: text,
    amr: fc.array(text),
    authTime: instant,
    factors: fc.array(factor),
    elevatedUntil: instant,
  },
  { requiredKeys: ["amr", "authTime", "factors"] },
);
const rotation = fc.record(
  {
    ...holder,
    confirmedAt: instant,
    lastIssued: count,
    fingerprint: text,
    pending: fc.record(
      { ...holder, issuedAt: instant, sentAt: instant, sealed: text, fingerprint: text },
      { requiredKeys: ["generation", "verifier", "issuedAt", "sentAt", "sealed"] },
    ),
    previous: fc.record(
      { ...holder, graceUntil: instant, fingerprint: text },
      { requiredKeys: ["generation", "verifier", "graceUntil"] },
    ),
    replaced: fc.record({
      from: count,
      to: count,
      at: instant,
      holders: fc.array(fc.record(holder)),
      assurance,
    }),
    forgiving: fc.nat(2),
  },
  { requiredKeys: ["generation", "verifier", "confirmedAt", "lastIssued"] },
);
const optional = {
  client: text,
  roles: fc.array(text),
  device: fc.record({ id: text, label: text, address: text }, { requiredKeys: [] }),
  parent: text,
  actor: text,
  remember: fc.boolean(),
};
const required = {
  id: fc.constant("A".repeat(24)),
  tenant: fc.constant("t"),
  subject: fc.option(text, { nil: null }),
  kind: fc.oneof(fc.constant("user"), text),
  version: count,
  epoch: count,
  createdAt: instant,
  authenticatedAt: instant,
  seenAt: instant,
  idleMs: instant,
  idleLockFactors: fc.nat(2),
  absoluteExpiresAt: instant,
  assurance,
  rotation,
};
const standing = fc.oneof(
  fc.record({ state: fc.constantFrom("pending" as const, "active" as const) }),
  fc.record({ state: fc.constant("locked" as const), lockFactors: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    state: fc.constant("ended" as const),
    end: fc.record(
      { reason: fc.constantFrom(...END_REASONS), at: instant, cause: text, actor: text },
      { requiredKeys: ["reason", "at"] },
    ),
  }),
);
const record = fc
  .tuple(
    fc.record({ ...required, ...optional }, { requiredKeys: Object.keys(required) as never }),
    standing,
  )
  .map(([facts, state]) => ({ ...facts, ...state }));
const data = fc.dictionary(text, fc.string({ maxLength: 400 }), { maxKeys: 6 });

describe("a row", () => {
  it("gives back record and data exactly, whatever is in them", () => {
    fc.assert(
      fc.property(record, data, count, (one, its, dataVersion) => {
        const { row, hash } = encodeRow({ record: one, data: its, dataVersion, bucket: 65_535 });
        expect(isRow(row)).toBe(true);
        expect(decodeRecord(row, one)).toEqual(one);
        expect(decodeDataVersion(row)).toBe(dataVersion);
        expect(dataInHash(row)).toBe(hash.length > 0);
        const bytes = hash.map((part) => Buffer.from(part));
        expect(decodeData(row, bytes)).toEqual({ ...its });
      }),
      { numRuns: 500 },
    );
  });

  it("of a newer release is refused, and what is no row is none", () => {
    const newer = Buffer.alloc(100);
    newer[0] = 2;
    expect(() => isRow(newer)).toThrow(RedisRowError);
    expect(
      isRow(Buffer.from("somebody's text, which is longer than any header of ours is".repeat(2))),
    ).toBe(false);
    expect(isRow(Buffer.from([1]))).toBe(false);
    expect(isRow(Buffer.alloc(0))).toBe(false);
  });
});

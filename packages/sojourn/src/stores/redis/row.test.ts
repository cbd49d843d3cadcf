import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SessionRecord } from "../../engine/record.ts";
import { END_REASONS } from "../../protocol/words.ts";
import { BINDING_TIERS } from "../../engine/record.ts";
import { RedisRowError } from "./faults.ts";
import { dataInHash, decodeHead, isRow, NARROW, WIDE } from "./head.ts";
import { decodeData, decodeRecord, encodeRow } from "./row.ts";

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
  binding: fc.record(
    {
      tier: fc.constantFrom(...BINDING_TIERS),
      key: text,
      thumbprint: text,
      boundAt: instant,
      proofs: count,
      lastProof: fc.record({ challenge: text, at: instant }),
    },
    { requiredKeys: ["tier", "key", "thumbprint", "boundAt", "proofs"] },
  ),
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

/** What nearly every session is: it fits the narrow form. A key to be bound to is too long. */
const usual = record.map(({ binding: _wide, ...one }) => {
  const createdAt = 1_763_000_000_000 + (one.createdAt % 1e9);
  const later = (at: number): number => createdAt + (at % 1e11);
  const { rotation } = one;
  const { pending } = rotation;
  return {
    ...one,
    subject: one.subject === null ? null : "alice",
    kind: "user",
    createdAt,
    seenAt: later(one.seenAt),
    authenticatedAt: createdAt,
    idleMs: (one.idleMs % 1e6) * 1000,
    absoluteExpiresAt: later(one.absoluteExpiresAt),
    version: one.version % 65_536,
    epoch: one.epoch % 65_536,
    assurance: { amr: ["pwd"], authTime: createdAt, factors: [{ method: "pwd", at: createdAt }] },
    rotation: {
      generation: 1,
      verifier: "v".repeat(32),
      confirmedAt: createdAt,
      lastIssued: pending === undefined ? 1 : 2,
      ...(pending === undefined
        ? {}
        : {
            pending: {
              generation: 2,
              verifier: "p".repeat(32),
              issuedAt: createdAt + 1000,
              sentAt: later(pending.sentAt),
              sealed: "s".repeat(72),
            },
          }),
    },
    roles: [],
    device: {},
  };
});

type Facts = Parameters<typeof encodeRow>[0];

function expectSame({ record: one, data: its, dataVersion, elsewhere }: Facts): Buffer {
  const { row, hash } = encodeRow({ record: one, data: its, dataVersion, elsewhere });
  expect(isRow(row)).toBe(true);
  const head = decodeHead(row);
  expect(decodeRecord(row, one)).toEqual(one);
  expect(head.dataVersion).toBe(dataVersion);
  expect(dataInHash(row)).toBe(hash.length > 0);
  const bytes = hash.map((part) => Buffer.from(part));
  expect(decodeData(row, head, bytes)).toEqual({ ...its });
  return row;
}

describe("a row", () => {
  const bucket = fc.option(fc.nat(65_535), { nil: undefined });

  it("gives back record and data exactly, whatever is in them", () => {
    fc.assert(
      fc.property(record, data, count, bucket, (one, its, dataVersion, elsewhere) => {
        expectSame({ record: one, data: its, dataVersion, elsewhere });
      }),
      { numRuns: 500 },
    );
  });

  it("does so in the narrow form, which a usual session fits", () => {
    const words = [undefined, "otp", "user", "wia", "pwdd", "abcd"];
    fc.assert(
      fc.property(usual, data, bucket, fc.constantFrom(...words), (one, its, elsewhere, acr) => {
        const assurance = acr === undefined ? one.assurance : { ...one.assurance, acr };
        const facts = { data: its, dataVersion: 65_535, elsewhere };
        expect(expectSame({ record: { ...one, assurance }, ...facts })[0]).toBe(NARROW);
      }),
      { numRuns: 300 },
    );
  });

  it("is wide from the first value on that the narrow form cannot hold", () => {
    const samples = fc.sample(usual, { numRuns: 50, seed: 7 });
    const plain = samples.find(({ state, subject }) => state === "active" && subject !== null);
    if (plain === undefined) throw new Error("no sample");
    const one: SessionRecord = { ...plain, state: "active", subject: "s".repeat(255) };
    const { createdAt } = one;
    const form = (changes: Partial<SessionRecord>, dataVersion = 1): unknown =>
      expectSame({ record: { ...one, ...changes }, data: {}, dataVersion })[0];
    expect(form({})).toBe(NARROW);
    const edges: readonly (readonly [Partial<SessionRecord>, Partial<SessionRecord>])[] = [
      [{ version: 65_535 }, { version: 65_536 }],
      [{ epoch: 65_535 }, { epoch: 65_536 }],
      [{ seenAt: createdAt }, { seenAt: createdAt - 1 }],
      [{ seenAt: createdAt + 1e12 - 1 }, { seenAt: createdAt + 1e12 }],
      [{ idleMs: 16_777_215_000 }, { idleMs: 16_777_216_000 }],
      [{ idleMs: 1000 }, { idleMs: 1001 }],
      [{ subject: "s".repeat(255) }, { subject: "s".repeat(256) }],
    ];
    for (const [last, first] of edges) {
      expect(form(last)).toBe(NARROW);
      expect(form(first)).toBe(WIDE);
    }
    expect(form({}, 65_535)).toBe(NARROW);
    expect(form({}, 65_536)).toBe(WIDE);
  });

  it("of the size that figures are given for leaves room in 252 bytes", () => {
    const createdAt = 1_763_000_000_000;
    const at = createdAt + 1000;
    const [verifier, sealed] = ["v".repeat(32), "s".repeat(72)];
    const pending = { generation: 2, verifier, issuedAt: at, sentAt: at, sealed };
    const { row } = encodeRow({
      record: {
        id: "A".repeat(24),
        tenant: "default",
        subject: "user-000000000",
        kind: "user",
        version: 1,
        state: "active",
        epoch: 0,
        createdAt,
        authenticatedAt: createdAt,
        seenAt: createdAt,
        idleMs: 1_800_000,
        idleLockFactors: 0,
        absoluteExpiresAt: createdAt + 43_200_000,
        assurance: {
          amr: ["pwd"],
          authTime: createdAt,
          factors: [{ method: "pwd", at: createdAt }],
        },
        rotation: { generation: 1, verifier, confirmedAt: createdAt, lastIssued: 2, pending },
      },
      data: { theme: '"dark"', cart: `"${"x".repeat(66)}"` },
      dataVersion: 1,
    });
    expect(row.length).toBeLessThanOrEqual(250);
  });

  it("of a newer release is refused, and what is no row is none", () => {
    const newer = Buffer.alloc(100);
    newer[0] = WIDE + 1;
    expect(() => isRow(newer)).toThrow(RedisRowError);
    expect(
      isRow(Buffer.from("somebody's text, which is longer than any header of ours is".repeat(2))),
    ).toBe(false);
    expect(isRow(Buffer.from([NARROW]))).toBe(false);
    expect(isRow(Buffer.from([1]))).toBe(false);
    expect(isRow(Buffer.alloc(0))).toBe(false);
  });
});

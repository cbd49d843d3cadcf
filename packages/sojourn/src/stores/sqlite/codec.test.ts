import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oddLetter } from "../../../../../tests/support/odd-text.ts";
import { END_REASONS } from "../../protocol/words.ts";
import { BINDING_TIERS } from "../../engine/record.ts";
import type { Assurance, SessionRecord } from "../../engine/record.ts";
import { encodeRotation } from "./codec-rotation.ts";
import { decodeData, decodeRecord, encodeData, encodeSummary, RECORD_WIDTH } from "./codec.ts";

const text = fc.string({ maxLength: 12 });
const verifier = fc.stringMatching(/^[A-Za-z0-9_-]{32}$/);
const at = fc.integer({ min: 1, max: 4_102_444_800_000 });
const count = fc.nat({ max: 1_000_000 });

function plain<Model>(model: { [K in keyof Model]: fc.Arbitrary<Model[K]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true });
}

function some<Value>(field: string, value: fc.Arbitrary<Value>): fc.Arbitrary<object> {
  return fc.option(value, { nil: undefined }).map((v) => (v === undefined ? {} : { [field]: v }));
}

function joined(...parts: fc.Arbitrary<object>[]): fc.Arbitrary<object> {
  return fc.tuple(...parts).map((list) => Object.assign({}, ...list) as object);
}

const factor = plain({ method: text, at });
const assurance = joined(
  plain({ amr: fc.array(text, { maxLength: 3 }), authTime: at }),
  plain({ factors: fc.array(factor, { maxLength: 3 }) }),
  some("acr", text),
  some("elevatedUntil", at),
) as fc.Arbitrary<Assurance>;
/** The common case, which takes a shorter form. */
const plainAssurance = fc
  .tuple(fc.array(text, { maxLength: 3 }), at)
  .map(([amr, authTime]): Assurance => {
    return { amr, authTime, factors: amr.map((method) => ({ method, at: authTime })) };
  });
const anyAssurance = fc.oneof(assurance, plainAssurance);
const holder = { generation: count, verifier };

const binding = joined(
  plain({ tier: fc.constantFrom(...BINDING_TIERS), key: text, thumbprint: text }),
  plain({ boundAt: at, proofs: count }),
  some("lastProof", plain({ challenge: text, at })),
);

const rotation = joined(
  plain({ ...holder, confirmedAt: at, lastIssued: count }),
  some("fingerprint", fc.oneof(text, verifier)),
  some(
    "pending",
    joined(plain({ ...holder, issuedAt: at, sentAt: at, sealed: text }), some("fingerprint", text)),
  ),
  some("previous", joined(plain({ ...holder, graceUntil: at }), some("fingerprint", text))),
  some(
    "replaced",
    plain({
      from: count,
      to: count,
      at,
      holders: fc.array(plain(holder), { maxLength: 3 }),
      assurance: anyAssurance,
    }),
  ),
  some("forgiving", fc.nat({ max: 2 })),
);

const end = joined(
  plain({ reason: fc.constantFrom(...END_REASONS), at }),
  some("cause", text),
  some("actor", text),
);

const standing = fc.oneof(
  plain({ state: fc.constantFrom("pending", "active") }),
  plain({ state: fc.constant("locked"), lockFactors: count }),
  plain({ state: fc.constant("ended"), end }),
);

const record = joined(
  plain({
    id: fc.stringMatching(/^[A-Za-z0-9_-]{24}$/),
    subject: fc.option(text),
    kind: fc.oneof(fc.constant("user"), text),
    version: count,
    epoch: count,
    createdAt: at,
    authenticatedAt: at,
    seenAt: at,
    idleMs: count,
    idleLockFactors: fc.nat({ max: 3 }),
    absoluteExpiresAt: at,
    assurance: anyAssurance,
    rotation,
  }),
  standing,
  some("client", text),
  some("roles", fc.array(text, { maxLength: 3 })),
  some("device", joined(some("id", text), some("label", text), some("address", text))),
  some("parent", text),
  some("actor", text),
  some("binding", binding),
  some("remember", fc.boolean()),
  fc.constant({ tenant: "t" }),
) as fc.Arbitrary<SessionRecord>;

describe("the row codec", () => {
  it("gives back every record exactly", () => {
    fc.assert(
      fc.property(record, (session) => {
        const row = [
          ...encodeSummary(session),
          ...encodeRotation(session.rotation, session.createdAt),
        ];
        expect(row).toHaveLength(RECORD_WIDTH);
        expect(decodeRecord(row, "t")).toStrictEqual(session);
      }),
      { numRuns: 500 },
    );
  });

  it("gives back every data text, whatever its keys are called", () => {
    const key = fc.oneof(text, fc.string({ unit: oddLetter }), fc.constant("__proto__"));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(key, fc.string({ unit: oddLetter })), { maxLength: 4 }),
        (entries) => {
          const data = Object.fromEntries(entries);
          expect(Object.entries(decodeData(encodeData(data)))).toEqual(Object.entries(data));
        },
      ),
    );
  });

  it("spends no byte on data that is not there", () => {
    expect(encodeData({})).toBeNull();
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Rotation } from "../../engine/record.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { idIn, idOut, textIn, textOut } from "./text.ts";
import { decodeTurn, encodeTurn } from "./turn.ts";

const unit = fc.constantFrom("\u0000", "\u0001", "\ud83d", "\udd11", "0", "a", "é", "🗝️", "0000");
const awkward = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit }), fc.string());
const base64url = fc
  .uint8Array({ minLength: 18, maxLength: 18 })
  .map((bytes) => Buffer.from(bytes).toString("base64url"));

describe("a text on its way to PostgreSQL", () => {
  it("comes back exactly, and is one that the server takes", () => {
    fc.assert(
      fc.property(awkward, (text) => {
        const stored = textIn(text);
        expect(stored).not.toMatch(/\p{Surrogate}/u);
        expect(stored).not.toContain("\u0000");
        expect(textOut(stored)).toBe(text);
      }),
    );
  });

  it("never becomes another one", () => {
    fc.assert(
      fc.property(awkward, awkward, (a, b) => {
        expect(textIn(a) === textIn(b)).toBe(a === b);
      }),
    );
  });
});

describe("an id as bytes", () => {
  it("comes back exactly, whatever its length, and takes 18 bytes if it is one of ours", () => {
    const any = fc.oneof(base64url, awkward, fc.string({ minLength: 15, maxLength: 26 }));
    fc.assert(
      fc.property(any, (id) => {
        expect(idOut(Buffer.from(idIn(id)).toString("hex"))).toBe(id);
      }),
    );
    expect(idIn("A".repeat(24))).toHaveLength(18);
    expect(idIn("é".repeat(24))).not.toHaveLength(18);
    expect(idIn("x".repeat(17))).not.toHaveLength(18);
  });

  it("sorts as the text does", () => {
    fc.assert(
      fc.property(base64url, base64url, (a, b) => {
        expect(Math.sign(Buffer.compare(idIn(a), idIn(b)))).toBe(a === b ? 0 : a < b ? -1 : 1);
      }),
    );
  });
});

const instant = fc.integer({ min: 0, max: 2 ** 42 });
const generation = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const fingerprint = fc.option(awkward, { nil: undefined });
const holder = fc.record({ generation, verifier: base64url });
const assurance = fc.record({
  amr: fc.constantFrom(["pwd"], ["pwd", "otp"], []),
  authTime: instant,
  factors: fc.constantFrom([], [{ method: "pwd", at: 7 }]),
});
const rotation = fc.record({
  generation,
  verifier: base64url,
  confirmedAt: instant,
  lastIssued: generation,
  fingerprint,
  pending: fc.option(
    fc.record({
      generation,
      verifier: base64url,
      issuedAt: instant,
      sentAt: instant,
      sealed: awkward,
      fingerprint,
    }),
    { nil: undefined },
  ),
  previous: fc.option(
    fc.record({ generation, verifier: base64url, graceUntil: instant, fingerprint }),
    { nil: undefined },
  ),
  replaced: fc.option(
    fc.record({
      from: generation,
      to: generation,
      at: instant,
      holders: fc.array(holder, { maxLength: 3 }),
      assurance,
    }),
    { nil: undefined },
  ),
  forgiving: fc.option(fc.nat(2), { nil: undefined }),
});

describe("a rotation as bytes", () => {
  it("comes back exactly, absent parts absent", () => {
    fc.assert(
      fc.property(rotation, instant, (made, createdAt) => {
        const given = JSON.parse(JSON.stringify(made)) as Rotation;
        const columns = {
          generation: given.pending?.generation ?? Number.NaN,
          sentAt: given.pending?.sentAt ?? Number.NaN,
        };
        const bytes = Buffer.from(encodeTurn(given, createdAt));
        expect(decodeTurn(bytes, createdAt, columns)).toEqual(given);
      }),
    );
  });

  it("writes numbers of either sign, each in as few bytes as it needs", () => {
    const numbers = [0, -1, 1, 63, 64, -64, -65, 2 ** 31, -(2 ** 42), 2 ** 52, -(2 ** 52)];
    const writer = new ByteWriter();
    for (const number of numbers) writer.number(number);
    const reader = new ByteReader(Buffer.from(writer.done()));
    expect(numbers.map(() => reader.number())).toEqual(numbers);
    expect(new ByteWriter().number(63).done()).toHaveLength(1);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFields } from "./fields.ts";

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("encodeFields", () => {
  it("writes lengths, texts in UTF-8 and the tail", () => {
    expect(hex(encodeFields(["ab", "", null], Uint8Array.of(9)))).toBe(
      "0000000200000000ffffffff616209",
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const utf8 = Buffer.from(text);
        expect(hex(encodeFields([text]).slice(4))).toBe(utf8.toString("hex"));
      }),
    );
  });

  it("gives different bytes for different fields, lone surrogates included", () => {
    const unit = fc.constantFrom(
      "a",
      "b",
      "\0",
      "é",
      "€",
      "😀",
      "\ud800",
      "\ud801",
      "\udc00",
      "\ufffd",
    );
    const field = fc.option(fc.string({ unit, maxLength: 3 }));
    const pair = fc.tuple(field, field);
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        const same = a[0] === b[0] && a[1] === b[1];
        expect(hex(encodeFields(a)) === hex(encodeFields(b))).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeps a shifted border between two fields apart", () => {
    expect(encodeFields(["ab", "c"])).not.toEqual(encodeFields(["a", "bc"]));
    expect(encodeFields(["", null])).not.toEqual(encodeFields([null, ""]));
  });
});

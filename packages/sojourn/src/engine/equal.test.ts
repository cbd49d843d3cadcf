import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalText } from "./equal.ts";

describe("equalText", () => {
  it("agrees with === on any two texts", () => {
    const units = fc.array(fc.constantFrom(0, 97, 98, 0x1_61, 0xd8_00), { maxLength: 3 });
    const text = units.map((codes) => String.fromCharCode(...codes));
    fc.assert(fc.property(text, text, (a, b) => equalText(a, b) === (a === b)));
  });

  it("sees a difference in any single place, the first and the last included", () => {
    const token = fc.string({ minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(token, fc.nat(), (text, seed) => {
        const place = seed % text.length;
        const other = text[place] === "x" ? "y" : "x";
        const changed = text.slice(0, place) + other + text.slice(place + 1);
        expect(equalText(text, changed)).toBe(false);
        expect(equalText(text, text.slice())).toBe(true);
      }),
    );
  });

  it("tells a prefix from the whole, and two empty texts not at all", () => {
    expect(equalText("abc", "abcd")).toBe(false);
    expect(equalText("", "a")).toBe(false);
    expect(equalText("", "")).toBe(true);
  });

  it("tells characters apart that differ only above the first byte", () => {
    expect(equalText("a", "\u0161")).toBe(false);
    expect(equalText("\u{1F600}", "\u{1F601}")).toBe(false);
  });
});

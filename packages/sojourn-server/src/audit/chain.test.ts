import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plain, unplain } from "./chain.ts";

describe("a name in the trail", () => {
  it("is ASCII, and leads back to itself", () => {
    const names = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("%", "%25.", "é%e9.", "\u{1F600}"),
    );
    fc.assert(
      fc.property(names, (name) => {
        expect(plain(name)).toMatch(/^[ -~]*$/);
        expect(unplain(plain(name))).toBe(name);
      }),
    );
  });
});

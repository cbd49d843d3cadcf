import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64Url, decodeGroups, encodeBase64Url } from "./base64url.ts";

describe("base64url", () => {
  it("encodes as Node's Buffer does and decodes what it encoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, size: "max" }), (bytes) => {
        const text = encodeBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(decodeBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  it("encodes the first bytes only when a length is given", () => {
    const bytes = Uint8Array.from([1, 2, 3, 4, 5]);
    expect(encodeBase64Url(bytes, 4)).toBe(encodeBase64Url(bytes.slice(0, 4)));
  });

  it("decodes exactly the texts that encoding can give", () => {
    const alphabet = fc.constantFrom(..."ABCDwxyz019-_+/= é\0".split(""));
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 12 }), (text) => {
        const bytes = decodeBase64Url(text);
        if (bytes === undefined) {
          expect(Buffer.from(text, "base64url").toString("base64url")).not.toBe(text);
        } else expect(encodeBase64Url(bytes)).toBe(text);
      }),
    );
  });

  it.each(["A", "AB", "AAB", "AA==", "AA+/", "AAA\u0141", "AAAAé", " AAA"])(
    "refuses %j: wrong length, stray bits, padding or another alphabet",
    (text) => {
      expect(decodeBase64Url(text)).toBeUndefined();
    },
  );

  it("refuses a text that ends before the bytes do", () => {
    expect(decodeGroups("AAAAAA", 0, new Uint8Array(6))).toBe(false);
    expect(decodeGroups("AAAAAAAA", 0, new Uint8Array(6))).toBe(true);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack, unpack } from "./packed.ts";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ids = fc.string({ unit: fc.constantFrom(...BASE64URL), minLength: 24, maxLength: 24 });
const groups = fc.string({ unit: fc.constantFrom(...BASE64URL), maxLength: 64 });

describe("pack", () => {
  it("keeps a session id in 18 bytes", () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect(pack(id)).toHaveLength(18);
      }),
    );
  });

  it("gives back every text exactly, base64url or not", () => {
    const texts = fc.oneof(groups, fc.string({ unit: "binary" }), fc.constant("ÿÿÿÿ"));
    fc.assert(
      fc.property(texts, (text) => {
        expect(unpack(pack(text))).toBe(text);
      }),
    );
  });

  it("sorts bytes as JavaScript sorts the ids, so that pages agree with every store", () => {
    fc.assert(
      fc.property(ids, ids, (a, b) => {
        const byBytes = Buffer.compare(Buffer.from(pack(a)), Buffer.from(pack(b)));
        const byText = a === b ? 0 : a < b ? -1 : 1;
        expect(byBytes).toBe(byText);
      }),
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oddLetter } from "../../../../../tests/support/odd-text.ts";
import { textIn, textOut } from "../sqlite/text.ts";
import { pack, unpack } from "./packed.ts";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const letter = fc.constantFrom(...BASE64URL.split(""));
const ids = fc.string({ unit: letter, minLength: 24, maxLength: 24 });
const groups = fc.string({ unit: letter, maxLength: 64 });

describe("pack", () => {
  it("keeps a session id in 18 bytes", () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect(pack(id)).toHaveLength(18);
      }),
    );
  });

  it("gives back every text exactly, base64url or not", () => {
    const texts = fc.oneof(
      groups,
      fc.string({ unit: oddLetter, maxLength: 40 }),
      fc.constant("ÿÿÿÿ"),
    );
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

describe("textIn", () => {
  it("gives back every well-formed text, and never as text that a NUL could cut short", () => {
    const texts = fc.oneof(fc.string({ unit: oddLetter, maxLength: 20 }), fc.constant("a\0b"));
    fc.assert(
      fc.property(texts, (text) => {
        const stored = textIn(text);
        expect(textOut(stored)).toBe(text);
        expect(typeof stored === "string" && stored.includes("\0")).toBe(false);
      }),
    );
  });

  it("keeps absence apart from the empty text", () => {
    expect(textOut(textIn(null))).toBeNull();
    expect(textOut(textIn(""))).toBe("");
  });
});

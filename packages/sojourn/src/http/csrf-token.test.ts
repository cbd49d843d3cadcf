import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CSRF_TOKEN_CHARS, equalBytes, readToken, renderToken } from "./csrf-token.ts";

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("renderToken", () => {
  it("[CS-08] renders the same HMAC differently under each pad, and reads it back", () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (mac, pad, other) => {
        const text = renderToken(mac, pad);
        expect(text).toMatch(/^[A-Za-z0-9_-]{86}$/);
        expect(readToken(text)).toEqual(mac);
        expect(renderToken(mac, other) === text).toBe(equalBytes(pad, other));
      }),
    );
  });

  it("writes base64url as everyone does", () => {
    fc.assert(
      fc.property(bytes, bytes, (mac, pad) => {
        const joined = [...pad, ...mac.map((byte, index) => byte ^ (pad[index] ?? 0))];
        expect(renderToken(mac, pad)).toBe(Buffer.from(joined).toString("base64url"));
      }),
    );
  });

  it("takes 32 bytes each and nothing else", () => {
    const fine = new Uint8Array(32);
    for (const length of [0, 31, 33]) {
      expect(() => renderToken(new Uint8Array(length), fine)).toThrow("csrf.mac");
      expect(() => renderToken(fine, new Uint8Array(length))).toThrow("csrf.pad");
    }
  });
});

describe("readToken", () => {
  const text = renderToken(new Uint8Array(32).fill(7), new Uint8Array(32).fill(9));

  it("refuses another length, another alphabet and a second spelling", () => {
    expect(readToken(text)).toBeDefined();
    for (const bad of [
      undefined,
      null,
      "",
      text.slice(1),
      `${text}A`,
      `+${text.slice(1)}`,
      `=${text.slice(1)}`,
      `é${text.slice(1)}`,
      `\0${text.slice(1)}`,
      `${text.slice(0, -1)}B`,
      "A".repeat(1 << 20),
    ]) {
      expect(readToken(bad)).toBeUndefined();
    }
  });

  it("is total, and accepts only what renderToken writes", () => {
    const anything = fc.oneof(
      fc.string({ unit: "binary", minLength: CSRF_TOKEN_CHARS, maxLength: CSRF_TOKEN_CHARS }),
      fc.string({
        unit: fc.constantFrom(
          ...Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz01-_"),
        ),
        minLength: CSRF_TOKEN_CHARS,
        maxLength: CSRF_TOKEN_CHARS,
      }),
    );
    fc.assert(
      fc.property(anything, (candidate) => {
        const mac = readToken(candidate);
        if (mac === undefined) return;
        const pad = new Uint8Array(Buffer.from(candidate, "base64url").subarray(0, 32));
        expect(renderToken(mac, pad)).toBe(candidate);
      }),
    );
  });
});

describe("equalBytes", () => {
  it("tells equal from one differing bit at any place", () => {
    fc.assert(
      fc.property(bytes, fc.nat({ max: 255 }), (value, bit) => {
        const changed = value.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(equalBytes(value, value.slice())).toBe(true);
        expect(equalBytes(value, changed)).toBe(false);
      }),
    );
    expect(equalBytes(new Uint8Array(32), new Uint8Array(31))).toBe(false);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BEARER_MAX_CHARS, readBearer } from "./bearer.ts";

describe("readBearer", () => {
  it("reads one token68 behind the scheme in any case", () => {
    for (const header of ["Bearer abc-._~+/9==", "bearer abc-._~+/9==", "BEARER   abc-._~+/9=="]) {
      expect(readBearer(header)).toEqual({ kind: "value", value: "abc-._~+/9==" });
    }
  });

  it("reads no header and other schemes as absent", () => {
    for (const header of [
      undefined,
      null,
      "",
      "Basic YTpi",
      "Bearerx abc",
      "DPoP abc",
      "Bear",
      " ",
    ]) {
      expect(readBearer(header)).toEqual({ kind: "absent" });
    }
    expect(readBearer("\u{1f43b}earer abc")).toEqual({ kind: "absent" });
    expect(readBearer("B\u0165arer abc")).toEqual({ kind: "absent" });
  });

  it("refuses whatever is not exactly one credential", () => {
    for (const header of [
      "Bearer",
      "Bearer ",
      "Bearer =",
      "Bearer a b",
      "Bearer a ",
      "Bearer a,b",
      "Bearer a, Bearer b",
      'Bearer "a"',
      'Bearer realm="x"',
      "Bearer a=b",
      "Bearer \ta",
      "Bearer a\r\nb",
      "Bearer a\0",
      "Bearer é",
    ]) {
      expect(readBearer(header), JSON.stringify(header)).toEqual({ kind: "malformed" });
    }
  });

  it("reads up to its limit and refuses one character more", () => {
    const fits = `Bearer ${"a".repeat(BEARER_MAX_CHARS - 7)}`;
    expect(readBearer(fits).kind).toBe("value");
    expect(readBearer(`${fits}a`)).toEqual({ kind: "malformed" });
    expect(readBearer(`Bearer ${"a".repeat(1 << 20)}`)).toEqual({ kind: "malformed" });
  });

  it("is total: every header is absent, malformed or the grammar's one token", () => {
    const piece = fc.oneof(
      fc.constantFrom("Bearer", "bearer", " ", "=", ",", "a", "Z9", "\0", "\r\n", "\t"),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        const header = parts.join("");
        const match = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header);
        const scheme = /^bearer(?: |$)/i.test(header) && !/[^\0-\x7f]/.test(header.slice(0, 6));
        const expected = match
          ? { kind: "value", value: match[1] }
          : { kind: scheme ? "malformed" : "absent" };
        expect(readBearer(header)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

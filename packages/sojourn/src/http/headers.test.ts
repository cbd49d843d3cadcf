import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CLEAR_SITE_DATA,
  bearerChallenge,
  mergeCacheControl,
  mergeVary,
  quoted,
} from "./headers.ts";

describe("mergeVary", () => {
  it("adds names once, in any case, and keeps what was there", () => {
    expect(mergeVary(undefined, "Cookie")).toBe("Cookie");
    expect(mergeVary("", "Cookie")).toBe("Cookie");
    expect(mergeVary("Accept-Encoding", "Cookie, Origin")).toBe("Accept-Encoding, Cookie, Origin");
    expect(mergeVary("origin ,, cookie", "Cookie, Origin")).toBe("origin, cookie");
    expect(mergeVary(["Accept", "Origin"], "Cookie")).toBe("Accept, Origin, Cookie");
  });

  it("leaves * alone", () => {
    expect(mergeVary("*", "Cookie")).toBe("*");
    expect(mergeVary("Accept, *", "Cookie")).toBe("*");
  });
});

describe("mergeCacheControl", () => {
  it("[CK-15] no-store wins over whatever a handler had set", () => {
    for (const existing of [
      undefined,
      null,
      "",
      "public, max-age=31536000",
      "max-age=60, s-maxage=60",
      "private",
      ["public", "immutable"],
      "no-store",
      "NO-CACHE",
    ]) {
      expect(mergeCacheControl(existing)).toBe("no-store");
    }
    expect(mergeCacheControl("public, No-Transform, max-age=9")).toBe("no-store, no-transform");
  });
});

describe("CLEAR_SITE_DATA", () => {
  it("[CK-14] names cache, cookies and storage, each quoted", () => {
    expect(CLEAR_SITE_DATA).toBe('"cache", "cookies", "storage"');
  });
});

describe("quoted", () => {
  it("escapes quotes and backslashes", () => {
    expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"');
  });

  it("cuts off what is longer than 256 characters", () => {
    expect(quoted("a".repeat(256))).toHaveLength(258);
    expect(quoted("a".repeat(257))).toHaveLength(258);
  });

  it("never leaves its quotes or its line, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 600 }), (text) => {
        expect(quoted(text)).toMatch(/^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
        expect(quoted(text).length).toBeLessThanOrEqual(2 * 256 + 2);
      }),
    );
  });
});

describe("bearerChallenge", () => {
  it("has no error when there was no credential", () => {
    expect(bearerChallenge({})).toBe('Bearer realm="session"');
  });

  it("names what a step-up needs", () => {
    const challenge = bearerChallenge({
      error: "insufficient_user_authentication",
      description: 'say "yes"',
      acr: "aal2",
      maxAge: 300.9,
    });
    expect(challenge).toBe(
      'Bearer realm="session", error="insufficient_user_authentication", ' +
        'error_description="say \\"yes\\"", acr_values="aal2", max_age="300"',
    );
    expect(bearerChallenge({ maxAge: Number.NaN })).toBe('Bearer realm="session"');
  });
});

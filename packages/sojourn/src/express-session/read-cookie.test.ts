import type { IncomingHttpHeaders } from "node:http";
import { describe, expect, it } from "vitest";
import { readCookie, sidOf } from "./read-cookie.ts";
import { signSid } from "./signature.ts";
import type { SessionRequest } from "./types.ts";

describe("a cookie in a header", () => {
  it.each([
    ["sid=one", "one"],
    ["a=b; sid=one; c=d", "one"],
    ["sid=one; sid=two", "one"],
    ["xsid=no; sid=one", "one"],
    ["sidx=no;sid = one ;", "one"],
    ["\tsid\t=\tone\t", "one"],
    ['sid="one two"', "one two"],
    ['sid="', ""],
    ["sid=", ""],
    ["sid=a=b", "a=b"],
    ["sid=s%3Aone%20", "s:one "],
    ["sid=%zz%3A", "%zz%3A"],
    ["flag; sid=one", "one"],
    ["sid; a=b", undefined],
    ["Sid=one", undefined],
    ["sid", undefined],
    ["", undefined],
    [";;;=;", undefined],
  ])("%j has the sid %j", (header, expected) => {
    expect(readCookie(header, "sid")).toBe(expected);
  });
});

describe("the sid of a request", () => {
  const good = signSid("one", "secret");
  const of = (headers: IncomingHttpHeaders, more: Partial<SessionRequest> = {}) =>
    sidOf({ headers, ...more } as SessionRequest, "sid", ["secret"]);

  it("comes from the header", () => {
    expect(of({ cookie: `sid=${encodeURIComponent(good)}` })).toBe("one");
    expect(of({ cookie: "sid=one" })).toBeUndefined();
    expect(of({})).toBeUndefined();
  });

  it("comes from what cookie-parser left, when the header has none that is good", () => {
    expect(of({}, { signedCookies: { sid: "one" } })).toBe("one");
    expect(of({ cookie: "sid=bad" }, { cookies: { sid: good } })).toBe("one");
    expect(of({}, { cookies: { sid: "one" }, signedCookies: {} })).toBeUndefined();
    expect(of({}, { cookies: { sid: `${good}x` } })).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { isSecure, pathOf } from "./requests.ts";
import type { SessionRequest } from "./types.ts";

const request = (of: object): SessionRequest => ({ headers: {}, ...of }) as SessionRequest;

describe("the path of a request", () => {
  it.each([
    ["/a/b?c=/d", "/a/b"],
    ["/a#b", "/a"],
    ["/", "/"],
    ["", "/"],
    ["?a", "/"],
    ["http://host", "/"],
    ["HTTP://user@host:80/a/b?c", "/a/b"],
    ["//host/a", "//host/a"],
    ["*", "*"],
  ])("%j is %j", (url, expected) => {
    expect(pathOf(request({ url }))).toBe(expected);
  });

  it("is the one before the application was mounted", () => {
    expect(pathOf(request({ url: "/b", originalUrl: "/a/b" }))).toBe("/a/b");
  });
});

describe("a request is secure", () => {
  const proto = (value: string, more: object = {}) =>
    request({ headers: { "x-forwarded-proto": value }, ...more });

  it("over TLS, whatever is trusted", () => {
    for (const trusted of [true, false, undefined]) {
      expect(isSecure(request({ connection: { encrypted: true } }), trusted)).toBe(true);
    }
  });

  it("by the first word of a trusted proxy", () => {
    expect(isSecure(proto("https"), true)).toBe(true);
    expect(isSecure(proto(" HTTPS , http"), true)).toBe(true);
    expect(isSecure(proto("http, https"), true)).toBe(false);
    expect(isSecure(request({ secure: true }), true)).toBe(false);
  });

  it("by Express' judgement when nothing is said, and by nobody's when proxies are not trusted", () => {
    expect(isSecure(proto("https"), undefined)).toBe(false);
    expect(isSecure(request({ secure: true }), undefined)).toBe(true);
    expect(isSecure(proto("https", { secure: true }), false)).toBe(false);
  });
});

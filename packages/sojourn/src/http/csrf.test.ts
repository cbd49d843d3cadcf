import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { csrfRules, judgeCsrf } from "./csrf.ts";
import type { CsrfOptions, CsrfRequest } from "./csrf.ts";

const OWN = "https://app.example";
const EVIL = "https://evil.example";
const rules = csrfRules({
  origins: [OWN],
  trusted: ["https://shop.example", "capacitor://localhost"],
  exempt: ["/hooks/stripe", "/webhooks/*"],
});

function judge(request: Partial<CsrfRequest>, under = rules) {
  return judgeCsrf(under, { method: "POST", path: "/notes", hasSessionCookie: true, ...request });
}

function problemsOf(options: CsrfOptions): readonly string[] {
  try {
    csrfRules(options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.path);
    throw error;
  }
  return [];
}

describe("judgeCsrf", () => {
  it("[CS-03] passes GET, HEAD and OPTIONS and no other method", () => {
    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      expect(judge({ method, secFetchSite: "cross-site" })).toEqual({
        allowed: true,
        why: "safe_method",
      });
    }
    for (const method of [
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "TRACE",
      "CONNECT",
      "get",
      "",
      undefined,
    ]) {
      expect(judge({ method, secFetchSite: "cross-site" }).allowed, method).toBe(false);
    }
  });

  it("judges an Upgrade whatever its method", () => {
    const upgrade = { method: "GET", upgrade: true };
    expect(judge({ ...upgrade, secFetchSite: "same-site", origin: EVIL }).allowed).toBe(false);
    expect(judge({ ...upgrade, origin: EVIL }).allowed).toBe(false);
    expect(judge({ ...upgrade }).allowed).toBe(false);
    expect(judge({ ...upgrade, origin: OWN }).allowed).toBe(true);
  });

  it("[CS-04] denies cross-site, same-site and every unknown Sec-Fetch-Site", () => {
    for (const secFetchSite of [
      "cross-site",
      "same-site",
      "",
      "Same-Origin",
      " same-origin",
      "x",
    ]) {
      expect(judge({ secFetchSite, origin: OWN }), secFetchSite).toMatchObject({
        allowed: false,
        check: "sec_fetch_site",
      });
    }
    expect(judge({ secFetchSite: "same-origin" })).toEqual({ allowed: true, why: "same_origin" });
    expect(judge({ secFetchSite: "none" })).toEqual({ allowed: true, why: "user_initiated" });
  });

  it("[CS-04] passes a trusted Origin before it looks at Sec-Fetch-Site", () => {
    for (const origin of ["https://shop.example", "capacitor://localhost"]) {
      for (const secFetchSite of ["cross-site", "same-site", undefined]) {
        expect(judge({ origin, secFetchSite })).toEqual({ allowed: true, why: "trusted_origin" });
      }
    }
    expect(judge({ origin: "http://shop.example", secFetchSite: "cross-site" }).allowed).toBe(
      false,
    );
    expect(judge({ origin: "https://shop.example.evil", secFetchSite: "cross-site" }).allowed).toBe(
      false,
    );
  });

  it("[CS-05] matches Origin exactly when Sec-Fetch-Site is absent", () => {
    expect(judge({ origin: OWN })).toEqual({ allowed: true, why: "configured_origin" });
    for (const origin of [
      "null",
      "",
      EVIL,
      "http://app.example",
      "https://app.example:8443",
      "https://app.example/",
      "https://app.example.",
      "HTTPS://app.example",
      "https://x.app.example",
      "https://app.example\0",
    ]) {
      expect(judge({ origin }), origin).toMatchObject({ allowed: false, check: "origin" });
      expect(judge({ origin, hasSessionCookie: false }).allowed, origin).toBe(false);
    }
  });

  it("[CS-05] denies a cookie without both headers and passes a client without a cookie", () => {
    expect(judge({})).toMatchObject({ allowed: false, check: "origin_missing" });
    expect(judge({ origin: null, secFetchSite: null }).allowed).toBe(false);
    expect(judge({ hasSessionCookie: false })).toEqual({ allowed: true, why: "no_cookie" });
  });

  it("[CS-06] passes `Origin: null` of a no-referrer form to its own origin", () => {
    expect(judge({ origin: "null", secFetchSite: "same-origin" }).allowed).toBe(true);
    expect(judge({ origin: "null", secFetchSite: "cross-site" }).allowed).toBe(false);
  });

  it("[CS-09] judges a login, which has no session cookie yet, by the same headers", () => {
    const login = { path: "/login", hasSessionCookie: false };
    expect(judge({ ...login, secFetchSite: "cross-site", origin: EVIL }).allowed).toBe(false);
    expect(judge({ ...login, origin: EVIL }).allowed).toBe(false);
  });

  it("denies two values in one header, whatever they are", () => {
    for (const origin of [`${OWN}, ${OWN}`, `${OWN},${EVIL}`, `${OWN} ${EVIL}`]) {
      expect(judge({ origin }).allowed).toBe(false);
      expect(judge({ origin, secFetchSite: "same-origin" }).allowed).toBe(false);
    }
    for (const secFetchSite of ["same-origin, same-origin", "none,cross-site"]) {
      expect(judge({ secFetchSite, origin: OWN }).allowed).toBe(false);
    }
  });

  it("[CS-10] marks denials in report-only mode and exempts listed paths", () => {
    const reporting = csrfRules({ origins: [OWN], reportOnly: true });
    expect(judge({ origin: EVIL }, reporting)).toMatchObject({ allowed: false, reportOnly: true });
    expect(judge({ origin: EVIL })).toMatchObject({ allowed: false, reportOnly: false });
    for (const path of [
      "/hooks/stripe",
      "/hooks/stripe?a=1",
      "/webhooks/x",
      "/webhooks/a/b?c=../",
    ]) {
      expect(judge({ path }), path).toEqual({ allowed: true, why: "exempt" });
    }
    for (const path of [
      "/hooks/stripe/",
      "/hooks/stripe2",
      "/Hooks/stripe",
      "/webhooks",
      "/webhooksx",
      "/webhooks/../notes",
      "/notes/webhooks/a",
      "/webhooks/%2e%2e/notes",
      "/webhooks/.",
      "/webhooks//notes",
      "/webhooks/..\\notes",
      "/webhooks/a;b",
      "/webhooks/a#b",
      "http://x/webhooks/a",
      "",
    ]) {
      expect(judge({ path }).allowed, path).toBe(false);
    }
  });

  it("[CS-11] decides the same whatever Host says", () => {
    for (const host of [undefined, "evil.example", "app.example", "localhost", "a, b"]) {
      const where = { host, encrypted: true, remoteAddress: "127.0.0.1" };
      expect(judge({ ...where, origin: EVIL }).allowed).toBe(false);
      expect(judge({ ...where, origin: "https://localhost" }).allowed).toBe(false);
      expect(judge({ ...where, origin: OWN }).allowed).toBe(true);
    }
  });

  it("says nothing of what the request sent", () => {
    for (const request of [{ origin: EVIL }, { origin: EVIL, secFetchSite: "cross-site" }, {}]) {
      expect(JSON.stringify(judge(request))).not.toContain("evil");
    }
  });

  it("is total, and allows an unsafe request only for a stated proof", () => {
    const text = fc.oneof(
      fc.constantFrom(
        OWN,
        EVIL,
        "null",
        "same-origin",
        "same-site",
        "cross-site",
        "none",
        "",
        "\r\n",
      ),
      fc.string({ unit: "binary", maxLength: 40 }),
    );
    const maybe = fc.option(text, { nil: undefined });
    fc.assert(
      fc.property(maybe, maybe, maybe, fc.boolean(), (origin, secFetchSite, host, cookie) => {
        const development = csrfRules({ origins: [OWN], development: true });
        const request = { origin, secFetchSite, host, hasSessionCookie: cookie };
        const verdict = judge({ ...request, remoteAddress: "127.0.0.1" }, development);
        const proof =
          secFetchSite === "same-origin" ||
          secFetchSite === "none" ||
          (secFetchSite === undefined && origin === OWN) ||
          (secFetchSite === undefined && origin === undefined && !cookie);
        if (verdict.allowed && verdict.why !== "loopback_origin") expect(proof).toBe(true);
        if (!verdict.allowed) expect(proof && !/[, ]/.test(origin ?? "")).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it("judges a hostile megabyte in bounded time", () => {
    const long = ",".repeat(1 << 20);
    const start = performance.now();
    judge({ origin: long, secFetchSite: long, path: `/webhooks/${long}` });
    judge({ origin: "a".repeat(1 << 20), host: "1.".repeat(1 << 19) });
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe("the request's own origin on loopback in development", () => {
  const development = csrfRules({ development: true });
  const local = {
    origin: "http://localhost:7381",
    host: "localhost:7381",
    remoteAddress: "127.0.0.1",
  };

  it("counts as configured", () => {
    expect(judge(local, development)).toEqual({ allowed: true, why: "loopback_origin" });
    for (const [origin, host, remoteAddress, encrypted] of [
      ["http://127.0.0.1:7381", "127.0.0.1:7381", "::ffff:127.0.0.1", false],
      ["http://[::1]:7381", "[::1]:7381", "::1", false],
      ["http://app.localhost", "app.localhost:80", "127.0.0.1", false],
      ["https://localhost", "localhost:443", "::1", true],
    ] as const) {
      const request = { origin, host, remoteAddress, encrypted };
      expect(judge(request, development).allowed, host).toBe(true);
    }
  });

  it("does not count outside development, from elsewhere, or for another host or port", () => {
    expect(judge(local).allowed).toBe(false);
    for (const change of [
      { remoteAddress: "192.0.2.1" },
      { remoteAddress: undefined },
      { remoteAddress: "garbage" },
      { host: undefined },
      { host: "localhost:7380" },
      { host: "localhost" },
      { host: "x\0" },
      { origin: "http://localhost:7380" },
      { origin: "null" },
      { encrypted: true },
      { host: "evil.example", origin: "http://evil.example" },
      { host: "localhost.evil.example", origin: "http://localhost.evil.example" },
      { host: "127.0.0.1.evil.example", origin: "http://127.0.0.1.evil.example" },
    ]) {
      expect(judge({ ...local, ...change }, development).allowed, JSON.stringify(change)).toBe(
        false,
      );
    }
  });
});

describe("csrfRules", () => {
  it("normalises case and default ports, as browsers serialise", () => {
    const made = csrfRules({
      origins: [
        "HTTPS://App.Example:443",
        "http://app.example:80",
        "https://app.example:8443",
        "http://[0:0::1]:80",
        "http://127.0.0.1:7380",
      ],
    });
    expect([...made.origins]).toEqual([
      "https://app.example",
      "http://app.example",
      "https://app.example:8443",
      "http://[::1]",
      "http://127.0.0.1:7380",
    ]);
  });

  it("refuses whatever is not one exact origin", () => {
    for (const origin of [
      "",
      "null",
      "*",
      "https://*.app.example",
      "app.example",
      "//app.example",
      "https://",
      "https://app.example/",
      "https://app.example/path",
      "https://app.example?q",
      "https://a@b.example",
      "https://app.example#",
      "https://app.example:0",
      "https://app.example:65536",
      "https://app.example:",
      "https://app.example:08",
      "https://münchen.example",
      "https://a b",
      "https://app..example",
      "https://-a.example",
      "https://1.2.3",
      "https://0x7f.1",
      "https://[::1",
      "https://[fe80::1%eth0]",
      "https://[::ffff:1.2.3.4]",
      "https://[1.2.3.4]",
      "ftp://app.example",
      "https://a.example,https://b.example",
      "https://app.example\r\n",
      "x".repeat(400),
      `https://${"a".repeat(290)}`,
      `https://${"a".repeat(64)}.example`,
    ]) {
      expect(problemsOf({ origins: [origin] }), origin).toEqual(["csrf.origins[0]"]);
    }
    expect(problemsOf({ trusted: ["null"] })).toEqual(["csrf.trusted[0]"]);
    expect(() => csrfRules({ trusted: ["null"] })).toThrow("every sandboxed page at once");
    expect(problemsOf({ trusted: ["chrome-extension://abcdefgh"] })).toEqual([]);
  });

  it("refuses exemptions that a router could read in another way, or of everything", () => {
    for (const path of [
      "",
      "hooks",
      "/a/../b",
      "/a//b",
      "/a%2fb",
      "/a?b",
      "/a/*/b",
      "/*",
      "/a*",
      "/a b",
    ]) {
      expect(problemsOf({ exempt: [path] }), path).toEqual(["csrf.exempt[0]"]);
    }
  });

  it("lists every problem at once", () => {
    expect(
      problemsOf({
        origins: ["*", OWN, "x"],
        trusted: ["null"],
        exempt: ["a"],
        reportOnly: "yes",
      } as unknown as CsrfOptions),
    ).toEqual([
      "csrf.origins[0]",
      "csrf.origins[2]",
      "csrf.trusted[0]",
      "csrf.exempt[0]",
      "csrf.reportOnly",
    ]);
    expect(problemsOf({ origins: OWN, trusted: [1] } as unknown as CsrfOptions)).toEqual([
      "csrf.origins",
      "csrf.trusted[0]",
    ]);
  });

  it("warns of empty origins outside development and of report-only", () => {
    expect(csrfRules({}).warnings).toHaveLength(1);
    expect(csrfRules({ development: true }).warnings).toHaveLength(0);
    expect(csrfRules({ origins: [OWN], reportOnly: true }).warnings).toHaveLength(1);
  });
});

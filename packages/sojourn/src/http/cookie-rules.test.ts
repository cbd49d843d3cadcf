import { describe, expect, it } from "vitest";
import { ConfigError } from "../engine/errors.ts";
import { cookieRules } from "./cookie-rules.ts";
import type { CookieOptions } from "./cookie-rules.ts";
import { serializeCookie } from "./cookie.ts";

type Options = Partial<CookieOptions>;

function rulesOf(options: Options) {
  return cookieRules({ production: true, loopback: false, ...options });
}

function problemsOf(options: Options): readonly string[] {
  try {
    rulesOf(options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.path);
    throw error;
  }
  return [];
}

describe("cookieRules", () => {
  it("[ID-07] names the cookie generically and lets it be renamed", () => {
    expect(rulesOf({}).name).toBe("__Host-session");
    expect(rulesOf({ name: "sid" }).name).toBe("__Host-sid");
    expect(rulesOf({ name: "__Secure-sid" }).name).toBe("__Secure-sid");
  });

  it("[CK-01] is Secure with a prefix in production, on loopback too", () => {
    for (const options of [
      {},
      { loopback: true },
      { name: "sid" },
      { sameSite: "Strict" },
    ] as const) {
      const made = rulesOf(options);
      expect(made.secure).toBe(true);
      expect(made.prefix).toBe("__Host-");
      expect(serializeCookie(made, "v")).toContain("; Secure;");
    }
  });

  it("is `session` without Secure on loopback outside production, whatever the prefix", () => {
    for (const options of [{}, { prefix: "__Host-Http-" }, { name: "__Host-session" }] as const) {
      const made = rulesOf({ ...options, production: false, loopback: true });
      expect(serializeCookie(made, "v")).toBe("session=v; Path=/; HttpOnly; SameSite=Lax");
    }
    expect(rulesOf({ production: false, loopback: false }).name).toBe("__Host-session");
    expect(rulesOf({ production: false, loopback: true, secure: true }).name).toBe(
      "__Host-session",
    );
  });

  it("stays Secure on loopback where the attributes need it", () => {
    const local = { production: false, loopback: true };
    expect(rulesOf({ ...local, partitioned: true }).secure).toBe(true);
    expect(rulesOf({ ...local, sameSite: "None", embedded: true }).secure).toBe(true);
    expect(rulesOf({ ...local, bound: true }).secure).toBe(true);
  });

  it("accepts `secure: false` outside the prefixes only, with a warning", () => {
    const made = rulesOf({ secure: false });
    expect(serializeCookie(made, "v")).toBe("session=v; Path=/; HttpOnly; SameSite=Lax");
    expect(made.warnings).toEqual([expect.stringContaining("cookie.secure is false")]);
    expect(problemsOf({ secure: false, prefix: "__Host-" })).toEqual(["cookie.secure"]);
    expect(problemsOf({ secure: false, name: "__Secure-sid" })).toEqual(["cookie.secure"]);
  });

  it("[CK-02] [CK-17] shares with subdomains only by the explicit prefix, and warns", () => {
    expect(problemsOf({ domain: "example.com" })).toEqual(["cookie.domain"]);
    expect(problemsOf({ domain: "example.com", prefix: "__Host-" })).toEqual(["cookie.domain"]);
    expect(problemsOf({ domain: "example.com", prefix: "__Host-Http-" })).toEqual([
      "cookie.domain",
    ]);
    const local = { production: false, loopback: true };
    expect(problemsOf({ domain: "example.com", ...local })).toEqual(["cookie.domain"]);
    const made = rulesOf({ domain: "Example.com", prefix: "__Secure-" });
    expect(serializeCookie(made, "v")).toBe(
      "__Secure-session=v; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax",
    );
    expect(made.warnings).toEqual([expect.stringContaining("every host under example.com")]);
  });

  it("refuses what is no domain name", () => {
    for (const domain of [
      "",
      ".example.com",
      "example.com.",
      "com",
      "a..b",
      "exa mple.com",
      "example.com:443",
      "10.0.0.1",
      "[::1]",
      "-a.example.com",
      "é.example.com",
      "a;b.com",
      `${"a".repeat(64)}.com`,
      `${"a.".repeat(126)}com`,
      "a\r\n.com",
    ]) {
      expect(problemsOf({ domain, prefix: "__Secure-" }), domain).toEqual(["cookie.domain"]);
    }
  });

  it("[CK-04] says SameSite always, and None only in a declared embed mode", () => {
    expect(problemsOf({ sameSite: "None" })).toEqual(["cookie.sameSite"]);
    expect(problemsOf({ sameSite: "None", embedded: true })).toEqual([]);
    expect(problemsOf({ sameSite: "None", embedded: true, secure: false })).toEqual([
      "cookie.secure",
    ]);
    for (const sameSite of ["Strict", "Lax"] as const) {
      expect(serializeCookie(rulesOf({ sameSite }), "v")).toContain(`; SameSite=${sameSite}`);
    }
    expect(problemsOf({ sameSite: "lax" as "Lax" })).toEqual(["cookie.sameSite"]);
  });

  it("[CK-12] embeds with Partitioned, Secure and SameSite=None together", () => {
    expect(serializeCookie(rulesOf({ partitioned: true }), "v")).toBe(
      "__Host-session=v; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    );
    expect(problemsOf({ partitioned: true, sameSite: "Lax" })).toEqual(["cookie.partitioned"]);
    expect(problemsOf({ partitioned: true, secure: false })).toEqual(["cookie.secure"]);
    expect(problemsOf({ partitioned: true, bound: true })).toEqual(["cookie.partitioned"]);
  });

  it("[CK-10] offers __Host-Http- for a cookie that is not device-bound", () => {
    expect(rulesOf({ prefix: "__Host-Http-" }).name).toBe("__Host-Http-session");
    expect(rulesOf({ name: "__Host-Http-sid" }).prefix).toBe("__Host-Http-");
  });

  it("[CK-11] refuses __Host-Http- for a device-bound cookie", () => {
    expect(problemsOf({ bound: true, prefix: "__Host-Http-" })).toEqual(["cookie.prefix"]);
    expect(problemsOf({ bound: true, name: "__Host-Http-b" })).toEqual(["cookie.prefix"]);
    expect(problemsOf({ bound: true, name: "Http-b" })).toEqual(["cookie.name"]);
    expect(rulesOf({ bound: true }).prefix).toBe("__Host-");
    expect(problemsOf({ bound: true, prefix: "__Secure-" })).toEqual([]);
  });

  it("refuses names that are no token, too long, or like a prefix", () => {
    for (const name of [
      "",
      "a b",
      "a=b",
      "a;b",
      "a\r\nb",
      "é",
      "__Host-",
      "__host-sid",
      "__SECURE-sid",
      "__Http-sid",
      "__Host-__Host-sid",
      "__Host-http-sid",
      "Http-sid",
      "x".repeat(129),
    ]) {
      expect(problemsOf({ name }), name).toEqual(["cookie.name"]);
    }
    expect(problemsOf({ name: "x".repeat(128) })).toEqual([]);
    expect(problemsOf({ name: "__Secure-sid", prefix: "__Host-" })).toEqual(["cookie.name"]);
  });

  it("lists every problem at once", () => {
    const options: Options = {
      name: "a b",
      domain: "nope",
      sameSite: "None",
      prefix: "__Host-Http-",
      bound: true,
    };
    expect(problemsOf(options)).toEqual([
      "cookie.name",
      "cookie.domain",
      "cookie.domain",
      "cookie.sameSite",
      "cookie.prefix",
    ]);
    const wild = {
      name: 1,
      domain: 2,
      secure: "no",
      partitioned: 1,
      embedded: 1,
      bound: 1,
      sameSite: 1,
      prefix: "__x-",
    };
    expect(problemsOf(wild as unknown as Options)).toHaveLength(8);
  });

  it("is frozen", () => {
    expect(Object.isFrozen(rulesOf({}))).toBe(true);
    expect(Object.isFrozen(rulesOf({}).warnings)).toBe(true);
  });
});

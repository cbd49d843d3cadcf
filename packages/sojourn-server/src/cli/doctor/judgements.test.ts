import { describe, expect, it } from "vitest";
import { checkCookieAnswers, checkSessionPage } from "./check-caches.ts";
import { checkConnection } from "./check-connection.ts";
import { checkCookie } from "./check-cookie.ts";
import { Jar, readSetCookie } from "./cookies.ts";
import type { Finding } from "./findings.ts";
import type { Answer } from "./http.ts";
import type { Plan } from "./plan.ts";
import { hiddenFields, learn, Site } from "./site.ts";

const LONG = "0123456789abcdef";
const GOOD = "Path=/; Secure; HttpOnly; SameSite=Lax";
const DAY_SECONDS = 86_400;

function siteAt(address: string, sessionCookie?: string): Site {
  const plan = { url: new URL(address), plainUrl: undefined, sessionCookie };
  return new Site(plan as unknown as Plan, () => Promise.reject(new Error("asked")));
}

function answer(more: Partial<Answer> = {}): Answer {
  return { status: 200, headers: {}, setCookies: [], body: "", elapsedMs: 1, ...more };
}

function found(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ result }) => result === "warn" || result === "fail")
    .map(({ check, result }) => `${check} ${result}`);
}

describe("a session cookie", () => {
  it.each<[string, string[]]>([
    [`__Host-session=${LONG}; ${GOOD}`, []],
    [`__Secure-session=${LONG}; Domain=app.example; ${GOOD}`, ["cookie-domain warn"]],
    [`sid=${LONG}; ${GOOD}`, ["cookie-prefix warn"]],
    [
      `__Host-sid=${LONG}; HttpOnly; SameSite=Lax; Path=/`,
      ["cookie-secure fail", "cookie-prefix fail"],
    ],
    [`__Host-sid=${LONG}; ${GOOD}; Path=/app`, ["cookie-prefix fail"]],
    [`__Host-sid=${LONG}; ${GOOD}; Domain=a.example`, ["cookie-domain warn", "cookie-prefix fail"]],
    [
      `__Host-Http-sid=${LONG}; Path=/; Secure; SameSite=Lax`,
      ["cookie-http-only fail", "cookie-prefix fail"],
    ],
    [`__Secure-sid=${LONG}; Secure; HttpOnly; SameSite=Strict`, ["cookie-path warn"]],
    [`__Host-sid=${LONG}; Path=/; Secure; HttpOnly`, ["cookie-same-site warn"]],
    [`__Host-sid=${LONG}; Path=/; Secure; HttpOnly; SameSite=Yes`, ["cookie-same-site warn"]],
    [`__Host-sid=${LONG}; Path=/; Secure; HttpOnly; SameSite=None`, ["cookie-same-site warn"]],
    [`__Host-sid=${LONG.slice(1)}; ${GOOD}`, ["cookie-value fail"]],
    [`__Host-sid=${"x".repeat(2048 - 10)}; ${GOOD}`, []],
    [`__Host-sid=${"x".repeat(2049 - 10)}; ${GOOD}`, ["cookie-size warn"]],
    [`__Host-sid=${"x".repeat(4097 - 10)}; ${GOOD}`, ["cookie-size fail"]],
    [`__Host-sid=${LONG}; ${GOOD}; Max-Age=${400 * DAY_SECONDS}`, []],
    [`__Host-sid=${LONG}; ${GOOD}; Max-Age=${401 * DAY_SECONDS}`, ["cookie-lifetime warn"]],
    [
      `__Host-sid=${LONG}; ${GOOD}; Expires=Fri, 31 Dec 9999 23:59:59 GMT`,
      ["cookie-lifetime warn"],
    ],
  ])("%s", (line, expected) => {
    const answers = [answer({ setCookies: [line] })];
    expect(found(checkCookie(siteAt("https://app.example"), readSetCookie(line), answers))).toEqual(
      expected,
    );
  });

  it("is set once in an answer", () => {
    const line = `__Host-sid=${LONG}; ${GOOD}`;
    const twice = [answer({ setCookies: [line, line] })];
    const site = siteAt("https://app.example");
    expect(found(checkCookie(site, readSetCookie(line), twice))).toEqual(["cookie-duplicate warn"]);
  });

  it("is excused from Secure and a prefix on loopback only", () => {
    const cookie = readSetCookie(`sid=${LONG}; Path=/; HttpOnly; SameSite=Lax`);
    for (const host of ["localhost:3000", "127.0.0.1", "[::1]:80"]) {
      expect(found(checkCookie(siteAt(`http://${host}`), cookie, [answer()]))).toEqual([]);
    }
    const far = checkCookie(siteAt("http://192.168.1.5"), cookie, [answer()]);
    expect(found(far)).toEqual(["cookie-secure fail", "cookie-prefix warn"]);
  });
});

describe("the session cookie among others", () => {
  const lines = [`lang=${LONG}x; Path=/`, `csrf=${LONG}yyy; HttpOnly`, `sid=${LONG}; Path=/`];
  const nameIn = (setCookies: string[], atLogin = false, named?: string) =>
    siteAt("https://app.example", named).sessionCookieOf(answer({ setCookies }), atLogin)?.name;

  it("is the named one, a known one, one hidden from scripts, or at a login any", () => {
    expect(nameIn(lines)).toBe("sid");
    expect(nameIn(lines, false, "lang")).toBe("lang");
    expect(nameIn(lines, false, "other")).toBeUndefined();
    expect(nameIn(lines.slice(0, 2))).toBe("csrf");
    expect(nameIn(lines.slice(0, 1))).toBeUndefined();
    expect(nameIn(lines.slice(0, 1), true)).toBe("lang");
    expect(nameIn(["sid=; Max-Age=0"], true)).toBeUndefined();
    expect(nameIn([`__Secure-next-auth.session-token=${LONG}`])).toMatch(/session-token$/);
  });
});

describe("a browser's cookies", () => {
  it("go where their path says, and go when they are deleted", () => {
    const jar = new Jar();
    jar.take(answer({ setCookies: ["a=1", "b=2; Path=/", "c=3; Path=/shop"] }), "/account/login");
    expect(jar.headerFor("/account/me")).toEqual({ cookie: "a=1; b=2" });
    expect(jar.headerFor("/shop/cart?x=1")).toEqual({ cookie: "b=2; c=3" });
    expect(jar.headerFor("/shopping")).toEqual({ cookie: "b=2" });
    const copy = jar.copy();
    jar.take(answer({ setCookies: ["b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] }), "/");
    expect(jar.headerFor("/")).toEqual({});
    expect(copy.get("b")).toBe("2");
  });
});

describe("the connection", () => {
  it.each<[string, Record<string, string>, string[]]>([
    ["http://app.example", {}, ["https fail"]],
    ["http://localhost:3000", {}, []],
    ["https://app.example:8443", {}, ["hsts warn"]],
    ["https://app.example:8443", { "strict-transport-security": "max-age=15552000" }, []],
    [
      "https://app.example:8443",
      { "strict-transport-security": "max-age=15551999" },
      ["hsts warn"],
    ],
    ["https://192.0.2.1:8443", {}, []],
  ])("%s with %j", async (address, headers, expected) => {
    expect(found(await checkConnection(siteAt(address), answer({ headers })))).toEqual(expected);
  });
});

describe("a page of a person", () => {
  it.each<[string, string | undefined, string | undefined]>([
    ["no-store", undefined, undefined],
    ["no-store, max-age=60", undefined, undefined],
    ["private, max-age=60", undefined, "warn"],
    ["no-cache", undefined, "warn"],
    ["max-age=0", undefined, "warn"],
    ["max-age=1", undefined, "fail"],
    ["public", undefined, "fail"],
    ["s-maxage=1", undefined, "fail"],
    ["public", "Accept, Cookie", "warn"],
  ])("with Cache-Control: %s and Vary: %s", (value, vary, result) => {
    const headers = { "cache-control": value, ...(vary === undefined ? {} : { vary }) };
    const finding = checkSessionPage(answer({ headers }));
    expect(finding.result).toBe(result ?? "pass");
    const setCookies = [`sid=${LONG}`];
    const login = checkCookieAnswers(
      [["the login", answer({ headers, setCookies })]],
      readSetCookie(setCookies[0] ?? ""),
    );
    expect(login.result === "fail").toBe(/public|s-maxage|max-age=1/.test(value));
  });
});

describe("who is signed in", () => {
  const page = (body: string, status = 200) => answer({ body, status });

  it("is told by the status, or by words that only the signed-in have", () => {
    const nobody = [page("Welcome a1", 401), page("Welcome a2", 401)];
    const byStatus = learn(nobody, [page("Hello"), page("Hello")]);
    expect([byStatus?.(page("", 200)), byStatus?.(page("", 401))]).toEqual([true, false]);
    const open = [page('{"user":null,"n":"x1"}'), page('{"user":null,"n":"x2"}')];
    const byWords = learn(open, [
      page('{"user":"alice","n":"x3"}'),
      page('{"user":"alice","n":"x4"}'),
    ]);
    expect(byWords?.(page('{"user":"alice","n":"x5"}'))).toBe(true);
    expect(byWords?.(page('{"user":null,"n":"x6"}'))).toBe(false);
    expect(byWords?.(page('{"user":null,"why":"signed out"}'))).toBe(false);
  });

  it("is not told by what changes with every answer, or not at all", () => {
    const nobody = [page("n1"), page("n2")];
    expect(learn(nobody, [page("n3"), page("n4")])).toBeUndefined();
    expect(learn(nobody, [page("n3"), page("n4", 500)])).toBeUndefined();
  });
});

describe("hidden fields", () => {
  it("are read however they are written", () => {
    const html = `<INPUT type="hidden" name="a" value="1"><input value='2' name='b' type='hidden'>
      <input type=hidden name=c value=3 /><input name="d" value="4"><input type="hidden">`;
    expect(hiddenFields(html)).toEqual([
      ["a", "1"],
      ["b", "2"],
      ["c", "3"],
    ]);
  });

  it("are looked for in linear time, whatever the page is made of", () => {
    const startedAt = performance.now();
    expect(hiddenFields("<input type=hidden name=a value=b ".repeat(30_000))).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

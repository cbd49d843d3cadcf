/** `sojourn doctor` against applications that are right, and wrong in one way each. */
import { createServer } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { CHECKS, linkOf } from "../../packages/sojourn-server/src/cli/doctor/findings.ts";
import { makeCertificate } from "../browser/support/certificate.ts";
import { listen, stopServers } from "../support/servers.ts";
import { demoFolder, startDemo } from "./demo.ts";
import { doctor, examined, skippedIn } from "./doctor-run.ts";
import type { Said } from "./doctor-run.ts";
import {
  adoptingTill,
  expressTill,
  ironTill,
  openShop,
  PASSWORD,
  sojournTill,
} from "./doctor-shop.ts";
import type { ExpressFaults, ShopOptions, Till } from "./doctor-shop.ts";

afterEach(stopServers);

const ON_LOOPBACK = ["https", "hsts", "redirect", "plain-cookie", "cookie-secure", "cookie-prefix"];

describe("an application with nothing wrong", () => {
  it("is the Corkboard demo: all pass, but for what plain HTTP on loopback cannot show", async () => {
    const folder = demoFolder();
    const demo = await startDemo(folder);
    try {
      const args = [
        "--login-path",
        "/login",
        "--field",
        "name=alice",
        "--field",
        "password=env:PW",
      ];
      const where = ["--whoami-path", "/", "--logout-path", "/logout", "--write-path", "/notes"];
      const all = [demo.url, ...args, ...where, "--write-body", "text=hello", "--json"];
      const { code, out } = await doctor(all, { PW: "correct horse" });
      const { findings } = JSON.parse(out) as { findings: Said[] };
      expect(findings.filter(({ result }) => result === "warn" || result === "fail")).toEqual([]);
      expect(skippedIn(findings).toSorted()).toEqual(
        [...ON_LOOPBACK, "logout-straggler"].toSorted(),
      );
      expect(code).toBe(0);
    } finally {
      await demo.stop();
      folder.remove();
    }
  });

  it("is Sojourn on Express, a slow write beside the logout included", async () => {
    const shop = await openShop(sojournTill(), { guard: "none" });
    const { code, found, findings } = await examined(shop, ["--slow-path", "/slow"]);
    expect([code, found]).toEqual([0, []]);
    expect(skippedIn(findings).toSorted()).toEqual(ON_LOOPBACK.toSorted());
    expect(new Set(findings.map(({ check }) => check))).toEqual(new Set(CHECKS));
  });

  it("is Sojourn by https in production: nothing is skipped", async () => {
    const tls = makeCertificate();
    const hsts = "max-age=31536000";
    const shop = await openShop(sojournTill(true), { guard: "none", hsts }, tls);
    const { url } = await listen(
      createServer((_req, res) => void res.writeHead(308, { location: shop.url }).end()),
    );
    const more = ["--insecure", "--plain-url", url, "--slow-path", "/slow"];
    const { code, found, findings } = await examined(shop, more);
    expect([code, found, skippedIn(findings)]).toEqual([0, [], []]);
    const unknown = await doctor([shop.url]);
    expect([unknown.code, unknown.err]).toEqual([3, expect.stringContaining("--insecure")]);
  });

  it("is express-session with due care: all pass", async () => {
    const { found, code, findings } = await examined(await openShop(expressTill()));
    expect([code, found]).toEqual([0, []]);
    expect(skippedIn(findings).toSorted()).toEqual([...ON_LOOPBACK, "logout-straggler"].toSorted());
  });

  it("is one whose forms carry a token: hidden fields go with its own request only", async () => {
    const till = expressTill();
    const tokens: Till = {
      ...till,
      use(app) {
        till.use(app);
        app.get("/form", (_req, res) => {
          res.send("<form><input type='hidden' value=t0ken name=_token></form>");
        });
      },
      write: async (req, res) => {
        const { _token: token } = (req.body ?? {}) as { _token?: string };
        if (token !== "t0ken") throw new Error("no token");
        await till.write(req, res);
      },
    };
    const shop = await openShop(tokens, { guard: "none" });
    const { found, findings } = await examined(shop, ["--write-page", "/form"]);
    expect(found).toEqual(["login-csrf warn"]);
    expect(skippedIn(findings)).not.toContain("csrf-sibling");
    const blind = await examined(shop);
    expect(skippedIn(blind.findings)).toContain("csrf-sibling");
  });

  it("is examined with a session handed over, as far as that goes", async () => {
    const shop = await openShop(expressTill());
    const body = new URLSearchParams({ name: "alice", password: PASSWORD });
    const headers = { "sec-fetch-site": "same-origin" };
    const answer = await fetch(`${shop.url}/login`, {
      method: "POST",
      body,
      headers,
      redirect: "manual",
    });
    const [, value = ""] =
      /connect\.sid=([^;]+)/.exec(answer.headers.getSetCookie()[0] ?? "") ?? [];
    const where = ["--whoami-path", "/me", "--write-path", "/cart", "--logout-path", "/logout"];
    const args = [shop.url, "--cookie", "connect.sid=env:SID", ...where, "--json"];
    const { code, out } = await doctor(args, { SID: value });
    expect(out).not.toContain(value);
    const { findings } = JSON.parse(out) as { findings: Said[] };
    const passed = findings.filter(({ result }) => result === "pass").map(({ check }) => check);
    expect(code).toBe(0);
    expect(passed).toEqual(expect.arrayContaining(["login", "logout-ends", "csrf-cross-site"]));
    expect(skippedIn(findings)).toEqual(expect.arrayContaining(["fixation-kept", "logout-get"]));
  });
});

describe("what is wrong in one way is found, and nothing else", () => {
  type Case = readonly [what: string, till: () => Till, options: ShopOptions, found: string[]];
  const express =
    (faults: ExpressFaults): (() => Till) =>
    () =>
      expressTill(faults);
  const cases: readonly Case[] = [
    [
      "scripts read the cookie",
      express({ cookie: { httpOnly: false } }),
      {},
      ["cookie-http-only fail"],
    ],
    ["no SameSite", express({ cookie: { sameSite: false } }), {}, ["cookie-same-site warn"]],
    [
      "None without Secure",
      express({ cookie: { sameSite: "none" } }),
      {},
      ["cookie-same-site fail"],
    ],
    [
      "a cookie of 500 days",
      express({ cookie: { maxAge: 500 * 86_400_000 } }),
      {},
      ["cookie-lifetime warn"],
    ],
    [
      "a cookie of a domain",
      express({ cookie: { domain: "localhost" } }),
      {},
      ["cookie-domain warn"],
    ],
    ["the id is kept at login", express({ keep: true, early: true }), {}, ["fixation-kept fail"]],
    [
      "any id is taken over",
      () => adoptingTill("any"),
      {},
      ["fixation-adopted fail", "fixation-revived fail"],
    ],
    ["ended ids come back", () => adoptingTill("issued"), {}, ["fixation-revived fail"]],
    ["an open login", express({}), { openLogin: true }, ["login-csrf warn"]],
    [
      "the logout is the browser's alone",
      express({ logout: "cookie-only" }),
      {},
      ["logout-ends fail"],
    ],
    ["the cookie stays", express({ logout: "session-only" }), {}, ["logout-clears warn"]],
    ["the browser's storage stays", express({}), { siteData: false }, ["logout-site-data warn"]],
    ["GET signs out", express({}), { logoutByGet: true }, ["logout-get warn"]],
    ["a session in the cookie", () => ironTill(), {}, ["logout-ends fail"]],
    ["pages may be shared", express({}), { cache: "public, max-age=60" }, ["cache-session fail"]],
    ["pages of a while", express({}), { cache: "max-age=60" }, ["cache-session fail"]],
    ["pages stay in the browser", express({}), { cache: "private" }, ["cache-session warn"]],
    ["caches are told nothing", express({}), { cache: "" }, ["cache-session warn"]],
    [
      "the cookie may be shared",
      express({}),
      { loginCache: "public, max-age=60" },
      ["cache-cookie fail"],
    ],
    [
      "siblings may write",
      express({}),
      { guard: "none" },
      ["csrf-sibling warn", "login-csrf warn"],
    ],
    [
      "other sites may write",
      express({ cookie: { sameSite: false } }),
      { guard: "none" },
      ["cookie-same-site warn", "csrf-cross-site fail", "csrf-sibling warn", "login-csrf warn"],
    ],
    ["every origin is allowed", express({}), { cors: true }, ["csrf-cors fail"]],
    ["own forms are refused", express({}), { guard: "origin" }, ["csrf-own warn"]],
  ];

  it.each(cases)("%s", async (_what, till, options, expected) => {
    const { found, code, findings } = await examined(await openShop(till(), options));
    expect(found).toEqual(expected);
    expect(code).toBe(expected.some((line) => line.endsWith("fail")) ? 1 : 0);
    for (const { result, fix, link, check } of findings) {
      expect(link).toBe(linkOf(check));
      if (result === "warn" || result === "fail") expect(fix).toMatch(/\.$/);
    }
  });

  it("names what was accepted, and only what the cookie would come along with", async () => {
    const faults = { keep: true, early: true, cookie: { sameSite: false } };
    const shop = await openShop(expressTill(faults), { guard: "none" });
    const { findings } = await examined(shop);
    const saysOf = (wanted: string) => findings.find(({ check }) => check === wanted)?.says;
    expect(saysOf("csrf-cross-site")).toBe(
      "Accepted from another site: a form, a form that is redirected.",
    );
    expect(saysOf("csrf-sibling")).toMatch(/^Accepted from a sibling host: a script, a beacon, /);
  });

  it("never moves the terminal by what the application wrote", async () => {
    const { url } = await listen(
      createServer((_req, res) => {
        res.setHeader("set-cookie", "s\u009B31m=0123456789abcdef0123; Path=/; HttpOnly");
        res.end("hello");
      }),
    );
    const { out } = await doctor([url]);
    expect(out).toMatch(/s.?·31m has no SameSite/u);
    expect(out).not.toContain("\u009B");
  });

  it("a session for every hit", async () => {
    const { url } = await listen(
      createServer((_req, res) => {
        res.setHeader(
          "set-cookie",
          "connect.sid=0123456789abcdef0123; Path=/; HttpOnly; SameSite=Lax",
        );
        res.end("hello");
      }),
    );
    const { out, code } = await doctor([url, "--json"]);
    const { findings } = JSON.parse(out) as { findings: Said[] };
    const found = findings.filter(({ result }) => result === "warn" || result === "fail");
    expect([code, found.map(({ check }) => check)]).toEqual([0, ["visitor-cookie"]]);
  });

  it("a slow write undoes the logout", async () => {
    const { found } = await examined(await openShop(ironTill()), ["--slow-path", "/slow"]);
    expect(found).toEqual(["logout-ends fail", "logout-straggler fail"]);
    const quick = await examined(await openShop(expressTill()), ["--slow-path", "/cart"]);
    expect(skippedIn(quick.findings)).toContain("logout-straggler");
  });

  it("plain HTTP beside https answers and gives a cookie", async () => {
    const tls = makeCertificate();
    const shop = await openShop(sojournTill(true), { guard: "none", hsts: "max-age=60" }, tls);
    const { url } = await listen(
      createServer((_req, res) => {
        res.setHeader("set-cookie", "__Host-session=0123456789abcdef; Path=/");
        res.end("hello");
      }),
    );
    const { found } = await examined(shop, ["--insecure", "--plain-url", url]);
    expect(found).toEqual(["hsts warn", "plain-cookie fail", "redirect fail"]);
  });
});

/** Device-bound sessions of the service: browsers that come to it, trouble, and its settings. */
import { afterEach, describe, expect, it } from "vitest";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { startRedis } from "../../tools/engines.mjs";
import { BOUND, BoundBrowser, DBSC_FIRST_MS, SESSION } from "../support/bound-browser.ts";
import type { Front } from "../support/bound-browser.ts";
import { gateway, signedIn } from "./service-gateway.ts";
import { at, folder, SECRET, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

const WELL_KNOWN = "/.well-known/device-bound-sessions";
const REGISTER = "/v1/device-bindings/register";
const REFRESH = "/v1/device-bindings/refresh";
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function start(
  env: Readonly<Record<string, string>>,
  skew = { ms: 0 },
): Promise<TestService> {
  const clock = { now: () => Date.now() + skew.ms, learn: () => undefined };
  const s = await startTestService({ env, library: { clock } });
  ends.push(() => s.service.stop());
  return s;
}

describe("a browser that comes to the service", () => {
  /** Behind a proxy that ends TLS; signing in is the back end's. */
  function proxied(s: TestService): Front & { state: Json } {
    const place: Front & { state: Json } = {
      act: undefined,
      state: {},
      handle: async (request) => {
        const { pathname, host } = new URL(request.url);
        if (pathname === "/login") {
          const body = { subject: "alice", amr: ["pwd"] };
          return signedIn(await s.api("POST", "/v1/sessions", { body }));
        }
        const visit = pathname === "/";
        const headers = {
          ...Object.fromEntries(request.headers),
          host,
          "x-forwarded-proto": "https",
        };
        const answer = await s.bare(visit ? "GET" : "POST", visit ? "/v1/session" : pathname, {
          headers,
        });
        if (visit) place.state = answer.json;
        const given = new Headers();
        for (const [name, value] of Object.entries(answer.headers)) {
          for (const one of [value].flat()) given.append(name, String(one));
        }
        given.delete("content-length");
        return new Response(answer.text === "" ? null : answer.text, {
          status: answer.status,
          headers: given,
        });
      },
    };
    return place;
  }

  it("is refused like any other site's where its request asks for an upgrade", async () => {
    const s = await start({ SOJOURN_DBSC: "true" });
    const { token } = await s.open("alice");
    const headers = { cookie: "session=", upgrade: "", authorization: `Bearer ${token}` };
    const answer = await s.bare("POST", "/dbsc/register", { headers });
    expect([answer.status, answer.headers["retry-after"]]).toEqual([403, undefined]);
  });

  it("[DB-11] binds its session there, and is locked out of it without the bound cookie", async () => {
    const skew = { ms: 0 };
    const s = await start({ SOJOURN_DBSC: "true", SOJOURN_PROXIES: "loopback" }, skew);
    const browser = new BoundBrowser(proxied(s));
    await browser.send("/login");
    expect((await browser.register()).status).toBe(200);
    skew.ms += 11_000;
    await browser.visit();
    expect(at(browser.place.state, "session.state")).toBe("active");
    browser.loseBoundCookie();
    await browser.visit();
    expect(browser.place.state).toMatchObject({
      session: { state: "locked", required: { factors: 1 } },
    });
    const cookie = `${SESSION}=${browser.jar.get(SESSION)}`;
    const headers = { cookie, "x-forwarded-proto": "https", "sec-fetch-site": "same-origin" };
    expect((await s.bare("GET", "/v1/session/data", { headers })).status).toBe(423);
    expect((await browser.refresh("")).status).toBe(403);
    const renewed = await browser.refresh();
    expect([renewed.status, renewed.headers.getSetCookie()]).toEqual([
      200,
      [expect.stringContaining(`${BOUND}=`)],
    ]);
    await browser.visit();
    expect(at(browser.place.state, "session.state")).toBe("active");
    await s.api("POST", `/v1/sessions/${browser.id}/revoke`);
    expect(await (await browser.refresh("")).json()).toMatchObject({ continue: false });
  });
});

describe("a browser without DBSC", () => {
  it("[DB-14] [DB-11] is bound to a page's key through a back end", async () => {
    const skew = { ms: 0 };
    const env = { SOJOURN_DBSC: "true", SOJOURN_DBSC_WEBCRYPTO: "true" };
    const browser = new BoundBrowser(gateway(await start(env, skew)));
    await browser.send("/login");
    skew.ms += DBSC_FIRST_MS;
    expect((await browser.ask()).status).toBe(403);
    expect(await (await browser.ask(browser.dpop())).json()).toMatchObject({ tier: "webcrypto" });
    skew.ms += 11_000;
    await browser.visit();
    expect(browser.place.verdict).toMatchObject({ state: "active" });
    browser.loseBoundCookie();
    await browser.visit();
    expect(browser.place.verdict).toMatchObject({
      state: "locked",
      unproven: { why: "missing", headers: {} },
    });
  });

  it("[DB-14] finds nothing where nobody asked for it", async () => {
    const s = await start({ SOJOURN_DBSC: "true" });
    const body = { token: "none", headers: {} };
    const { json } = await s.api("POST", "/v1/device-bindings/webcrypto", { body });
    expect(json["status"]).toBe(404);
    expect((await s.bare("POST", "/dbsc/webcrypto")).status).toBe(404);
  });
});

describe("trouble", () => {
  it("[DB-06] is 503 to the browser while the store is away, and its session lives on", async () => {
    const place = folder();
    ends.push(() => place.remove());
    const redis = await startRedis({ args: ["--appendonly", "yes"] });
    let running = true;
    ends.push(() => running && redis.stop());
    const s = await start({
      SOJOURN_DBSC: "true",
      SOJOURN_PROXIES: "loopback",
      SOJOURN_STORE: redis.url,
      SOJOURN_CONTROL: `sqlite:${place.path}/control.db`,
      SOJOURN_STORE_TIMEOUT: "500ms",
    });
    const browser = new BoundBrowser(gateway(s));
    await browser.send("/login");
    expect((await browser.register()).status).toBe(200);
    running = false;
    await redis.stop();
    const answer = await browser.refresh();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(answer.headers.getSetCookie()).toEqual([]);
    const headers = { "sec-secure-session-id": browser.id, "x-forwarded-proto": "https" };
    expect((await s.bare("POST", "/dbsc/refresh", { headers })).status).toBe(503);
    // The service says so to the back end as an answer to be passed on.
    expect(browser.place.last).toMatchObject({ status: 200, json: { status: 503 } });
  });

  it("[DB-06] is 503 and never 429 where too many come", async () => {
    const s = await start({ SOJOURN_DBSC: "true", SOJOURN_RATE_LIMIT: "1" });
    const headers = { "sec-secure-session-id": `ses_${"A".repeat(24)}` };
    const statuses = async (ask: () => Promise<{ readonly status: number }>) => {
      const answers = await Promise.all(Array.from({ length: 5 }, ask));
      return [...new Set(answers.map(({ status }) => status))].toSorted((a, b) => a - b);
    };
    expect(await statuses(() => s.api("POST", REFRESH, { body: { headers } }))).toEqual([200, 503]);
    expect(await statuses(() => s.bare("POST", "/dbsc/refresh", { headers }))).toEqual([200, 503]);
    const key = await s.key("default");
    const body = { token: "none" };
    const verify = { headers: { authorization: `Bearer ${key}` }, body };
    expect(await statuses(() => s.bare("POST", "/v1/sessions/verify", verify))).toEqual([200, 429]);
  });
});

describe("what back ends get wrong", () => {
  it("is said by name, and nothing that they sent is repeated", async () => {
    const s = await start({ SOJOURN_DBSC: "true", SOJOURN_RATE_LIMIT: "0" });
    const headers = { cookie: "secret-cookie" };
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`x-${n}`, "a"]));
    for (const [path, body, named] of [
      [REGISTER, { headers }, "token"],
      [REGISTER, { token: "sj1s_x" }, "headers"],
      [REFRESH, { headers, token: "sj1s_x" }, "token"],
      [REFRESH, { headers: many }, "at most 100 fields"],
      [REFRESH, { headers: { cookie: ["a"] } }, "headers.cookie"],
      [REFRESH, { headers: { cookie: "x".repeat(8_193) } }, "headers.cookie"],
    ] as const) {
      const answer = await s.api("POST", path, { body });
      expect([answer.status >= 400 && answer.status < 500, answer.text]).toEqual([
        true,
        expect.stringContaining(named),
      ]);
      expect(answer.text).not.toContain("secret-cookie");
    }
    const reader = { authorization: `Bearer ${await s.key("default", ["sessions:read"])}` };
    const refused = await s.bare("POST", REFRESH, { headers: reader, body: { headers } });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "sessions:write"]);
    expect(s.logs.join()).not.toContain("secret-cookie");
  });

  it("is 404 and the setting's name where sessions are bound to no device", async () => {
    const s = await start({});
    const answer = await s.api("POST", REFRESH, { body: { headers: {} } });
    expect([answer.status, answer.text]).toEqual([404, expect.stringContaining("dbsc.enabled")]);
    expect((await s.bare("POST", "/dbsc/refresh")).status).toBe(404);
    expect((await s.bare("GET", WELL_KNOWN)).status).toBe(404);
    const { json } = await s.api("POST", "/v1/sessions", { body: { subject: "a", amr: ["pwd"] } });
    expect(json).not.toHaveProperty("headers");
  });
});

describe("the settings", () => {
  const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: "memory:" };

  it("[DB-10] publish the origins that may bind the whole site", async () => {
    const s = await start({
      SOJOURN_DBSC: "true",
      SOJOURN_DBSC_PATH: "/bound",
      SOJOURN_DBSC_SITE: "https://example.com",
      SOJOURN_DBSC_ORIGINS: "https://login.example.com,https://example.com",
    });
    const { status, json } = await s.bare("GET", WELL_KNOWN);
    expect([status, json]).toEqual([
      200,
      { registering_origins: ["https://login.example.com", "https://example.com"] },
    ]);
    expect((await s.bare("POST", "/bound/refresh")).status).toBe(400);
    const { paths } = (await s.bare("GET", "/openapi.json")).json as { paths: object };
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/bound/register", WELL_KNOWN]));
  });

  it.each([
    [{ SOJOURN_DBSC_PATH: "/b" }, "dbsc.enabled: is missing, so dbsc.path would do nothing"],
    [{ SOJOURN_DBSC: "yes" }, "SOJOURN_DBSC"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_ENFORCEMENT: "deny" }, "dbsc.enforcement"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_ON_SKIPPED: "deny" }, "dbsc.onSkipped"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_COOKIE: "a b" }, "dbsc.cookieName"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_PATH: "/v1/session" }, "dbsc.path"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_PATH: "dbsc" }, "dbsc.path"],
    [{ SOJOURN_DBSC: "true", SOJOURN_DBSC_SITE: "example.com" }, "dbsc.site"],
    [
      {
        SOJOURN_DBSC: "true",
        SOJOURN_DBSC_SITE: "https://example.com",
        SOJOURN_DBSC_ORIGINS: "https://evil.test",
      },
      'such as "https://login.example.com"',
    ],
  ])("name the fix for %o", (given, named) => {
    expect(() => readConfig({ flags: {}, env: { ...env, ...given } })).toThrow(named);
  });

  it("may be turned off over a file that has them", () => {
    const off = { ...env, SOJOURN_DBSC: "false", SOJOURN_DBSC_PATH: "/b" };
    expect(readConfig({ flags: {}, env: off }).library.dbsc).toBeUndefined();
  });
});

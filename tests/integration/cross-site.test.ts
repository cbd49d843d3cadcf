import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, KINDS, notes, serve, stopServers } from "../support/servers.ts";
import type { Application, Kind } from "../support/servers.ts";
import { world } from "../support/world.ts";
import type { WorldOptions } from "../support/world.ts";

afterEach(stopServers);

const OWN = "https://app.example";
const TLS = { "x-forwarded-proto": "https" } as const;
const PRODUCTION = { production: true, proxies: ["loopback"], csrf: { origins: [OWN] } } as const;

const counting: Application = async (call) => {
  if (call.url.pathname === "/token") return { body: (await call.session.csrfToken()) ?? "none" };
  return notes(call);
};

async function start(kind: Kind, options: WorldOptions = {}) {
  const place = world({ ...PRODUCTION, ...options });
  const { url } = await serve(kind, place, counting);
  const { token } = await place.sessions.open({ subject: "alice" });
  const name = options.policy === "owasp-asvs-l3" ? "__Host-Http-session" : "__Host-session";
  return { place, url, token, cookie: { ...TLS, cookie: `${name}=${token}` } };
}

type Headers = Readonly<Record<string, string>>;

/** What a request says of where it comes from, and whether it may change something. */
const MATRIX: readonly (readonly [string, Headers, boolean])[] = [
  ["a page of the same origin", { "sec-fetch-site": "same-origin", origin: OWN }, true],
  ["a no-referrer form of its own", { "sec-fetch-site": "same-origin", origin: "null" }, true],
  ["the address bar", { "sec-fetch-site": "none" }, true],
  ["another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, false],
  [
    "a sibling subdomain",
    { "sec-fetch-site": "same-site", origin: "https://b.app.example" },
    false,
  ],
  ["a sandboxed frame", { "sec-fetch-site": "cross-site", origin: "null" }, false],
  ["a liar with the right Origin only", { "sec-fetch-site": "cross-site", origin: OWN }, false],
  ["an old browser's own page", { origin: OWN }, true],
  ["an old browser elsewhere", { origin: "https://evil.example" }, false],
  ["an old browser's null", { origin: "null" }, false],
  ["the same host by http", { origin: "http://app.example" }, false],
  ["the same host, another port", { origin: "https://app.example:8443" }, false],
  ["an origin that begins like ours", { origin: "https://app.example.evil.example" }, false],
  ["nobody says", {}, false],
  ["two values at once", { "sec-fetch-site": "same-origin, cross-site" }, false],
];

describe.each(KINDS)("cross-site requests behind %s", (kind) => {
  it.each(MATRIX)("[CS-01] [CS-04] [CS-05] [CS-06] from %s", async (_name, from, allowed) => {
    const { url, cookie, place } = await start(kind);
    const headers = { ...cookie, ...from };
    const post = await ask(`${url}/add`, { method: "POST", headers });
    expect(post.status).toBe(allowed ? 200 : 403);
    expect(place.named("session-data-changed")).toHaveLength(allowed ? 1 : 0);
    if (allowed) return;
    expect(post.headers["content-type"]).toBe("application/problem+json");
    expect(JSON.parse(post.body)).toMatchObject({ code: "csrf_failed", status: 403 });
    expect(post.cookies).toEqual([]);
    expect((await ask(url, { headers })).body).toContain("alice");
  });

  it.each(["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])(
    "[CS-02] a simple request of type %s is refused like any other",
    async (type) => {
      const { url, cookie, place } = await start(kind);
      const headers = { ...cookie, "content-type": type, origin: "https://evil.example" };
      expect((await ask(`${url}/add`, { method: "POST", headers, body: "x" })).status).toBe(403);
      expect(place.named("session-data-changed")).toEqual([]);
    },
  );

  it.each(["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])(
    "[CS-03] %s counts as unsafe",
    async (method) => {
      const { url, cookie } = await start(kind);
      // The Fetch API has no TRACE: the request cannot even be made there.
      if (kind === "fetch" && method === "TRACE") return;
      const headers = { ...cookie, "sec-fetch-site": "cross-site" };
      expect((await ask(url, { method, headers })).status).toBe(403);
    },
  );

  it("[CS-03] an Upgrade is never safe, whatever its method", async () => {
    const { url, cookie } = await start(kind);
    const headers = { ...cookie, "sec-fetch-site": "cross-site", upgrade: "websocket" };
    expect((await ask(url, { headers })).status).toBe(403);
  });

  it("[CS-09] a cross-site login is refused though no cookie came with it", async () => {
    const { url, place } = await start(kind);
    const headers = { ...TLS, "sec-fetch-site": "cross-site", origin: "https://evil.example" };
    const answer = await ask(`${url}/login?as=mallory`, { method: "POST", headers });
    expect([answer.status, answer.cookies]).toEqual([403, []]);
    expect(await place.sessions.subject("mallory").count()).toBe(0);
  });

  it("[TE-05] GET /logout changes nothing", async () => {
    const { url, cookie } = await start(kind);
    expect((await ask(`${url}/logout`, { headers: cookie })).cookies).toEqual([]);
    expect((await ask(url, { headers: cookie })).body).toContain("alice");
  });

  it("[CS-11] Host and X-Forwarded-Host never make an origin our own", async () => {
    const { url, cookie } = await start(kind);
    const headers = {
      ...cookie,
      origin: "https://evil.example",
      "x-forwarded-host": "evil.example",
      forwarded: "host=evil.example;proto=https",
    };
    const answer = await ask(`${url}/add`, { method: "POST", headers, host: "evil.example" });
    expect(answer.status).toBe(403);
    const own = { ...cookie, origin: OWN };
    const right = await ask(`${url}/add`, { method: "POST", headers: own, host: "evil.example" });
    expect(right.status).toBe(200);
  });

  it("[CS-10] lets pass in report-only mode, and varies by what it judged", async () => {
    const { url, cookie } = await start(kind, { csrf: { origins: [OWN], reportOnly: true } });
    const headers = { ...cookie, "sec-fetch-site": "cross-site" };
    expect((await ask(`${url}/add`, { method: "POST", headers })).status).toBe(200);
    const login = await ask(`${url}/login`, { method: "POST", headers });
    expect(login.headers.vary).toBe("Cookie, Sec-Fetch-Site, Origin");
  });

  it("[CS-10] exempts the paths that are listed, and none that only looks like one", async () => {
    const { url, cookie } = await start(kind, { csrf: { origins: [OWN], exempt: ["/hooks/*"] } });
    const headers = { ...cookie, "sec-fetch-site": "cross-site" };
    const status = async (path: string) =>
      (await ask(url + path, { method: "POST", headers })).status;
    expect(await status("/hooks/stripe?x=1")).toBe(200);
    for (const path of ["/hooks", "/hooksx", "/add?/hooks/", "/hooks/%2e%2e/add", "//hooks/x"]) {
      expect([path, await status(path)]).toEqual([path, 403]);
    }
  });

  it("does not stand in the way of bearers: no browser sends one by itself", async () => {
    const { url, token } = await start(kind);
    const headers = { ...TLS, authorization: `Bearer ${token}`, "sec-fetch-site": "cross-site" };
    expect((await ask(`${url}/add`, { method: "POST", headers })).status).toBe(200);
  });

  it.each(["nist-aal2", "pci-dss-4", "owasp-asvs-l3"] as const)(
    "[CS-07] %s asks for the session-bound token as well",
    async (policy) => {
      const { url, cookie } = await start(kind, { policy });
      const same = { ...cookie, "sec-fetch-site": "same-origin" };
      const post = (extra: Headers) =>
        ask(`${url}/add`, { method: "POST", headers: { ...same, ...extra } });
      const missing = await post({});
      expect([missing.status, JSON.parse(missing.body)]).toMatchObject([403, { check: "token" }]);
      const value = (await ask(`${url}/token`, { headers: cookie })).body;
      expect((await post({ "x-csrf-token": value })).status).toBe(200);
      const broken = (value.startsWith("A") ? "B" : "A") + value.slice(1);
      for (const wrong of [broken, value.slice(1), `${value}A`, "", "x".repeat(100_00)]) {
        expect((await post({ "x-csrf-token": wrong })).status).toBe(403);
      }
    },
  );

  it("[CS-08] the token is of one session, and different each time", async () => {
    const { url, cookie, place } = await start(kind, { policy: "nist-aal2" });
    const { token: other } = await place.sessions.open({ subject: "bob" });
    const bob = { ...TLS, cookie: `__Host-session=${other}` };
    const first = (await ask(`${url}/token`, { headers: cookie })).body;
    const second = (await ask(`${url}/token`, { headers: cookie })).body;
    expect(first).not.toBe(second);
    const same = { "sec-fetch-site": "same-origin" };
    const post = (headers: Headers) => ask(`${url}/add`, { method: "POST", headers });
    expect((await post({ ...cookie, ...same, "x-csrf-token": second })).status).toBe(200);
    expect((await post({ ...bob, ...same, "x-csrf-token": first })).status).toBe(403);
    const cross = { "sec-fetch-site": "cross-site", "x-csrf-token": first };
    expect((await post({ ...cookie, ...cross })).status).toBe(403);
    const inUrl = await ask(`${url}/add?_csrf=${first}`, {
      method: "POST",
      headers: { ...cookie, ...same },
    });
    expect(inUrl.status).toBe(403);
  });
});

describe("a form's own field", () => {
  it("[CS-07] carries the token through Express, whose body parser comes first", async () => {
    const { url, cookie } = await start("express5", { policy: "nist-aal2" });
    const value = (await ask(`${url}/token`, { headers: cookie })).body;
    const form = (body: string) =>
      ask(`${url}/add`, {
        method: "POST",
        body,
        headers: {
          ...cookie,
          "sec-fetch-site": "same-origin",
          "content-type": "application/x-www-form-urlencoded",
        },
      });
    expect((await form(`_csrf=${value}&note=x`)).status).toBe(200);
    expect((await form("note=x")).status).toBe(403);
    expect((await form(`_csrf=${value}&_csrf=${value}`)).status).toBe(403);
  });
});

describe("loopback in development", () => {
  it.each(KINDS)("passes the request's own origin only, behind %s", async (kind) => {
    const place = world();
    const { url } = await serve(kind, place, notes);
    const jar = new Jar();
    await jar.ask(`${url}/login`, { method: "POST" });
    const post = (origin: string) =>
      ask(`${url}/add`, { method: "POST", headers: { cookie: jar.header, origin } });
    expect((await post(url)).status).toBe(200);
    expect((await post("http://127.0.0.1:1")).status).toBe(403);
    expect((await post("https://evil.example")).status).toBe(403);
    expect((await post("null")).status).toBe(403);
  });
});

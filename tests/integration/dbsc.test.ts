/** The endpoints of device-bound sessions, over fetch and node:http, and what they answer to. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError, createSessions } from "sojourn";
import { dbscHandler, dbscMiddleware } from "sojourn/dbsc";
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import { describe, expect, it } from "vitest";
import { BOUND, BoundBrowser, boundBrowser, boundPlace, ORIGIN } from "../support/bound-browser.ts";

const MINUTE_MS = 60_000;

async function signedIn(options: Parameters<typeof boundPlace>[0] = {}): Promise<BoundBrowser> {
  const browser = new BoundBrowser(boundPlace(options));
  await browser.login();
  return browser;
}

function eventsOf({ place }: BoundBrowser, name: string): object[] {
  return place.events.filter((event) => event.name === name);
}

describe("the offer to bind", () => {
  it("[DB-01] goes out with a login over HTTPS and with nothing else", async () => {
    const browser = await signedIn();
    expect(browser.offer?.challenge).toMatch(/^[A-Za-z0-9_-]{48}$/);
    await browser.visit();
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.set("note", "a"));
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.rotate());
    expect(browser.offer).toBeDefined();
    await browser.place.clock.advanceAsync(2 * MINUTE_MS + 1);
    await browser.visit((session) => session.rotate());
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    expect(browser.offer).toBeDefined();
    await browser.register();
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    expect(browser.offer).toBeUndefined();
  });

  it("[DB-01] waits for the factor that completes a pending session", async () => {
    const browser = new BoundBrowser(boundPlace());
    await browser.visit((session) => session.login("alice", { amr: ["pwd"], pending: true }));
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    expect(browser.offer).toBeDefined();
  });

  it.each([
    ["over plain HTTP", { production: false }, "http://127.0.0.1"],
    ["where the policy binds none", { policy: { extends: "saas", binding: "off" } }, ORIGIN],
    ["where the option is missing", { dbsc: undefined }, ORIGIN],
  ] as const)("[DB-01] is not made %s", async (_where, options, origin) => {
    const place = boundPlace(options);
    place.act = (session) => session.login("alice", { amr: ["pwd"] });
    const from = { remoteAddress: "127.0.0.1" };
    const answer = await place.handle(new Request(`${origin}/`), from);
    expect(answer.headers.getSetCookie()).toHaveLength(1);
    expect(answer.headers.get("secure-session-registration")).toBeNull();
  });
});

describe("registration", () => {
  it("[DB-09] [TR-08] answers with a config that matches its cookie", async () => {
    const browser = await signedIn();
    const answer = await browser.register();
    expect(answer.status).toBe(200);
    const config = (await answer.json()) as { credentials: { attributes: string }[] };
    expect(config).toEqual({
      session_identifier: browser.id,
      refresh_url: "/dbsc/refresh",
      scope: { origin: ORIGIN, include_site: false, scope_specification: [] },
      credentials: [{ type: "cookie", name: BOUND, attributes: expect.any(String) }],
      allowed_refresh_initiators: [],
    });
    const { attributes } = config.credentials[0] ?? {};
    expect(answer.headers.getSetCookie()).toEqual([
      `${BOUND}=${browser.jar.get(BOUND)}; Max-Age=600; ${attributes}`,
    ]);
    expect(attributes).toBe("Path=/; Secure; HttpOnly; SameSite=Lax");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(eventsOf(browser, "session-bound")).toMatchObject([{ tier: "dbsc", subject: "alice" }]);
  });

  it.each(["null", "http://app.example", "https://app.example/a", "https://u@app.example"])(
    "[DB-09] names its own host where the origin sent is none of HTTPS: %s",
    async (origin) => {
      const browser = await signedIn();
      const headers = {
        "secure-session-response": browser.registration(),
        origin,
        host: "app.example",
      };
      const answer = await browser.send("/dbsc/register", headers);
      expect(await answer.json()).toMatchObject({ scope: { origin: ORIGIN } });
    },
  );

  it("[DB-05] gives a proof whose answer was lost the same answer, for two minutes", async () => {
    const browser = await signedIn();
    const proof = browser.registration();
    expect((await browser.register(proof)).status).toBe(200);
    await browser.place.clock.advanceAsync(2 * MINUTE_MS);
    expect((await browser.register(proof)).status).toBe(200);
    await browser.place.clock.advanceAsync(1);
    const answer = await browser.register(proof);
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
  });

  it.each([
    ["no proof", () => ""],
    ["another challenge", (one: BoundBrowser) => one.registration({ payload: { jti: "c0" } })],
    [
      "another authorization",
      (one: BoundBrowser) => one.registration({ payload: { authorization: one.offer?.challenge } }),
    ],
    [
      "no authorization",
      (one: BoundBrowser) => one.registration({ payload: { authorization: undefined } }),
    ],
    ["no key", (one: BoundBrowser) => one.registration({ header: { jwk: undefined } })],
    [
      "a key that did not sign",
      (one: BoundBrowser) => one.registration({ key: new BoundBrowser(one.place).pair.privateKey }),
    ],
    [
      "[DB-12] another audience",
      (one: BoundBrowser) => one.registration({ payload: { aud: `${ORIGIN}/dbsc/refresh` } }),
    ],
  ])("[DB-02] refuses %s, and says no more than 403", async (_what, proofOf) => {
    const browser = await signedIn();
    const answer = await browser.register(proofOf(browser));
    expect([answer.status, await answer.text(), answer.headers.getSetCookie()]).toEqual([
      403,
      "",
      [],
    ]);
    expect(browser.jar.has(BOUND)).toBe(false);
    expect(eventsOf(browser, "session-bound")).toEqual([]);
  });

  it("[DB-12] takes an audience that is its own address", async () => {
    const browser = await signedIn();
    const payload = { aud: `${ORIGIN}/dbsc/register` };
    expect((await browser.register(browser.registration({ payload }))).status).toBe(200);
  });

  it("[DB-01] [DB-05] is over two minutes after the login", async () => {
    const browser = await signedIn();
    const proof = browser.registration();
    await browser.place.clock.advanceAsync(2 * MINUTE_MS + 1);
    expect((await browser.register(proof)).status).toBe(403);
  });

  it("[DB-06] is 503 in an outage, at the read and at the write, and may be tried again", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await signedIn({ store });
    const proof = browser.registration();
    store.setDown(true);
    expect((await browser.register(proof)).status).toBe(503);
    store.setDown(false);
    store.fail("replace", "before");
    expect((await browser.register(proof)).status).toBe(503);
    expect((await browser.register(proof)).status).toBe(200);
  });

  it("[TR-08] answers the page that signed in, and no other site, frame or method", async () => {
    const browser = await signedIn();
    const proof = { "secure-session-response": browser.registration() };
    for (const site of ["cross-site", "same-site", "none"]) {
      const headers = { ...proof, "sec-fetch-site": site };
      expect((await browser.send("/dbsc/register", headers)).status).toBe(403);
    }
    for (const method of ["GET", "OPTIONS", "PUT"]) {
      const request = new Request(`${ORIGIN}/dbsc/refresh`, { method });
      const answer = await browser.place.handle(request);
      expect(answer.status).toBe(405);
      expect([...answer.headers.keys()].filter((name) => name.includes("allow-"))).toEqual([]);
    }
  });
});

describe("refresh", () => {
  it("[DB-03] gives a cookie for a proof by the stored key, and the same identifier", async () => {
    const browser = await boundBrowser();
    const [first, { id }] = [browser.jar.get(BOUND), browser];
    const answer = await browser.refresh();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ session_identifier: id });
    expect(browser.jar.get(BOUND)).not.toBe(first);
    expect((await browser.refresh()).status).toBe(200);
  });

  it("[DB-03] [DB-05] [DB-06] answers 403, a challenge and no cookie to all else", async () => {
    const browser = await boundBrowser();
    const stranger = await boundBrowser();
    const jwk = browser.pair.publicKey.export({ format: "jwk" });
    const used = browser.answer();
    await browser.refresh(used);
    const bad = [
      "",
      used,
      "garbage",
      browser.answer({ payload: { jti: "c1" } }),
      browser.answer({ payload: { jti: stranger.challenge } }),
      browser.answer({ payload: { jti: browser.registration() } }),
      browser.answer({ header: { jwk } }),
      browser.answer({ key: stranger.pair.privateKey }),
      browser.answer({ header: { typ: "dpop+jwt" } }),
      browser.answer({ header: { alg: "none" } }),
    ];
    for (const proof of bad) {
      const before = browser.challenge;
      const answer = await browser.refresh(proof);
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
      expect(answer.headers.get("secure-session-challenge")).toMatch(/^"[^"]+";id="ses_[^"]+"$/);
      expect(browser.challenge).not.toBe(before);
    }
    expect((await browser.refresh()).status).toBe(200);
    expect(eventsOf(browser, "proof-refused").map((event) => "why" in event && event.why)).toEqual([
      "challenge_used",
      "form",
      "challenge",
      "challenge",
      "challenge",
      "key",
      "signature",
      "form",
      "form",
    ]);
  });

  it("[DB-05] gives a new challenge for one older than five minutes", async () => {
    const browser = await boundBrowser();
    await browser.place.clock.advanceAsync(5 * MINUTE_MS + 1);
    expect((await browser.refresh()).status).toBe(403);
    expect((await browser.refresh()).status).toBe(200);
  });

  it("[DB-05] takes one challenge once, however many times at the same moment", async () => {
    const browser = await boundBrowser();
    const proof = browser.answer();
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.refresh(proof)));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array<number>(19).fill(403)]);
  });

  it("[DB-04] reads both of its headers bare and quoted", async () => {
    const browser = await boundBrowser();
    browser.id = `"${browser.id}"`;
    expect((await browser.refresh(`"${browser.answer()}"`)).status).toBe(200);
  });

  it("needs no session cookie, and is no activity", async () => {
    const browser = await boundBrowser();
    const seen = async () => (await browser.place.sessions.find(browser.id))?.seenAt;
    const before = await seen();
    browser.jar.clear();
    await browser.place.clock.advanceAsync(4 * MINUTE_MS);
    expect((await browser.refresh()).status).toBe(200);
    expect(await seen()).toBe(before);
  });

  it("[DB-06] [DB-08] is 503 in an outage, before and at the write, and nothing is used up", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await boundBrowser({ store });
    store.setDown(true);
    for (const proof of ["", browser.answer()]) {
      const answer = await browser.refresh(proof);
      expect(answer.status).toBe(503);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    store.setDown(false);
    store.fail("replace", "before");
    expect((await browser.refresh()).status).toBe(503);
    expect((await browser.refresh()).status).toBe(200);
  });

  it("[TE-11] says that an ended, unknown or unbound session is over, and sets no cookie", async () => {
    const browser = await boundBrowser();
    const unbound = await signedIn();
    await unbound.visit();
    const over = [`ses_${"A".repeat(24)}`, browser.id];
    await browser.visit((session) => session.logout());
    for (const id of over) {
      browser.id = id;
      for (const proof of ["", browser.answer()]) {
        const answer = await browser.refresh(proof);
        expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
        expect(await answer.json()).toEqual({ session_identifier: id, continue: false });
      }
    }
    const [only] = (await unbound.place.sessions.subject("alice").list()).items;
    unbound.id = `ses_${only?.id}`;
    expect(await (await unbound.refresh()).json()).toMatchObject({ continue: false });
  });

  it("[TE-11] leaves neither cookie behind at a logout", async () => {
    const browser = await boundBrowser();
    expect([...browser.jar.keys()]).toEqual(["__Host-session", BOUND]);
    await browser.visit((session) => session.logout());
    expect([...browser.jar.keys()]).toEqual([]);
  });

  it("gives no cookie that outlives the session", async () => {
    const browser = await boundBrowser({
      policy: { extends: "saas", idleMs: 30 * MINUTE_MS, absoluteMs: 30 * MINUTE_MS },
    });
    await browser.place.clock.advanceAsync(25 * MINUTE_MS);
    await browser.refresh("");
    const [line] = (await browser.refresh()).headers.getSetCookie();
    expect(line).toContain("; Max-Age=290;");
  });
});

describe("the options of device-bound sessions", () => {
  const configure = (options: object) => () =>
    createSessions({
      secrets: [randomBytes(32)],
      sweep: false,
      warn: () => undefined,
      ...options,
    });

  it.each([
    ["[CK-11] __Host-Http-", { dbsc: { cookieName: "__Host-Http-b" } }, "dbsc.cookieName"],
    ["a path with a quote", { dbsc: { path: '/a"b' } }, "dbsc.path"],
    ["a path that ends in a slash", { dbsc: { path: "/dbsc/" } }, "dbsc.path"],
    ["an unknown level", { dbsc: { enforcement: "deny" } }, "dbsc.enforcement"],
    ["an unknown reaction", { dbsc: { onSkipped: "allow" } }, "dbsc.onSkipped"],
    ["a misspelt field", { dbsc: { paths: "/a" } }, "dbsc.paths"],
    [
      "[DB-08] a header that anyone can send, for full rights",
      { dbsc: { onSkipped: "observe" } },
      "dbsc.onSkipped",
    ],
    ["the session cookie's own name", { dbsc: { cookieName: "session" } }, "dbsc.cookieName"],
    [
      "a session cookie that other hosts get",
      { dbsc: {}, cookie: { domain: "app.example", prefix: "__Secure-" } },
      "cookie.domain",
    ],
    [
      "a session cookie of embedded pages",
      { dbsc: {}, cookie: { partitioned: true } },
      "cookie.sameSite",
    ],
    [
      "[DB-07] a life below five minutes",
      { dbsc: {}, policy: { extends: "saas", boundTokenTtlMs: 299_999 } },
      "policy.boundTokenTtlMs",
    ],
  ])("refuse %s", (_what, options, path) => {
    expect(configure(options)).toThrow(ConfigError);
    expect(configure(options)).toThrow(path);
  });

  it("are missed by the endpoints at set-up, not at the first request", () => {
    const plain = configure({})();
    expect(() => dbscHandler(plain)).toThrow(ConfigError);
    expect(() => dbscMiddleware(plain)).toThrow("dbsc");
  });
});

describe("the endpoints on node:http", () => {
  it("answer their paths and leave every other to the application", async () => {
    const { sessions } = boundPlace();
    const endpoints = dbscMiddleware(sessions);
    const server = createServer((req, res) => {
      void endpoints(req, res, () => void res.end("application"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(await (await fetch(`${url}/dbsc/refreshed`)).text()).toBe("application");
      expect((await fetch(`${url}/dbsc/refresh`)).status).toBe(405);
      const headers = { "sec-secure-session-id": `ses_${"A".repeat(24)}` };
      const answer = await fetch(`${url}/dbsc/refresh?x`, { method: "POST", headers });
      expect(await answer.json()).toMatchObject({ continue: false });
    } finally {
      server.close();
    }
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SessionsOptions } from "../index.ts";
import { HOUR, leave, secretOf, visit, world } from "../../../../tests/support/world.ts";
import type { Visit, World, WorldOptions } from "../../../../tests/support/world.ts";
import { meaningOf, noticeLink, NOTICES } from "./cookie-notice.ts";
import { callerOf } from "./notice-causes.ts";

const PAGE = new URL("../../../../docs/guide/diagnostics.md", import.meta.url);
const OTHER_REASONS = ["no-cookie", "cross-site", "not-signed-in"];

/** Log in on one request and let the answer leave. */
async function login(place: World, how: Visit = {}, own: string | readonly string[] = []) {
  const exchange = await visit(place, how);
  await exchange.session.login("alice");
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  void exchange.commit({
    get: (name) => (name === "set-cookie" ? own : headers[name]),
    set: (name, value) => void (headers[name] = value),
    addCookie: (value) => void cookies.push(value),
  });
  return { headers, cookies };
}

/** What the application hears about a cookie of a login. */
async function whyNotSet(options: WorldOptions, how: Visit, own: string | readonly string[] = []) {
  const place = world(options);
  const { cookies } = await login(place, how, own);
  return place
    .named("cookie-not-set")
    .map(({ why, sent }) => ({ why, sent, left: cookies.length }));
}

const PLAIN: Visit["view"] = { encrypted: false };
const PROXIES: WorldOptions = { proxies: ["203.0.113.9"] };

describe("why a cookie is not set", () => {
  it.each<readonly [string, WorldOptions, Readonly<Record<string, string>>]>([
    ["plain-http", {}, {}],
    ["proxy-not-trusted", {}, { "x-forwarded-proto": "https" }],
    ["proxy-not-trusted", {}, { forwarded: 'for=192.0.2.1;proto="https"' }],
    ["proxy-not-trusted", {}, { "x-forwarded-ssl": "on" }],
    ["proxy-not-trusted", { proxies: ["10.0.0.0/8"] }, { "x-forwarded-proto": "https" }],
    ["plain-http", {}, { forwarded: "host=https.example" }],
    ["plain-http", PROXIES, { "x-forwarded-proto": "http" }],
    ["proxy-silent", PROXIES, {}],
    ["proxy-silent", PROXIES, { "x-forwarded-for": "192.0.2.1" }],
    ["proxy-silent", PROXIES, { forwarded: "proto=https" }],
    [
      "proxy-silent",
      { ...PROXIES, forwardedHeader: "forwarded" },
      { "x-forwarded-proto": "https" },
    ],
    ["proxy-contradicts", PROXIES, { "x-forwarded-proto": "https, http" }],
    ["proxy-contradicts", PROXIES, { "x-forwarded-proto": "http", forwarded: "proto=https" }],
  ])("is %s with %j and %j", async (why, options, headers) => {
    expect(await whyNotSet(options, { headers, view: PLAIN })).toEqual([
      { why, sent: false, left: 0 },
    ]);
  });

  it("names the peer that is no trusted proxy in development, never in production", async () => {
    for (const production of [false, true]) {
      const place = world({ production });
      const how = { headers: { "x-forwarded-proto": "https" }, view: PLAIN };
      const { headers } = await login(place, how);
      const said = headers["sojourn-notice"] ?? "";
      expect(said.includes("(peer 203.0.113.9)")).toBe(!production);
      const [event] = place.named("cookie-not-set");
      expect(event?.detail).toBe(production ? undefined : "peer 203.0.113.9");
    }
  });

  it("is bearer for clients that keep their token themselves", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    await login(place, { headers: { authorization: `Bearer ${token}` } });
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "bearer", sent: false }]);
  });

  const frame = { "sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe" };
  const none = { sameSite: "None", embedded: true } as const;
  const stored = (access: string) => ({ ...frame, "sec-fetch-storage-access": access });
  const inside = { ...stored("none"), "sec-fetch-site": "same-origin" };

  it.each<[string, SessionsOptions["cookie"], Record<string, string>, readonly string[]]>([
    ["in a frame of another site", {}, frame, ["third-party"]],
    ["by a fetch of another site", {}, { ...frame, "sec-fetch-dest": "empty" }, ["third-party"]],
    ["in a frame that stays on its own site inside another", {}, inside, ["third-party"]],
    [
      "with SameSite=None where third-party cookies are blocked",
      none,
      stored("none"),
      ["third-party"],
    ],
    ["with SameSite=None where they are allowed", none, stored("active"), []],
    ["with SameSite=None where the browser says nothing of it", none, frame, []],
    ["partitioned", { partitioned: true }, stored("none"), []],
    ["at the top of a window", {}, { ...frame, "sec-fetch-dest": "document" }, []],
    ["in a frame of its own site", {}, { ...frame, "sec-fetch-site": "same-origin" }, []],
    ["by a browser that says nothing", {}, {}, []],
  ])("is third-party: %s", async (_what, cookie, headers, expected) => {
    const found = await whyNotSet({ cookie: cookie ?? {} }, { headers });
    expect(found).toEqual(expected.map((why) => ({ why, sent: true, left: 1 })));
  });

  it("is name-taken or cookies-too-large by what the application sets itself", async () => {
    expect(await whyNotSet({}, {}, ["__Host-session=mine; Path=/"])).toMatchObject([
      { why: "name-taken", sent: true },
    ]);
    expect(await whyNotSet({}, {}, "a=1, __Host-session=mine")).toMatchObject([
      { why: "name-taken" },
    ]);
    const { length } = `__Host-session=${"x".repeat(85)}; Path=/; Secure; HttpOnly; SameSite=Lax`;
    expect(await whyNotSet({}, {}, ["x".repeat(4096 - length)])).toEqual([]);
    expect(await whyNotSet({}, {}, ["x".repeat(4097 - length)])).toMatchObject([
      { why: "cookies-too-large", sent: true },
    ]);
  });
});

describe("why a credential is not used", () => {
  /** Notices and the explanation of one visit. */
  async function unused(
    headers: Record<string, string>,
    options: WorldOptions = {},
    how: Visit = {},
  ) {
    const place = world(options);
    const exchange = await visit(place, { ...how, headers });
    const { headers: left } = leave(exchange);
    return {
      told: [...place.named("credential-ignored"), ...place.named("cookie-conflict")],
      explained: exchange.session.explain(),
      notice: left["sojourn-notice"],
      warnings: place.warnings,
    };
  }

  const token = `sj1s_${"A".repeat(80)}`;

  it.each<[string, Record<string, string>]>([
    ["conflict", { cookie: "__Host-session=a; __Host-session=b" }],
    ["name-variant", { cookie: "a=1; __host-SESSION=x" }],
    ["name-variant", { cookie: `__Host-session =${token}` }],
    ["nameless", { cookie: `=__Host-session=${token}` }],
    ["other-name", { cookie: `session=${token}` }],
    ["other-name", { cookie: `a=1; __Secure-session=${token}; b=2` }],
    ["header-too-long", { cookie: `__Host-session=${token}; a=${"x".repeat(65_536)}` }],
    ["malformed", { cookie: "__Host-session=" }],
    ["malformed", { cookie: `__Host-session="${token}"` }],
    ["malformed", { cookie: "__Host-session=s%3Aabc.def" }],
  ])("is %s for %j", async (why, headers) => {
    const { told, explained, notice } = await unused(headers);
    expect(told).toMatchObject([{ why, link: noticeLink(why) }]);
    expect(explained).toMatchObject({ state: "anonymous", reason: why, link: noticeLink(why) });
    expect(notice).toContain(`not used: ${why}`);
    expect(`${notice}${JSON.stringify([told, explained])}`).not.toMatch(/A{8}|s%3Aabc/);
  });

  it("is nothing for cookies that are none of our business", async () => {
    for (const cookie of [
      "session=their-own",
      "xsession=sj1s_",
      "a=__Host-session",
      ";;=",
      "session",
    ]) {
      const { told, explained, notice } = await unused({ cookie });
      expect([cookie, told, notice]).toEqual([cookie, [], undefined]);
      expect(explained).toMatchObject({ reason: "no-cookie" });
    }
  });

  it("tells a changed secret, an altered token and an erased session apart", async () => {
    const before = world();
    const { token: old } = await before.sessions.open({ subject: "alice" });
    const cookie = `__Host-session=${old}`;
    const changed = await unused({ cookie }, { secrets: [secretOf(2)] });
    expect(changed.explained.reason).toBe("foreign-key");
    const kept = await unused({ cookie }, { secrets: [secretOf(2), secretOf(1)] });
    expect(kept.explained.reason).toBe("no-session");
    const tenant = await unused({ cookie }, { tenant: "other" });
    expect(tenant.explained.reason).toBe("forged");
    const altered = old.slice(0, 40) + (old[40] === "A" ? "B" : "A") + old.slice(41);
    expect((await unused({ cookie: `__Host-session=${altered}` })).explained.reason).toBe("forged");
  });

  it("is bearer-disagrees when cookie and bearer are two sessions", async () => {
    const headers = { cookie: `__Host-session=${token}`, authorization: "Bearer sj1s_other" };
    const { told, explained } = await unused(headers);
    expect(told).toMatchObject([{ name: "cookie-conflict", why: "bearer-disagrees" }]);
    expect(explained.reason).toBe("bearer-disagrees");
  });

  it("is what made the request plain HTTP, for cookie and bearer", async () => {
    for (const name of ["cookie", "authorization"]) {
      const value = name === "cookie" ? `__Host-session=${token}` : `Bearer ${token}`;
      const headers = { [name]: value, "x-forwarded-proto": "https" };
      const { told, explained } = await unused(headers, {}, { view: PLAIN });
      expect(told).toMatchObject([{ name: "credential-ignored", why: "proxy-not-trusted" }]);
      expect(explained.reason).toBe("proxy-not-trusted");
    }
  });

  it("is logged once in production where it keeps everybody from signing in", async () => {
    const place = world({ production: true });
    for (const headers of [{}, {}, { "x-forwarded-proto": "https" }]) {
      await login(place, { headers, view: PLAIN });
    }
    const told = place.warnings.filter((line) => line.startsWith("cookie not set"));
    expect(told.map((line) => line.split(".")[0])).toEqual([
      "cookie not set: plain-http",
      "cookie not set: proxy-not-trusted",
    ]);
    await login(place, { headers: { authorization: "Bearer sj1" } });
    expect(place.warnings.filter((line) => line.startsWith("cookie not set"))).toEqual(told);
  });

  it("is logged once in development and in no log in production; events come each time", async () => {
    for (const production of [false, true]) {
      const place = world({ production, csrf: { origins: ["https://app.example"] } });
      place.warnings.length = 0;
      for (let hit = 0; hit < 3; hit += 1) {
        const { headers } = leave(await visit(place, { token: "nonsense" }));
        expect(headers["sojourn-notice"] === undefined).toBe(production);
      }
      expect(place.named("credential-ignored")).toHaveLength(3);
      expect(place.warnings.map((line) => line.split(".")[0])).toEqual(
        production ? [] : ["credential not used: malformed"],
      );
    }
  });
});

describe("the vocabulary", () => {
  const headings = readFileSync(PAGE, "utf8").match(/^#{2,4} .*$/gm) ?? [];

  it("has a heading in the guide for every notice, and no heading without one", () => {
    const codes = headings.filter((line) => line.startsWith("### ")).map((line) => line.slice(4));
    expect(codes.toSorted()).toEqual([...NOTICES, ...OTHER_REASONS].toSorted());
  });

  it("is said in printable ASCII, as a header needs it, each time with a fix", () => {
    for (const why of NOTICES) {
      const { says, fix } = meaningOf(why);
      expect(`${says} ${fix}`).toMatch(/^[\x20-\x7E]+$/);
      expect(says.endsWith(".") && fix.endsWith("."), why).toBe(true);
    }
  });
});

describe("the caller", () => {
  it("is the first frame outside the library; unknown where everything is one file", () => {
    const own = "file:///app/node_modules/sojourn/dist/";
    const stack = [
      "Error: too late",
      `    at Notices.tooLate (${own}sessions/notices.js:1:1)`,
      `    at SessionBody.work (${own}sessions/session-body.js:2:2)`,
      "    at save (file:///app/src/routes.js:12:34)",
      "    at file:///app/src/main.js:1:1",
    ].join("\n");
    expect(callerOf(stack)).toBe("at save (file:///app/src/routes.js:12:34)");
    expect(callerOf("Error: x\n    at a (file:///app/bundle.js:1:1)")).toBeUndefined();
    expect(callerOf(undefined)).toBeUndefined();
  });
});

describe("explain", () => {
  it("shows an active session with both deadlines", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice", amr: ["pwd"] });
    const { session: now } = await visit(place, { token });
    expect(now.explain()).toEqual({
      state: "active",
      says: "The session is active.",
      link: "sojourn/docs/concepts/standing.md#states",
      now: place.clock.now(),
      session: session.id,
      idle: { at: now.idleExpiresAt, passed: false, effect: "end" },
      absolute: { at: now.absoluteExpiresAt, passed: false, effect: "end" },
    });
  });

  it("says which deadline passed, at it and not before", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const at = session.idleExpiresAt ?? 0;
    place.clock.advance(at - place.clock.now());
    const { session: ended } = await visit(place, { token });
    expect(ended.explain()).toMatchObject({
      state: "ended",
      reason: "idle_timeout",
      endedAt: at,
      session: session.id,
      idle: { at, passed: true },
      absolute: { passed: false },
      fix: expect.stringContaining("Sign in again"),
    });
  });

  it("gives the words of a revocation, and the reason of a logout on the same request", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    await place.sessions.revoke(session.id ?? "", { cause: "lost_laptop" });
    const { session: gone } = await visit(place, { token });
    expect(gone.explain()).toMatchObject({ reason: "revoked", cause: "lost_laptop" });
    const { token: other } = await place.sessions.open({ subject: "alice" });
    const { session: leaving } = await visit(place, { token: other });
    await leaving.logout();
    expect(leaving.explain()).toMatchObject({ state: "ended", reason: "logout" });
  });

  it("says what a pending, locked or idle-locked session waits for", async () => {
    const place = world({ policy: "banking" });
    const { token } = await place.sessions.open({ subject: "alice", pending: true });
    const { session: pending } = await visit(place, { token });
    expect(pending.explain()).toMatchObject({
      state: "pending",
      fix: expect.stringMatching(/stepUp/),
    });
    const { session, token: held } = await place.sessions.open({ subject: "bob" });
    await session.lock(2);
    const { session: locked } = await visit(place, { token: held });
    expect(locked.explain()).toMatchObject({
      state: "locked",
      says: expect.stringContaining("2 factor"),
    });
  });

  it("tells idleness from a lock, where idleness locks", async () => {
    const place = world({ policy: { extends: "saas", onIdle: "lock-one-factor" } });
    const { session, token } = await place.sessions.open({ subject: "alice" });
    place.clock.advance((session.idleExpiresAt ?? 0) - place.clock.now());
    const { session: idle } = await visit(place, { token });
    expect(idle.explain()).toMatchObject({
      state: "locked",
      says: expect.stringMatching(/^Idleness/),
      idle: { passed: true, effect: "lock" },
    });
  });

  it("tells a visitor's session, a missing cookie and one that SameSite kept away apart", async () => {
    const place = world();
    const first = await visit(place);
    await first.session.set("n", 1);
    expect(first.session.explain()).toMatchObject({ state: "anonymous", reason: "not-signed-in" });
    const reasonOf = async (headers: Record<string, string>, view: Visit["view"] = {}) =>
      (await visit(place, { headers, view })).session.explain().reason;
    const cross = { "sec-fetch-site": "cross-site" };
    const link = { ...cross, "sec-fetch-dest": "document" };
    expect(await reasonOf({})).toBe("no-cookie");
    expect(await reasonOf(link)).toBe("no-cookie");
    expect(await reasonOf({ ...cross, "sec-fetch-dest": "iframe" })).toBe("cross-site");
    expect(await reasonOf({}, PLAIN)).toBe("plain-http");
    const strict = world({ cookie: { sameSite: "Strict" } });
    const clicked = await visit(strict, { headers: link });
    expect(clicked.session.explain().reason).toBe("cross-site");
  });

  it("knows the reason where no cookie can be set, too", async () => {
    const place = world();
    const { session } = await visit(place, { token: "nonsense", view: { canSetToken: false } });
    expect(session.explain()).toMatchObject({ reason: "malformed" });
  });

  it("makes the response depend on the session", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const exchange = await visit(place, { token });
    exchange.session.explain();
    expect(leave(exchange).headers["cache-control"]).toBe("no-store");
  });

  it("holds no secret, in any state", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    place.clock.advance(HOUR);
    const secret = token.slice(37, 69);
    for (let state = 0; state < 2; state += 1) {
      const { session: now } = await visit(place, { token });
      expect(JSON.stringify(now.explain())).not.toContain(secret.slice(0, 8));
      await session.logout();
    }
  });
});

/** The endpoint for browsers without DBSC, over fetch: what it asks, takes and refuses. */
import { generateKeyPairSync } from "node:crypto";
import { ConfigError, createSessions } from "sojourn";
import * as client from "sojourn-client";
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import { describe, expect, it } from "vitest";
import {
  BOUND,
  BoundBrowser,
  boundPlace,
  DBSC_FIRST_MS,
  ORIGIN,
  webcryptoBrowser,
} from "../support/bound-browser.ts";
import type { PlaceOptions } from "../support/bound-browser.ts";

const MINUTE_MS = 60_000;
const ALICE = { subject: "alice", state: "active" };
const LOCKED = { subject: null, state: "locked" };

/** Signed in, unbound, and old enough for a key. */
async function signedIn(options: PlaceOptions = {}): Promise<BoundBrowser> {
  const { dbsc, ...others } = options;
  const browser = new BoundBrowser(boundPlace({ dbsc: { webcrypto: true, ...dbsc }, ...others }));
  await browser.login();
  await browser.place.clock.advanceAsync(DBSC_FIRST_MS);
  return browser;
}

async function said(answer: Response): Promise<readonly [number, unknown]> {
  return [answer.status, JSON.parse((await answer.text()) || "null")];
}

function eventsOf({ place }: BoundBrowser, name: string): object[] {
  return place.events.filter((event) => event.name === name);
}

describe("binding to a key of Web Crypto", () => {
  it("[DB-14] asks for a proof, takes its key and gives the bound cookie of DBSC", async () => {
    const browser = await signedIn();
    const asked = await browser.ask();
    expect(await said(asked)).toEqual([403, { tier: "none" }]);
    expect(asked.headers.get("dpop-nonce")).toMatch(/^[A-Za-z0-9_-]{48}$/);
    const answer = await browser.ask(browser.dpop());
    expect(await said(answer)).toEqual([200, { tier: "webcrypto", askIn: 480 }]);
    expect(answer.headers.getSetCookie()).toEqual([
      `${BOUND}=${browser.jar.get(BOUND)}; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax`,
    ]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    });
    expect(eventsOf(browser, "session-bound")).toMatchObject([
      { tier: "webcrypto", subject: "alice" },
    ]);
    expect(eventsOf(browser, "proof-refused")).toEqual([]);
    await browser.place.clock.advanceAsync(10_000);
    expect(await browser.visit()).toMatchObject(ALICE);
    browser.loseBoundCookie();
    expect(await browser.visit()).toMatchObject(LOCKED);
  });

  it("[DB-14] [DB-11] lets a browser that has DBSC go first, and leaves the session to it", async () => {
    const browser = new BoundBrowser(boundPlace({ dbsc: { webcrypto: true } }));
    await browser.login();
    const registration = browser.registration();
    await browser.place.clock.advanceAsync(DBSC_FIRST_MS - 1);
    expect(await said(await browser.ask())).toEqual([200, { tier: "none", askIn: 1 }]);
    const early = await browser.ask(browser.dpop());
    expect(await said(early)).toEqual([200, { tier: "none", askIn: 1 }]);
    await browser.place.clock.advanceAsync(1);
    expect((await browser.ask()).status).toBe(403);
    const late = browser.dpop();
    await browser.register(registration);
    expect(await said(await browser.ask(late))).toEqual([200, { tier: "dbsc" }]);
    expect(eventsOf(browser, "session-bound")).toMatchObject([{ tier: "dbsc" }]);
  });

  it("[DB-14] [DB-11] takes no key where DBSC was faster by a moment", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await signedIn({ store });
    const other = new BoundBrowser(browser.place);
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    other.offer = browser.offer;
    for (const [name, value] of browser.jar) other.jar.set(name, value);
    await browser.place.clock.advanceAsync(DBSC_FIRST_MS);
    await browser.ask();
    store.before("replace", async () => void (await other.register()));
    const answer = await browser.ask(browser.dpop());
    expect(await said(answer)).toEqual([200, { tier: "dbsc" }]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it("[DB-14] [DB-11] rises to DBSC with an authentication of its own, and not before", async () => {
    const browser = await webcryptoBrowser();
    const key = new BoundBrowser(browser.place).pair;
    const jwk = key.publicKey.export({ format: "jwk" });
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.rotate());
    expect(browser.offer).toBeUndefined();
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    const registration = browser.registration({ header: { jwk }, key: key.privateKey });
    expect((await browser.register(registration)).status).toBe(200);
    expect(await said(await browser.ask())).toEqual([200, { tier: "dbsc" }]);
  });

  it.each([
    ["nobody", undefined, false],
    ["a visitor who never signed in", undefined, true],
    ["a policy that binds none", { policy: { extends: "saas", binding: "off" } }, true],
  ] as const)("[DB-14] asks nothing of %s", async (_who, options, visits) => {
    const browser =
      options === undefined
        ? new BoundBrowser(boundPlace({ dbsc: { webcrypto: true } }))
        : await signedIn(options);
    if (visits) await browser.visit((session) => session.set("note", "a"));
    expect(await said(await browser.ask())).toEqual([200, { tier: "none" }]);
  });

  it("[DB-01] [DB-14] is over two minutes after the login, whatever was asked before", async () => {
    const browser = await signedIn();
    await browser.place.clock.advanceAsync(2 * MINUTE_MS - DBSC_FIRST_MS);
    await browser.ask();
    const inTime = browser.dpop();
    await browser.place.clock.advanceAsync(1);
    expect(await said(await browser.ask(inTime))).toEqual([200, { tier: "none" }]);
    expect(await said(await browser.ask())).toEqual([200, { tier: "none" }]);
    // With another authentication the question is asked anew, too.
    await browser.place.clock.advanceAsync(2 * MINUTE_MS);
    await browser.visit((session) => session.stepUp({ amr: ["otp"] }));
    await browser.place.clock.advanceAsync(DBSC_FIRST_MS);
    expect(await said(await browser.ask(inTime))).toEqual([403, { tier: "none" }]);
    expect((await browser.ask(browser.dpop())).status).toBe(200);
  });

  it.each([
    ["no proof", (): string => "x"],
    ["a challenge that is made up", (one: BoundBrowser) => one.dpop({ payload: { nonce: "c0" } })],
    ["no challenge", (one: BoundBrowser) => one.dpop({ payload: { nonce: undefined } })],
    ["another address", (one: BoundBrowser) => one.dpop({ payload: { htu: `${ORIGIN}/me` } })],
    [
      "another origin",
      (one: BoundBrowser) => one.dpop({ payload: { htu: "https://evil.example/dbsc/webcrypto" } }),
    ],
    ["another method", (one: BoundBrowser) => one.dpop({ payload: { htm: "GET" } })],
    ["no name", (one: BoundBrowser) => one.dpop({ payload: { jti: undefined } })],
    ["no instant", (one: BoundBrowser) => one.dpop({ payload: { iat: undefined } })],
    ["a proof of DBSC", (one: BoundBrowser) => one.dpop({ header: { typ: "dbsc+jwt" } })],
    ["alg none", (one: BoundBrowser) => one.dpop({ header: { alg: "none" } })],
    ["HS256", (one: BoundBrowser) => one.dpop({ header: { alg: "HS256" } })],
    ["no key", (one: BoundBrowser) => one.dpop({ header: { jwk: undefined } })],
    [
      "a private key",
      (one: BoundBrowser) =>
        one.dpop({ header: { jwk: one.pair.privateKey.export({ format: "jwk" }) } }),
    ],
    [
      "a key of another curve",
      (one: BoundBrowser) => {
        const pair = generateKeyPairSync("ec", { namedCurve: "P-384" });
        return one.dpop({ header: { jwk: pair.publicKey.export({ format: "jwk" }) } });
      },
    ],
    [
      "a key that did not sign",
      (one: BoundBrowser) => one.dpop({ key: new BoundBrowser(one.place).pair.privateKey }),
    ],
    ["two proofs", (one: BoundBrowser) => `${one.dpop()}, ${one.dpop()}`],
    ["5 kB", (one: BoundBrowser) => one.dpop({ payload: { more: "a".repeat(4_000) } })],
  ])("[DB-14] [DB-02] refuses %s, and says no more than the next challenge", async (_what, of) => {
    for (const bound of [false, true]) {
      const browser = bound ? await webcryptoBrowser() : await signedIn();
      browser.loseBoundCookie();
      await browser.ask();
      const answer = await browser.ask(of(browser));
      expect(await said(answer)).toEqual([403, { tier: bound ? "webcrypto" : "none" }]);
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(eventsOf(browser, "session-bound")).toHaveLength(bound ? 1 : 0);
      expect(eventsOf(browser, "proof-refused")).toMatchObject([
        { stage: bound ? "refresh" : "register" },
      ]);
      // Nothing is lost: the next right proof counts.
      expect((await browser.ask(browser.dpop())).status).toBe(200);
    }
  });

  it("[ID-03] decides nothing in the page, and believes none of its clock", async () => {
    expect(Object.keys(client)).toEqual(["createClient"]);
    const [day, year] = [24 * 60 * MINUTE_MS, 365 * 24 * 60 * MINUTE_MS];
    const outcomes = [-50 * year, -day, 0, day, 50 * year].map(async (offMs) => {
      const browser = await signedIn();
      await browser.ask();
      const at = browser.place.clock.now() + offMs;
      const answer = await browser.ask(browser.dpop({ payload: { iat: Math.floor(at / 1000) } }));
      const setCookie = answer.headers
        .getSetCookie()
        .join()
        .replace(/=[^;]+/, "");
      await browser.place.clock.advanceAsync(10 * MINUTE_MS);
      return [await said(answer), setCookie, await browser.visit()];
    });
    const all = await Promise.all(outcomes);
    expect(all.map(([first]) => first)).toEqual(
      all.map(() => [200, { tier: "webcrypto", askIn: 480 }]),
    );
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1);
  });

  it("[DB-14] [TR-08] answers pages of its own origin over HTTPS, by POST", async () => {
    const browser = await signedIn();
    for (const site of ["cross-site", "same-site", "none"]) {
      const answer = await browser.ask(undefined, { "sec-fetch-site": site });
      expect([answer.status, answer.headers.get("dpop-nonce")]).toEqual([403, null]);
    }
    // Over plain HTTP the bound cookie would not be kept, and its owner be locked out.
    for (const origin of ["http://localhost:3000", "null", ""]) {
      const answer = await browser.ask(undefined, { origin });
      expect([answer.status, answer.headers.get("dpop-nonce")]).toEqual([403, null]);
    }
    const got = await browser.place.handle(new Request(`${ORIGIN}/dbsc/webcrypto`));
    expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("is there where it was asked for, and nowhere else", async () => {
    const plain = new BoundBrowser(boundPlace());
    await plain.login();
    expect(await (await plain.ask()).json()).toMatchObject({ subject: "alice" });
    const wrong = { dbsc: { webcrypto: "yes" as never } };
    expect(() => createSessions({ secrets: ["A".repeat(43)], ...wrong })).toThrow(ConfigError);
  });
});

describe("renewing with a key of Web Crypto", () => {
  it("[DB-14] says that nothing is due while the cookie has two minutes to live", async () => {
    const browser = await webcryptoBrowser();
    await browser.place.clock.advanceAsync(8 * MINUTE_MS - 10_001);
    expect(await said(await browser.ask())).toEqual([200, { tier: "webcrypto", askIn: 1 }]);
    await browser.place.clock.advanceAsync(1);
    expect(await said(await browser.ask())).toEqual([403, { tier: "webcrypto" }]);
    const answer = await browser.ask(browser.dpop());
    expect(await said(answer)).toEqual([200, { tier: "webcrypto", askIn: 480 }]);
    await browser.place.clock.advanceAsync(9 * MINUTE_MS);
    expect(await browser.visit()).toMatchObject(ALICE);
  });

  it("[DB-14] asks for no proof once the cookie lives as long as the session", async () => {
    const policy = { extends: "saas", idleMs: 12 * MINUTE_MS, absoluteMs: 12 * MINUTE_MS } as const;
    const browser = await webcryptoBrowser({ policy });
    await browser.place.clock.advanceAsync(9 * MINUTE_MS - 15_000);
    await browser.ask();
    const last = await browser.ask(browser.dpop());
    expect(await said(last)).toEqual([200, { tier: "webcrypto", askIn: 180 }]);
    await browser.place.clock.advanceAsync(2 * MINUTE_MS);
    expect(await said(await browser.ask())).toEqual([200, { tier: "webcrypto", askIn: 60 }]);
    await browser.place.clock.advanceAsync(MINUTE_MS);
    expect(await said(await browser.ask())).toEqual([200, { tier: "none" }]);
  });

  it("[DB-14] [DB-05] takes a challenge once, for five minutes, of this session and key", async () => {
    const browser = await webcryptoBrowser();
    browser.loseBoundCookie();
    await browser.ask();
    const proof = browser.dpop();
    expect((await browser.ask(proof)).status).toBe(200);
    browser.loseBoundCookie();
    expect((await browser.ask(proof)).status).toBe(403);
    expect(eventsOf(browser, "proof-refused")).toMatchObject([{ why: "challenge_used" }]);
    const old = browser.dpop();
    await browser.place.clock.advanceAsync(5 * MINUTE_MS + 1);
    expect((await browser.ask(old)).status).toBe(403);
    const other = await webcryptoBrowser();
    other.loseBoundCookie();
    await other.ask();
    const foreign = browser.dpop({ payload: { nonce: other.nonce } });
    expect((await browser.ask(foreign)).status).toBe(403);
    expect(browser.jar.has(BOUND)).toBe(false);
  });

  it("[DB-14] [DB-03] judges by the stored key, whatever key a proof brings", async () => {
    const browser = await webcryptoBrowser();
    const thief = new BoundBrowser(browser.place);
    for (const [name, value] of browser.jar) thief.jar.set(name, value);
    thief.loseBoundCookie();
    for (let round = 0; round < 3; round += 1) {
      const answer = await thief.ask(thief.dpop());
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    }
    expect(eventsOf(browser, "proof-refused").at(-1)).toMatchObject({ why: "signature" });
    // The owner's key in the header does not help who cannot sign with it.
    const jwk = browser.pair.publicKey.export({ format: "jwk" });
    expect((await thief.ask(thief.dpop({ header: { jwk } }))).status).toBe(403);
    expect(await thief.visit()).toMatchObject(LOCKED);
    expect(await browser.visit()).toMatchObject(ALICE);
  });

  it("[DB-14] [TE-11] ends with the session: the state goes first, and no cookie leaves", async () => {
    const browser = await webcryptoBrowser();
    const jar = new Map(browser.jar);
    await browser.ask();
    await browser.visit((session) => session.logout());
    expect(browser.jar.size).toBe(0);
    for (const [name, value] of jar) browser.jar.set(name, value);
    browser.loseBoundCookie();
    for (const proof of [undefined, browser.dpop()]) {
      const answer = await browser.ask(proof);
      expect(await said(answer)).toEqual([200, { tier: "none" }]);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });

  it("[DB-14] [TE-11] gives no cookie to a proof that a logout overtook", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await webcryptoBrowser({ store });
    browser.loseBoundCookie();
    await browser.ask();
    const { sessions } = browser.place;
    store.before("replace", async () => void (await sessions.subject("alice").revokeAll()));
    const answer = await browser.ask(browser.dpop());
    expect(await said(answer)).toEqual([200, { tier: "none" }]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it("[DB-14] [DB-06] answers an outage with 503 and never with the end of the session", async () => {
    const store = new FaultyStore(new MemoryStore());
    const browser = await webcryptoBrowser({ store });
    browser.loseBoundCookie();
    await browser.ask();
    store.setDown(true);
    for (const proof of [undefined, browser.dpop()]) {
      const answer = await browser.ask(proof);
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    }
    store.setDown(false);
    await browser.ask();
    expect((await browser.ask(browser.dpop())).status).toBe(200);
    expect(await browser.visit()).toMatchObject(ALICE);
  });

  it("[DB-14] is no activity, and raises no alarm because the cookie was over", async () => {
    const browser = await webcryptoBrowser();
    const before = await seenAt(browser);
    await browser.place.clock.advanceAsync(20 * MINUTE_MS);
    await browser.ask();
    expect((await browser.ask(browser.dpop())).status).toBe(200);
    expect(await seenAt(browser)).toBe(before);
    expect(eventsOf(browser, "binding-unproven")).toEqual([]);
  });

  it("[DB-14] [DB-11] follows the policy where the key is lost: step-up, and bound anew", async () => {
    const browser = await webcryptoBrowser();
    const before = browser.jar.get(BOUND) ?? "";
    browser.loseBoundCookie();
    const anew = new BoundBrowser(browser.place);
    for (const [name, value] of browser.jar) anew.jar.set(name, value);
    expect(await anew.visit()).toMatchObject(LOCKED);
    await anew.visit((session) => session.stepUp({ amr: ["pwd"] }));
    await anew.place.clock.advanceAsync(DBSC_FIRST_MS);
    await anew.ask();
    expect((await anew.ask(anew.dpop())).status).toBe(200);
    await anew.place.clock.advanceAsync(10_000);
    expect(await anew.visit()).toMatchObject(ALICE);
    anew.loseBoundCookie();
    expect(await anew.visit()).toMatchObject(LOCKED);
    // The cookie of the key before has minutes to live, and is worth nothing.
    anew.jar.set(BOUND, before);
    expect(await anew.visit()).toMatchObject(LOCKED);
  });
});

async function seenAt({ place }: BoundBrowser): Promise<number | undefined> {
  return (await place.sessions.subject("alice").list()).items[0]?.seenAt;
}

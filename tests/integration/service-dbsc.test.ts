/** Device-bound sessions through the service: a back end hands on what its browsers send. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BOUND, BoundBrowser, ORIGIN, SESSION } from "../support/bound-browser.ts";
import { gateway } from "./service-gateway.ts";
import type { Gateway } from "./service-gateway.ts";
import { at, folder, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";
import { postgres, redis } from "./service-machines-harness.ts";
import type { Shared } from "./service-machines-harness.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

async function sqlite(): Promise<Shared> {
  const place = folder();
  const env = { SOJOURN_STORE: `sqlite:${place.path}/sessions.db` };
  return { env, stop: async () => place.remove() };
}

describe.each([
  ["SQLite", sqlite],
  ["Redis", redis],
  ["PostgreSQL", postgres],
] as const)("device-bound sessions through the service on %s", (_name, start) => {
  let shared: Shared;
  let s: TestService;
  let skewMs = 0;

  beforeAll(async () => {
    shared = await start();
    const env = { SOJOURN_DBSC: "true", SOJOURN_RATE_LIMIT: "0", ...shared.env };
    const clock = { now: () => Date.now() + skewMs, learn: () => undefined };
    s = await startTestService({ env, library: { clock } });
  }, 60_000);

  afterAll(async () => {
    await s.service.stop();
    await shared.stop();
  });

  async function signedIn(): Promise<BoundBrowser<Gateway>> {
    const browser = new BoundBrowser(gateway(s));
    expect((await browser.send("/login")).status).toBe(200);
    return browser;
  }

  async function bound(): Promise<BoundBrowser<Gateway>> {
    const browser = await signedIn();
    expect((await browser.register()).status).toBe(200);
    skewMs += 11 * SECOND_MS;
    return browser;
  }

  const stateOf = async (browser: BoundBrowser<Gateway>): Promise<unknown> => {
    await browser.visit();
    return browser.place.verdict["state"];
  };

  it("[DB-01] [DB-09] [DB-03] are offered at the login, bound once, and renewed", async () => {
    const browser = await signedIn();
    expect(browser.offer?.challenge).toMatch(/^[A-Za-z0-9_-]{48}$/);
    const answer = await browser.register();
    expect(await answer.json()).toEqual({
      session_identifier: browser.id,
      refresh_url: "/dbsc/refresh",
      scope: { origin: ORIGIN, include_site: false, scope_specification: [] },
      credentials: [{ type: "cookie", name: BOUND, attributes: expect.any(String) }],
      allowed_refresh_initiators: [],
    });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    skewMs += 11 * SECOND_MS;
    const before = browser.jar.get(BOUND);
    expect(await stateOf(browser)).toBe("active");
    expect((await browser.refresh()).status).toBe(200);
    expect(browser.jar.get(BOUND)).not.toBe(before);
    expect(await stateOf(browser)).toBe("active");
    // Nobody binds it to another key.
    const thief = new BoundBrowser(gateway(s));
    for (const [name, value] of browser.jar) thief.jar.set(name, value);
    thief.offer = browser.offer;
    expect((await thief.register()).status).toBe(403);
  });

  it("[DB-11] refuse a stolen cookie jar once the bound time is over, and no owner", async () => {
    const owner = await bound();
    const thief = new BoundBrowser(gateway(s));
    for (const [name, value] of owner.jar) thief.jar.set(name, value);
    thief.id = owner.id;
    // Both cookies were copied: until the shorter one ends they are as good as the original.
    expect(await stateOf(thief)).toBe("active");
    skewMs += 10 * MINUTE_MS;
    expect(await stateOf(thief)).toBe("locked");
    expect(thief.place.verdict).toMatchObject({
      session: { subject: "alice", state: "locked", required: { factors: 1 } },
      unproven: { why: "expired", enforcement: "step-up" },
    });
    expect(at(thief.place.verdict, "session.data")).toBeUndefined();
    // The verdict brought a challenge that the thief has no key for, and the owner has.
    expect((await thief.refresh()).status).toBe(403);
    expect(thief.jar.get(BOUND)).not.toBe(undefined);
    expect(await stateOf(thief)).toBe("locked");
    expect(await stateOf(owner)).toBe("locked");
    expect((await owner.refresh()).status).toBe(200);
    expect(await stateOf(owner)).toBe("active");
    thief.loseBoundCookie();
    expect(await stateOf(thief)).toBe("locked");
    expect(thief.place.verdict).toMatchObject({ unproven: { why: "missing" } });
  });

  it("[DB-03] [DB-05] answer a refresh without a good proof with 403 and a challenge", async () => {
    const browser = await bound();
    const used = browser.answer();
    expect((await browser.refresh(used)).status).toBe(200);
    for (const proof of ["", used, "garbage", browser.answer({ payload: { jti: "c1" } })]) {
      const before = browser.challenge;
      const answer = await browser.refresh(proof);
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
      expect(browser.challenge).not.toBe(before);
    }
    expect((await browser.refresh()).status).toBe(200);
  });

  it("[TE-11] are over once the service has ended them: no cookie, continue: false", async () => {
    const browser = await bound();
    expect((await s.api("POST", `/v1/sessions/${browser.id}/revoke`)).status).toBe(200);
    for (const proof of ["", browser.answer()]) {
      const answer = await browser.refresh(proof);
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
      expect(await answer.json()).toEqual({ session_identifier: browser.id, continue: false });
    }
    expect(await stateOf(browser)).toBe("ended");
  });

  it("[DB-11] take a factor in place of the device, and may be bound anew", async () => {
    const browser = await bound();
    browser.loseBoundCookie();
    expect(await stateOf(browser)).toBe("locked");
    const old = browser.jar.get(SESSION);
    const body = { amr: ["otp"], unproven: true };
    const { json } = await s.api("POST", `/v1/sessions/${browser.id}/step-up`, { body });
    expect(at(json, "headers.secure-session-registration")).toMatch(/^\(ES256 RS256\);path=/);
    browser.jar.set(SESSION, String(json["token"]));
    expect(await stateOf(browser)).toBe("active");
    // Whoever has the old token is out, with whatever bound cookie.
    browser.jar.set(SESSION, old ?? "");
    expect(await stateOf(browser)).toBe("ended");
  });

  it("are another tenant's to nobody", async () => {
    const browser = await bound();
    const key = await s.key("other");
    const authorization = { authorization: `Bearer ${key}` };
    const headers = {
      "sec-secure-session-id": browser.id,
      "secure-session-response": browser.answer(),
    };
    const { json } = await s.bare("POST", "/v1/device-bindings/refresh", {
      headers: authorization,
      body: { headers },
    });
    expect(JSON.parse(String(json["body"]))).toMatchObject({ continue: false });
    expect((await browser.refresh()).status).toBe(200);
  });

  it("are judged one by one: a batch of tokens has no bound cookies", async () => {
    const browser = await bound();
    const tokens = [browser.jar.get(SESSION) ?? ""];
    const ask = (body: Json) => s.api("POST", "/v1/sessions/verify", { body });
    const { json } = await ask({ tokens });
    expect(json["results"]).toMatchObject([{ state: "locked", unproven: { why: "missing" } }]);
    const both = await ask({ tokens, boundCookie: browser.jar.get(BOUND) });
    expect([both.status, both.text]).toEqual([400, expect.stringContaining("boundCookie")]);
  });
});

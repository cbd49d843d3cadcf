/** A whole site bound to the device, and browsers that come to somebody else. */
import { randomBytes } from "node:crypto";
import { ConfigError, createSessions } from "sojourn";
import { dbscHandler, deviceBindings } from "sojourn/dbsc";
import { describe, expect, it } from "vitest";
import { BoundBrowser, boundPlace, ORIGIN } from "../support/bound-browser.ts";

const SITE = "https://example.test";
const WELL_KNOWN = "/.well-known/device-bound-sessions";
const MINUTE_MS = 60_000;

function configure(dbsc: object) {
  const secrets = [randomBytes(32)];
  return createSessions({ secrets, sweep: false, warn: () => undefined, dbsc });
}

describe("the settings of a whole site", () => {
  it.each([
    ["an origin of another site", ["https://login.other.test"], "https://login.other.test"],
    ["an origin that only ends alike", ["https://badexample.test"], "https://badexample.test"],
    ["plain HTTP", ["http://login.example.test"], "http://login.example.test"],
    ["an origin with a path", ["https://login.example.test/a"], "/a"],
    ["an origin with a slash", ["https://login.example.test/"], "test/"],
    ["something that is no text", [5], "5"],
    ["no list", SITE, "takes a list of origins"],
  ])("[DB-10] refuse %s, and say which are accepted", (_what, registeringOrigins, named) => {
    const wrong = () => configure({ site: SITE, registeringOrigins });
    expect(wrong).toThrow(ConfigError);
    expect(wrong).toThrow("dbsc.registeringOrigins");
    expect(wrong).toThrow(named);
  });

  it.each([
    "example.test",
    "http://example.test",
    "https://localhost",
    `${SITE}/`,
    5,
    "https://1.2.3.4",
  ])("[DB-10] refuse %s as a site", (site) => {
    expect(() => configure({ site })).toThrow("dbsc.site");
  });

  it("[DB-10] refuse origins without a site", () => {
    const wrong = () => configure({ registeringOrigins: ["https://login.example.test"] });
    expect(wrong).toThrow("counts only with dbsc.site");
  });
});

describe("the well-known address", () => {
  const ask = async (dbsc: object, method = "GET") => {
    const request = new Request(SITE + WELL_KNOWN, { method });
    const answer = await dbscHandler(configure(dbsc))(request);
    return answer && [answer.status, answer.headers.get("content-type"), await answer.text()];
  };

  it("[DB-10] names the origins that may bind the whole site", async () => {
    const registeringOrigins = [SITE, "https://login.example.test"];
    const json = JSON.stringify({ registering_origins: registeringOrigins });
    const site = { site: SITE, registeringOrigins };
    expect(await ask(site)).toEqual([200, "application/json", json]);
    expect(await ask(site, "HEAD")).toEqual([200, "application/json", ""]);
  });

  it("[DB-10] is the application's own where one origin is bound, and for other methods", async () => {
    expect(await ask({})).toBeUndefined();
    expect(await ask({ site: SITE }, "POST")).toBeUndefined();
  });
});

describe("a registration for a whole site", () => {
  const site = (registeringOrigins: readonly string[]) =>
    boundPlace({ dbsc: { site: "https://app.example", registeringOrigins } });

  it("[DB-10] is of the site's own origin, with a cookie that all of its hosts get", async () => {
    const browser = new BoundBrowser(site([]));
    await browser.login();
    const answer = await browser.register();
    expect(await answer.json()).toMatchObject({
      scope: { origin: ORIGIN, include_site: true },
      credentials: [
        {
          name: "__Secure-session-bound",
          attributes: "Path=/; Domain=app.example; Secure; HttpOnly; SameSite=Lax",
        },
      ],
    });
  });

  it("[DB-10] is refused elsewhere: the browser would not bind, the session would be nobody's", async () => {
    for (const [origin, status] of [
      ["https://login.app.example", 200],
      ["https://shop.app.example", 403],
    ] as const) {
      const place = site(["https://login.app.example"]);
      const browser = new BoundBrowser(place);
      await browser.login();
      const headers = { "secure-session-response": browser.registration(), origin };
      expect((await browser.send("/dbsc/register", headers)).status).toBe(status);
      const refused = place.events.filter(({ name }) => name === "proof-refused");
      expect(refused).toMatchObject(status === 200 ? [] : [{ why: "origin" }]);
    }
  });
});

describe("browsers that come to somebody else", () => {
  it("are served by the header fields that they sent, in any case", async () => {
    const browser = new BoundBrowser(boundPlace());
    const { sessions, clock } = browser.place;
    const bindings = deviceBindings(sessions);
    const { session, token } = await sessions.open({ subject: "alice", amr: ["pwd"] });
    const offer = (await bindings.offer(session))["secure-session-registration"] ?? "";
    expect(offer).toContain(`path="${bindings.paths.register}"`);
    const [, challenge = "", authorization = ""] =
      /challenge="([^"]+)";authorization="([^"]+)"/.exec(offer) ?? [];
    browser.offer = { challenge, authorization };
    const headers = { Origin: ORIGIN, "Secure-Session-Response": browser.registration() };
    expect(await bindings.register({ headers }, "sj1s_forged")).toMatchObject({ status: 403 });
    const made = await bindings.register({ headers }, token);
    expect(made).toMatchObject({ status: 200, body: expect.stringContaining(ORIGIN) });
    expect(await bindings.offer(session)).toHaveProperty("secure-session-registration");
    const bound = await sessions.find(session.id ?? "");
    // Bound already, and later too long after the login.
    expect(bound && (await bindings.offer(bound))).toEqual({});
    await clock.advanceAsync(2 * MINUTE_MS + 1);
    expect(await bindings.offer(session)).toEqual({});
  });

  it("are missed at set-up, not at the first request, where nothing is bound", () => {
    const plain = createSessions({ secrets: [randomBytes(32)], warn: () => undefined });
    expect(() => deviceBindings(plain)).toThrow(ConfigError);
  });
});

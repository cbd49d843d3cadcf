/** A thief with the session cookie tries to bind the session to a key of the thief's own. */
import { describe, expect, it } from "vitest";
import { BoundBrowser, boundPlace } from "../support/bound-browser.ts";
import type { BoundPlace } from "../support/bound-browser.ts";

/** Alice has just signed in; the thief has all of her cookies and a session of his own. */
async function robbed() {
  const place: BoundPlace = boundPlace();
  const [victim, thief] = [new BoundBrowser(place), new BoundBrowser(place)];
  await victim.login();
  await thief.login("mallory");
  const { offer } = thief;
  thief.jar.clear();
  for (const [name, value] of victim.jar) thief.jar.set(name, value);
  thief.offer = offer;
  return { place, victim, thief };
}

describe("binding somebody else's session", () => {
  it("[DB-02] fails with the challenge of another login, or one that is made up", async () => {
    const { victim, thief } = await robbed();
    const own = thief.offer;
    const mixed = { challenge: victim.offer?.challenge ?? "", authorization: own?.authorization };
    const payloads = [
      {},
      { jti: "c0" },
      { jti: mixed.challenge, authorization: mixed.authorization },
      { authorization: victim.offer?.authorization },
    ];
    for (const payload of payloads) {
      thief.offer = own;
      expect((await thief.register(thief.registration({ payload }))).status).toBe(403);
    }
    expect((await victim.register()).status).toBe(200);
  });

  it("[DB-11] fails once the session is bound, also with its own challenge", async () => {
    const { place, victim, thief } = await robbed();
    const { offer } = victim;
    expect((await victim.register()).status).toBe(200);
    thief.offer = offer;
    expect((await thief.register()).status).toBe(403);
    await place.clock.advanceAsync(10_000);
    expect(await victim.visit()).toMatchObject({ subject: "alice" });
  });

  it("[DB-02] fails with the owner's proof under a key of the thief's", async () => {
    const { victim, thief } = await robbed();
    const [, payload, signature] = victim.registration().split(".");
    const jwk = thief.pair.publicKey.export({ format: "jwk" });
    const header = { typ: "dbsc+jwt", alg: "ES256", jwk };
    const swapped = Buffer.from(JSON.stringify(header)).toString("base64url");
    expect((await thief.register(`${swapped}.${payload}.${signature}`)).status).toBe(403);
  });

  it("[DB-11] fails two minutes after the login", async () => {
    const { place, victim, thief } = await robbed();
    thief.offer = victim.offer;
    await place.clock.advanceAsync(120_001);
    expect((await thief.register()).status).toBe(403);
  });
});

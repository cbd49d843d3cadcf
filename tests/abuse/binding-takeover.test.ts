/** A thief with the session cookie tries to bind the session to a key of the thief's own. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "sojourn/stores/memory";
import { FaultyStore } from "sojourn/testing";
import {
  BOUND,
  BoundBrowser,
  boundBrowser,
  boundPlace,
  DBSC_FIRST_MS,
} from "../support/bound-browser.ts";
import type { BoundPlace } from "../support/bound-browser.ts";

const MINUTE_MS = 60_000;

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

  it("[DB-02] fails with what was offered before the owner's last factor", async () => {
    const { place, victim } = await robbed();
    const before = victim.offer;
    await place.clock.advanceAsync(1);
    await victim.visit((session) => session.stepUp({ amr: ["otp"] }));
    const now = victim.offer;
    const { authorization } = before ?? {};
    for (const offer of [before, now]) {
      victim.offer = offer;
      expect(
        (await victim.register(victim.registration({ payload: { authorization } }))).status,
      ).toBe(403);
    }
    victim.offer = now;
    expect((await victim.register()).status).toBe(200);
  });

  it("[DB-11] fails two minutes after the login", async () => {
    const { place, victim, thief } = await robbed();
    thief.offer = victim.offer;
    await place.clock.advanceAsync(120_001);
    expect((await thief.register()).status).toBe(403);
  });

  it("[DB-11] fails while the session is locked", async () => {
    const limits = { idleMs: MINUTE_MS, onIdle: "lock-one-factor" } as const;
    const place = boundPlace({ policy: { extends: "saas", touchEveryMs: 10_000, ...limits } });
    const victim = new BoundBrowser(place);
    await victim.login();
    await place.clock.advanceAsync(MINUTE_MS);
    expect((await victim.register()).status).toBe(403);
  });
});

describe("a key that was replaced while its proof was judged", () => {
  it("[DB-03] renews nothing of the session's new key", async () => {
    const store = new FaultyStore(new MemoryStore());
    const owner = await boundBrowser({ store });
    const { place, challenge } = owner;
    const proof = owner.answer();
    store.after("find", async () => {
      const next = new BoundBrowser(place);
      for (const [name, value] of owner.jar) if (name !== BOUND) next.jar.set(name, value);
      await next.visit((session) => session.stepUp({ amr: ["pwd"] }));
      await next.visit((session) => session.stepUp({ amr: ["pwd"] }));
      expect((await next.register()).status).toBe(200);
    });
    const answer = await owner.refresh(proof);
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    expect(owner.challenge).not.toBe(challenge);
  });
});

describe("binding somebody else's session to a key of a page", () => {
  it("[DB-11] [DB-14] fails once the owner's page has bound it, with any key and tier", async () => {
    const place = boundPlace({ dbsc: { webcrypto: true } });
    const [victim, thief] = [new BoundBrowser(place), new BoundBrowser(place)];
    await victim.login();
    const { offer } = victim;
    await place.clock.advanceAsync(DBSC_FIRST_MS);
    for (const [name, value] of victim.jar) thief.jar.set(name, value);
    await thief.ask();
    const early = thief.dpop();
    await victim.ask();
    expect((await victim.ask(victim.dpop())).status).toBe(200);
    for (const proof of [early, undefined]) {
      const answer = await thief.ask(proof ?? thief.dpop());
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []]);
    }
    // Not even the better tier, with the offer of the owner's login.
    thief.offer = offer;
    expect((await thief.register()).status).toBe(403);
    await place.clock.advanceAsync(10_000);
    expect(await thief.visit()).toMatchObject({ subject: null, state: "locked" });
    expect(await victim.visit()).toMatchObject({ subject: "alice" });
  });
});

import { importJWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { AUDIENCE, ISSUER, sessionOf, START } from "../../../../../tests/support/token-world.ts";
import { HandFeed, HandTime } from "../../../../../tests/support/token-world.ts";
import { createIssuer } from "../jwt/issuer.ts";
import { createVerifier } from "../jwt/verifier.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { rotateKeys, withRevocation } from "./key-document.ts";
import { environmentKeys } from "./local-keys.ts";
import type { KeyProvider, SigningPurpose } from "./provider.ts";
import { createSigningKeys } from "./signing-keys.ts";

const MINUTE = 60_000;
const LIFE_MS = 15 * MINUTE;
const LEAD_MS = 10 * MINUTE;
const OVERLAP_MS = LIFE_MS + MINUTE;

/** Keys in a document that changes under a running process, as a file's does. */
async function rotating(time: HandTime, purpose: SigningPurpose = "access-token") {
  let document = "";
  let provider: KeyProvider | undefined;
  const rotate = async (leadMs: number = LEAD_MS, alg: SigningAlgorithm = "ES256") => {
    const options = { document, purpose, alg, now: time.wall(), leadMs, overlapMs: OVERLAP_MS };
    const rotated = await rotateKeys(options);
    document = rotated.document;
    provider = await environmentKeys({ keys: [document] });
    return rotated;
  };
  const { kid } = await rotate();
  const current = (): KeyProvider => {
    if (provider === undefined) throw new Error("rotated above");
    return provider;
  };
  const keys = createSigningKeys({
    provider: {
      name: "document",
      list: () => current().list(),
      sign: (...call) => current().sign(...call),
      async revoke(kid, at) {
        document = withRevocation(document, kid, at);
        provider = await environmentKeys({ keys: [document] });
      },
    },
    purpose,
    tokenLifeMs: LIFE_MS,
    now: time.wall,
  });
  return { keys, rotate, kid, document: () => document };
}

const states = async (keys: Awaited<ReturnType<typeof rotating>>["keys"]) =>
  (await keys.inventory()).map(({ state }) => state);

describe("signing keys", () => {
  it("[KY-01] are listed with purpose, algorithm and the instants of their life", async () => {
    const time = new HandTime();
    const { keys, rotate, kid } = await rotating(time);
    time.pass(MINUTE);
    const next = await rotate();
    expect(await keys.inventory()).toEqual([
      {
        kid,
        purpose: "access-token",
        algorithm: "ES256",
        provider: "document",
        state: "signing",
        createdAt: START,
        activatesAt: START,
        retiresAt: START + MINUTE + LEAD_MS,
      },
      {
        kid: next.kid,
        purpose: "access-token",
        algorithm: "ES256",
        provider: "document",
        state: "published",
        createdAt: START + MINUTE,
        activatesAt: START + MINUTE + LEAD_MS,
      },
    ]);
    const text = JSON.stringify([await keys.inventory(), await keys.jwks()]);
    expect(text).not.toContain('"d"');
  });

  it("[KY-02] are published, sign, verify and retire at their instants, not before", async () => {
    const time = new HandTime();
    const { keys, rotate } = await rotating(time);
    await rotate();
    time.pass(LEAD_MS - 1);
    expect(await states(keys)).toEqual(["signing", "published"]);
    time.pass(1);
    expect(await states(keys)).toEqual(["verifying", "signing"]);
    time.pass(LIFE_MS + MINUTE - 1);
    expect(await states(keys)).toEqual(["verifying", "signing"]);
    expect((await keys.jwks()).keys).toHaveLength(2);
    time.pass(1);
    expect(await states(keys)).toEqual(["retired", "signing"]);
    expect((await keys.jwks()).keys).toHaveLength(1);
    const { removed } = await rotate();
    expect(removed).toHaveLength(1);
  });

  it("[KY-02] rotate under load without one failed verification", async () => {
    const time = new HandTime();
    const { keys, rotate } = await rotating(time);
    const templates = { [AUDIENCE]: { accessTtlMs: LIFE_MS } };
    const issuer = createIssuer({ issuer: ISSUER, keys, templates, now: time.wall });
    const feed = new HandFeed(time);
    const verifiers = Array.from({ length: 3 }, (_, index) =>
      createVerifier({
        issuer: ISSUER,
        audience: AUDIENCE,
        jwks: { read: () => issuer.jwks() },
        feed,
        time,
        remembered: index === 0 ? 0 : 1_000,
      }),
    );
    const session = sessionOf({ idleMs: 600 * MINUTE });
    const live: { token: string; expiresAt: number }[] = [];
    const kids = new Set<string>();
    let verified = 0;
    for (let minute = 0; minute < 120; minute += 1) {
      if (minute % 13 === 5) await rotate();
      const issued = await issuer.issue({ session, audience: AUDIENCE, clientId: "app" });
      kids.add(issued.kid);
      live.push(issued);
      while ((live[0]?.expiresAt ?? Infinity) <= time.wall()) live.shift();
      const answers = live.flatMap(({ token }) => verifiers.map(async (one) => one.verify(token)));
      for (const standing of await Promise.all(answers)) {
        expect(standing).toMatchObject({ state: "active" });
        verified += 1;
      }
      time.pass(MINUTE);
    }
    expect(kids.size).toBeGreaterThan(7);
    expect(verified).toBeGreaterThan(4_000);
  });

  it("[KY-03] move to another algorithm by the same rotation, without one failed verification", async () => {
    const time = new HandTime();
    const { keys, rotate } = await rotating(time);
    const templates = { [AUDIENCE]: { accessTtlMs: LIFE_MS } };
    const issuer = createIssuer({ issuer: ISSUER, keys, templates, now: time.wall });
    const feed = new HandFeed(time);
    const verifier = createVerifier({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { read: () => issuer.jwks() },
      algorithms: ["ES256", "EdDSA"],
      feed,
      time,
    });
    const issue = () => issuer.issue({ session: sessionOf(), audience: AUDIENCE, clientId: "app" });
    const old = await issue();
    expect((await verifier.verify(old.token)).state).toBe("active");
    await rotate(MINUTE, "EdDSA");
    time.pass(MINUTE);
    const fresh = await issue();
    expect(fresh.kid).not.toBe(old.kid);
    for (const { token } of [old, fresh]) {
      expect((await verifier.verify(token)).state).toBe("active");
    }
    expect((await keys.inventory()).map(({ algorithm }) => algorithm)).toEqual(["ES256", "EdDSA"]);
  });

  it("[KY-06] that are compromised end at once and say what they can have reached", async () => {
    const time = new HandTime();
    const { keys, rotate, kid } = await rotating(time);
    const next = await rotate();
    await keys.sign({}, {}, time.wall() + 5 * MINUTE);
    await keys.sign({}, {}, time.wall() + 7 * MINUTE);
    time.pass(3 * MINUTE);
    const revokedAt = time.wall();
    expect(await keys.revoke(kid)).toEqual({
      kid,
      purpose: "access-token",
      algorithm: "ES256",
      revokedAt,
      issuedFrom: START,
      issuedUntil: revokedAt,
      expiredBy: revokedAt + LIFE_MS,
      counted: { tokens: 2, latestExpiresAt: START + 7 * MINUTE },
      successor: next.kid,
      kept: true,
    });
    expect(await states(keys)).toEqual(["revoked", "signing"]);
    expect((await keys.jwks()).keys.map((jwk) => jwk.kid)).toEqual([next.kid]);
    expect((await keys.sign({}, {}, 0)).kid).toBe(next.kid);
    expect(await keys.revoked()).toEqual([{ kid, at: revokedAt }]);
    time.pass(MINUTE);
    expect((await keys.revoke(kid))?.revokedAt).toBe(revokedAt);
    expect(await keys.revoke("other")).toBeUndefined();
  });

  it("[KY-06] that signed before their time have reached that far back, too", async () => {
    const time = new HandTime();
    const { keys, rotate, kid } = await rotating(time);
    time.pass(MINUTE);
    const next = await rotate();
    await keys.revoke(kid);
    // The next one signs at once: nothing else is left.
    expect((await keys.sign({}, {}, 0)).kid).toBe(next.kid);
    time.pass(LEAD_MS);
    expect(await keys.revoke(next.kid)).toMatchObject({ issuedFrom: START + MINUTE });
  });

  it("sign nothing when no key may, and say so as trouble that may pass", async () => {
    const { keys, kid } = await rotating(new HandTime());
    const radius = await keys.revoke(kid);
    expect(radius).not.toHaveProperty("successor");
    await expect(keys.sign({}, {}, 0)).rejects.toMatchObject({
      code: "ERR_KEY_UNAVAILABLE",
      retryable: true,
    });
  });

  it("[KY-02] sign nothing from the instant on in which they retire", async () => {
    const time = new HandTime();
    const { document } = await rotating(time);
    const { keys: list } = JSON.parse(document()) as { keys: object[] };
    const retiresAt = new Date(START + MINUTE).toISOString();
    const dated = JSON.stringify({ ...list[0], retiresAt });
    const provider = await environmentKeys({ keys: [dated] });
    const keys = createSigningKeys({ provider, tokenLifeMs: LIFE_MS, now: time.wall });
    time.pass(MINUTE - 1);
    expect(await states(keys)).toEqual(["signing"]);
    time.pass(1);
    await expect(keys.sign({}, {}, 0)).rejects.toMatchObject({ code: "ERR_KEY_UNAVAILABLE" });
    expect(await states(keys)).toEqual(["verifying"]);
  });

  it("[KY-06] are revoked here even where their provider cannot remember it", async () => {
    const time = new HandTime();
    const { document, kid } = await rotating(time);
    const provider = await environmentKeys({ keys: [document()] });
    const keys = createSigningKeys({ provider, now: time.wall });
    expect(await keys.revoke(kid)).toMatchObject({ kept: false });
    await expect(keys.sign({}, {}, 0)).rejects.toMatchObject({ code: "ERR_KEY_UNAVAILABLE" });
    expect((await keys.jwks()).keys).toEqual([]);
    expect(await keys.revoked()).toEqual([{ kid, at: START }]);
  });

  it("[KY-01] of one purpose sign nothing of another", async () => {
    const time = new HandTime();
    const { document } = await rotating(time, "revocation-feed");
    const provider = await environmentKeys({ keys: [document()] });
    const keys = createSigningKeys({ provider, now: time.wall });
    await expect(keys.sign({}, {}, 0)).rejects.toMatchObject({ code: "ERR_KEY_UNAVAILABLE" });
    expect(await keys.inventory()).toEqual([]);
    const feedKeys = createSigningKeys({ provider, purpose: "revocation-feed", now: time.wall });
    const create = () => createIssuer({ issuer: ISSUER, keys: feedKeys, templates: { a: {} } });
    expect(create).toThrow(/^ {2}keys: .*one purpose per key/m);
  });

  it("without dates follow their order: the first signs, all verify", async () => {
    const time = new HandTime();
    const documents = await Promise.all([rotating(time), rotating(time)]);
    const undated = documents.map(({ document }) => {
      const { keys } = JSON.parse(document()) as { keys: Record<string, unknown>[] };
      const { createdAt: _c, activatesAt: _a, ...jwk } = keys[0] ?? {};
      return JSON.stringify(jwk);
    });
    const keys = createSigningKeys({ provider: await environmentKeys({ keys: undated }) });
    expect(await states(keys)).toEqual(["signing", "standby"]);
    const [first] = (await keys.jwks()).keys;
    const { token } = await keys.sign({ typ: "at+jwt" }, { a: 1 }, 0);
    const key = await importJWK({ ...first, kty: "EC" }, "ES256");
    expect((await jwtVerify(token, key)).payload).toEqual({ a: 1 });
  });
});

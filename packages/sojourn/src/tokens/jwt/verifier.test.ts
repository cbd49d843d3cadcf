import { decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import {
  AUDIENCE,
  goodClaims,
  ISSUER,
  privateKeyOf,
  sessionOf,
  START,
  tokenWorld,
} from "../../../../../tests/support/token-world.ts";
import { readCompact } from "./compact.ts";
import type { CompactHead } from "./compact.ts";
import { createVerifier } from "./verifier.ts";

const SID = `ses_${"A".repeat(24)}`;

describe("an access token", () => {
  it.each(["ES256", "EdDSA", "RS256", "PS256"] as const)(
    "[JW-07] of %s has the claims of RFC 9068, and an independent library takes it",
    { timeout: 20_000 },
    async (alg) => {
      const world = await tokenWorld({ alg });
      const token = await world.issue({ scope: "cart:read cart:write" });
      const [jwk] = (await world.issuer.jwks()).keys;
      const key = await importJWK({ ...jwk, kty: jwk?.kty ?? "" }, alg);
      const { payload, protectedHeader } = await jwtVerify(token, key, {
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: "at+jwt",
        algorithms: [alg],
        currentDate: new Date(START),
        requiredClaims: ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
      });
      expect(protectedHeader).toEqual({ typ: "at+jwt", alg, kid: jwk?.kid });
      expect(payload).toMatchObject({
        sub: "alice",
        client_id: "app",
        scope: "cart:read cart:write",
        sid: SID,
        auth_time: START / 1_000,
        acr: "aal1",
        amr: ["pwd"],
      });
      expect(await world.verifier.verify(token)).toMatchObject({ state: "active" });
    },
  );

  it("is good until the second it expires, and not in it [JW-04]", async () => {
    const world = await tokenWorld({ accessTtlMs: 60_000 });
    const token = await world.issue();
    const standing = await world.verifier.verify(token);
    const exp = standing.state === "active" ? standing.claims.exp : 0;
    world.time.pass(exp * 1_000 - 1 - START);
    expect((await world.verifier.verify(token)).state).toBe("active");
    world.time.pass(1);
    const ended = { state: "ended", why: "expired" };
    expect(await world.verifier.verify(token)).toEqual(ended);
    expect(await world.verifierWith({}).verify(token)).toEqual(ended);
  });

  it("[JW-06] for somebody else, of another issuer or tenant, is unknown", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const why = async (options: object) =>
      (await world.verifierWith(options).verify(token)) as object;
    expect(await why({ audience: "https://other.example" })).toEqual({
      state: "unknown",
      why: "audience",
    });
    expect(await why({ issuer: `${ISSUER}/` })).toEqual({ state: "unknown", why: "issuer" });
    expect(await why({ tenant: "acme" })).toEqual({ state: "unknown", why: "tenant" });
    expect(await why({ tenant: "default" })).toMatchObject({ state: "active" });
  });

  it.each(["exp", "aud", "iss", "sub", "client_id", "iat", "jti"])(
    "[JW-04, JW-06, JW-07] without %s is unknown, whoever signed it",
    async (claim) => {
      const world = await tokenWorld();
      const { key, kid, alg } = await privateKeyOf(world);
      const sign = (claims: Record<string, unknown>) =>
        new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "at+jwt" }).sign(key);
      const { [claim]: _left, ...rest } = goodClaims(world.time);
      expect(await world.verifier.verify(await sign(rest))).toMatchObject({ state: "unknown" });
      const whole = await sign(goodClaims(world.time));
      expect(await world.verifier.verify(whole)).toMatchObject({ state: "active" });
    },
  );

  it.each([
    { scope: 1 },
    { sid: "" },
    { acr: 1 },
    { amr: "pwd" },
    { amr: [] },
    { auth_time: -1 },
    { nbf: "0" },
    { tenant: 1 },
    { sub_epoch: 1.5 },
    { grant: ["ses_A"] },
    { cnf: "none" },
    { cnf: ["none"] },
    { cnf: { jkt: 1 } },
    { cnf: {} },
  ])("with a claim that is not as it has to be is unknown: %j", async (claim) => {
    const world = await tokenWorld();
    const { key, kid, alg } = await privateKeyOf(world);
    const token = await new SignJWT({ ...goodClaims(world.time), ...(claim as object) })
      .setProtectedHeader({ alg, kid, typ: "at+jwt" })
      .sign(key);
    expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why: "claims" });
  });

  it("[JW-10] names its key by a text of at most 256 characters", async () => {
    const world = await tokenWorld();
    const { key, alg } = await privateKeyOf(world);
    for (const kid of [7, "k".repeat(257), ""]) {
      const header = { alg, kid: kid as string, typ: "at+jwt" };
      const token = await new SignJWT(goodClaims(world.time)).setProtectedHeader(header).sign(key);
      const why = kid === "" ? "key" : "header";
      expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why });
    }
  });

  it("[JW-04, TO-14] from the future is refused past the leeway, without a feed that tells time", async () => {
    const world = await tokenWorld({ verifier: { feed: "none", leewayMs: 30_000 } });
    const { key, kid, alg } = await privateKeyOf(world);
    const now = world.time.wall() / 1_000;
    const sign = (changes: object) =>
      new SignJWT({ ...goodClaims(world.time), ...changes })
        .setProtectedHeader({ alg, kid, typ: "at+jwt" })
        .sign(key);
    const notYet = { state: "unknown", why: "not_yet" };
    expect(await world.verifier.verify(await sign({ iat: now + 30 }))).toMatchObject({
      state: "active",
    });
    expect(await world.verifier.verify(await sign({ iat: now + 31 }))).toEqual(notYet);
    expect(await world.verifier.verify(await sign({ nbf: now + 31 }))).toEqual(notYet);
    expect(await world.verifier.verify(await sign({ exp: now }))).toEqual({
      state: "ended",
      why: "expired",
    });
  });

  it.each([-600_000, -31_000, 31_000, 600_000])(
    "[TO-14] lives as long as the issuer says by a wall clock that is off by %i ms",
    async (offsetMs) => {
      const world = await tokenWorld({ accessTtlMs: 60_000 });
      const token = await world.issue();
      const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
        exp: number;
      };
      const wall = (): number => world.time.wall() + offsetMs;
      const verifier = world.verifierWith({ time: { wall, monotonic: world.time.monotonic } });
      expect((await verifier.verify(token)).state).toBe("active");
      world.time.pass(claims.exp * 1_000 - START - 1);
      expect((await verifier.verify(token)).state).toBe("active");
      world.time.pass(1);
      expect(await verifier.verify(token)).toEqual({ state: "ended", why: "expired" });
    },
  );

  it("[DP-06] that is bound to a key is nothing without proof of that key", async () => {
    const world = await tokenWorld();
    const jkt = "k".repeat(43);
    const token = await world.issue({ cnf: { jkt } });
    const unbound = { state: "unknown", why: "binding" };
    for (let time = 0; time < 2; time += 1) {
      expect(await world.verifier.verify(token)).toEqual(unbound);
      const other = { confirmation: { jkt: "x".repeat(43) } };
      expect(await world.verifier.verify(token, other)).toEqual(unbound);
      const proven = { confirmation: { jkt } };
      expect((await world.verifier.verify(token, proven)).state).toBe("active");
    }
  });

  it("[DP-06] that is bound to two keys is nothing without proof of both", async () => {
    const world = await tokenWorld();
    const cnf = { jkt: "k".repeat(43), "x5t#S256": "c".repeat(43) };
    const token = await world.issue({ cnf });
    for (const confirmation of [{ jkt: cnf.jkt }, { "x5t#S256": cnf["x5t#S256"] }, {}]) {
      const standing = await world.verifier.verify(token, { confirmation });
      expect(standing).toEqual({ state: "unknown", why: "binding" });
    }
    const proven = { confirmation: cnf };
    expect((await world.verifier.verify(token, proven)).state).toBe("active");
  });
});

describe("the reader of headers", () => {
  it("remembers a bounded number of them, whatever is sent", () => {
    const heads = new Map<string, CompactHead>();
    const rules = { kind: "at+jwt", algorithms: ["ES256"], heads } as const;
    for (let index = 0; index < 100; index += 1) {
      const header = JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: `strange-${index}` });
      const head = readCompact(`${Buffer.from(header).toString("base64url")}.AA.AA`, rules);
      expect(head).toMatchObject({ kid: `strange-${index}` });
    }
    expect(heads.size).toBeLessThanOrEqual(32);
  });
});

describe("the verifier", () => {
  it("answers a token that it proved before at once, without key, feed or promise", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    await world.verifier.verify(token);
    const before = world.feed.reads;
    const again = world.verifier.verify(token);
    expect(again).not.toBeInstanceOf(Promise);
    expect(again).toMatchObject({ state: "active", claims: { sub: "alice" } });
    expect(world.feed.reads).toBe(before);
  });

  it("remembers no more tokens than it is told", async () => {
    const world = await tokenWorld();
    const verifier = world.verifierWith({ remembered: 4 });
    const tokens = await Promise.all(Array.from({ length: 12 }, () => world.issue()));
    for (const token of tokens) await verifier.verify(token);
    const known = tokens.filter((token) => !(verifier.verify(token) instanceof Promise));
    expect(known.length).toBeGreaterThan(0);
    expect(known.length).toBeLessThanOrEqual(4);
  });

  it("[JW-01, JW-12] lends nothing of a token it remembers to another with its signature", async () => {
    const world = await tokenWorld();
    // Of two, the second moves the first into the older half.
    const verifier = world.verifierWith({ remembered: 2 });
    const token = await world.issue();
    const [head, payload = "", signature] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const other = Buffer.from(JSON.stringify({ ...claims, sub: "mallory" })).toString("base64url");
    const forged = `${head}.${other}.${signature}`;
    for (const next of [token, await world.issue()]) {
      expect((await verifier.verify(next)).state).toBe("active");
      expect(verifier.verify(next)).not.toBeInstanceOf(Promise);
      expect(await verifier.verify(forged)).toEqual({ state: "unknown", why: "signature" });
    }
  });

  it("gives claims that nobody can change for the next caller", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const standing = await world.verifier.verify(token);
    expect(() => Object.assign(standing, { state: "ended" })).toThrow(TypeError);
    if (standing.state !== "active") throw new Error("active");
    expect(() => Object.assign(standing.claims, { sub: "mallory" })).toThrow(TypeError);
    expect(() => (standing.claims.amr as string[]).push("hwk")).toThrow(TypeError);
  });

  it("cannot tell without keys: neither good nor bad (I7)", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    let trouble = true;
    const jwks = {
      read: () => (trouble ? Promise.reject(new Error("down")) : world.issuer.jwks()),
    };
    const verifier = world.verifierWith({ jwks });
    expect(await verifier.verify(token)).toEqual({ state: "unavailable", why: "keys" });
    trouble = false;
    world.time.pass(2_000);
    expect((await verifier.verify(token)).state).toBe("active");
    // Another key may have come since; while nobody says so, its tokens are not bad.
    trouble = true;
    world.time.pass(2_000);
    const other = await tokenWorld();
    const unknown = await other.issue();
    expect(await verifier.verify(unknown)).toEqual({ state: "unavailable", why: "keys" });
    expect((await verifier.verify(token)).state).toBe("active");
    trouble = false;
    world.time.pass(2_000);
    expect(await verifier.verify(unknown)).toEqual({ state: "unknown", why: "key" });
  });

  it("asks for a key it does not know at most every two seconds, whatever tokens say", async () => {
    const world = await tokenWorld();
    let reads = 0;
    const jwks = {
      read: () => {
        reads += 1;
        return world.issuer.jwks();
      },
    };
    const verifier = world.verifierWith({ jwks });
    const { key, alg } = await privateKeyOf(world);
    for (let index = 0; index < 20; index += 1) {
      const token = await new SignJWT(goodClaims(world.time))
        .setProtectedHeader({ alg, kid: `other-${index}`, typ: "at+jwt" })
        .sign(key);
      expect(await verifier.verify(token)).toEqual({ state: "unknown", why: "key" });
    }
    expect(reads).toBe(1);
  });

  it("[KY-06] refuses a token it remembers once its key has left the key set", async () => {
    const world = await tokenWorld({ accessTtlMs: 15 * 60_000 });
    let listed = true;
    const jwks = {
      read: async () => (listed ? world.issuer.jwks() : { keys: [] }),
    };
    const verifier = world.verifierWith({ jwks, feed: "none" });
    const token = await world.issue();
    expect((await verifier.verify(token)).state).toBe("active");
    listed = false;
    world.time.pass(5 * 60_000 - 1);
    expect((await verifier.verify(token)).state).toBe("active");
    world.time.pass(1);
    // Another token, since one that is remembered asks for nothing.
    await verifier.verify(await world.issue());
    expect(await verifier.verify(token)).toEqual({ state: "unknown", why: "key" });
  });

  it("takes no key for a purpose or an algorithm that is not its own", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const { keys } = await world.issuer.jwks();
    const answerTo = async (change: object, options: object = {}) => {
      const jwks = { keys: keys.map((jwk) => ({ ...jwk, ...change })) };
      return (await world.verifierWith({ jwks, ...options }).verify(token)).state;
    };
    expect(await answerTo({})).toBe("active");
    expect(await answerTo({ purpose: "revocation-feed" })).toBe("unknown");
    expect(await answerTo({ use: "enc" })).toBe("unknown");
    expect(await answerTo({ d: "AAAA" })).toBe("unknown");
    expect(await answerTo({ alg: "RS256" })).toBe("unknown");
    expect(await answerTo({}, { algorithms: ["EdDSA"] })).toBe("unknown");
  });

  it("reads 64 keys of a set, and of two with one id the first", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const { keys } = await world.issuer.jwks();
    const [other] = (await (await tokenWorld()).issuer.jwks()).keys;
    const others = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...other, kid: `other-${index}` }));
    const stateBy = async (...list: object[]) =>
      (await world.verifierWith({ jwks: { keys: list } }).verify(token)).state;
    expect(await stateBy(...others(63), ...keys)).toBe("active");
    expect(await stateBy(...others(64), ...keys)).toBe("unknown");
    const imposter = { ...other, kid: keys[0]?.kid };
    expect(await stateBy(...keys, imposter)).toBe("active");
    expect(await stateBy(imposter, ...keys)).toBe("unknown");
  });

  it("lists every problem of its options at once", () => {
    const wrong = { issuer: "", jwks: 1, feed: undefined, boundMs: 1, algorithms: ["HS256"], b: 1 };
    const create = () => createVerifier(wrong as never);
    for (const path of ["issuer", "audience", "jwks", "feed", "boundMs", "algorithms", "b"]) {
      expect(create).toThrow(new RegExp(`^  ${path}: `, "m"));
    }
  });

  it("finds the kind, the key and nothing else in the header", async () => {
    const world = await tokenWorld();
    const header = decodeProtectedHeader(await world.issue({ session: sessionOf() }));
    expect(Object.keys(header).toSorted()).toEqual(["alg", "kid", "typ"]);
  });
});

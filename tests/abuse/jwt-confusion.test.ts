/** The attacker forges access tokens by what verifiers of others fall for. */
import { createHmac, createPublicKey } from "node:crypto";
import { CompactSign, SignJWT } from "jose";
import { describe, expect, it, vi } from "vitest";
import { createVerifier } from "sojourn/tokens";
import { AUDIENCE, goodClaims, ISSUER, privateKeyOf, tokenWorld } from "../support/token-world.ts";

const UNKNOWN = expect.objectContaining({ state: "unknown" }) as object;

function encode(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString(
    "base64url",
  );
}

describe("a token without a signature", () => {
  it.each(["none", "None", "NONE", "nOnE", "none ", "", null, ["none"], 0])(
    "[JW-01, JW-02] that says alg %j is nothing",
    async (alg) => {
      const world = await tokenWorld();
      const { kid } = await privateKeyOf(world);
      const good = await world.issue();
      const [, payload = "", signature = ""] = good.split(".");
      const head = encode({ alg, kid, typ: "at+jwt" });
      for (const rest of ["", ".", `.${signature}`, ".AAAA"]) {
        expect(await world.verifier.verify(`${head}.${payload}${rest}`)).toEqual(UNKNOWN);
      }
    },
  );

  it("[JW-01, JW-12] is nothing with any one character of a good one changed", async () => {
    const world = await tokenWorld();
    const good = await world.issue();
    for (let at = 0; at < good.length; at += 7) {
      const other = good[at] === "A" ? "B" : "A";
      const changed = good.slice(0, at) + other + good.slice(at + 1);
      expect(await world.verifier.verify(changed)).toEqual(UNKNOWN);
    }
    expect(await world.verifier.verify(good)).toMatchObject({ state: "active" });
  });
});

describe("the public key as a shared secret", () => {
  it.each(["HS256", "HS384", "HS512"])("[JW-02] signs nothing by %s", async (alg) => {
    const world = await tokenWorld({ alg: "RS256" });
    const [jwk] = (await world.issuer.jwks()).keys;
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const spellings = [
      key.export({ type: "spki", format: "pem" }),
      key.export({ type: "spki", format: "der" }),
      JSON.stringify(jwk),
    ];
    const hash = alg.replace("HS", "sha");
    for (const secret of spellings) {
      const input = `${encode({ alg, kid: jwk?.kid, typ: "at+jwt" })}.${encode(goodClaims(world.time))}`;
      const token = `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
      expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why: "algorithm" });
    }
  });

  it("[JW-02] cannot be allowed, and neither can `none`", () => {
    for (const alg of ["HS256", "none", "RS1", "ES256K"]) {
      const options = { issuer: ISSUER, audience: AUDIENCE, jwks: { keys: [] }, feed: "none" };
      const create = () => createVerifier({ ...options, algorithms: [alg] } as never);
      expect(create).toThrow(/^ {2}algorithms: /m);
    }
  });

  it("[JW-02] in a JWKS as kty oct is passed over", async () => {
    const world = await tokenWorld();
    const secret = Buffer.alloc(32, 7);
    const oct = { kty: "oct", k: secret.toString("base64url"), kid: "oct", alg: "ES256" };
    const verifier = world.verifierWith({ jwks: { keys: [oct] } });
    const token = await new SignJWT(goodClaims(world.time))
      .setProtectedHeader({ alg: "HS256", kid: "oct", typ: "at+jwt" })
      .sign(secret);
    expect(await verifier.verify(token)).toEqual(UNKNOWN);
  });
});

describe("headers that bring a key along", () => {
  it("[JW-03] are ignored: nothing is fetched, and the key they name proves nothing", async () => {
    const world = await tokenWorld();
    const attacker = await tokenWorld();
    const theirs = await privateKeyOf(attacker);
    const ours = await privateKeyOf(world);
    const [jwk] = (await attacker.issuer.jwks()).keys;
    const outbound = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    const headers = [
      { jwk: { ...jwk } },
      { jku: "https://attacker.example/jwks.json" },
      { x5u: "https://attacker.example/cert.pem" },
      { x5c: ["MIIB"] },
      { jku: "http://169.254.169.254/", x5u: "file:///etc/passwd", jwk: { ...jwk }, x5c: [] },
    ];
    for (const extra of headers) {
      for (const kid of [ours.kid, theirs.kid, "../../dev/null", "' OR 1=1 --"]) {
        const token = await new SignJWT(goodClaims(world.time))
          .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid, ...extra })
          .sign(theirs.key);
        expect(await world.verifier.verify(token)).toEqual(UNKNOWN);
      }
      // Beside a signature of ours they change nothing.
      const token = await new SignJWT(goodClaims(world.time))
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: ours.kid, ...extra })
        .sign(ours.key);
      expect(await world.verifier.verify(token)).toMatchObject({ state: "active" });
    }
    expect(outbound).not.toHaveBeenCalled();
    outbound.mockRestore();
  });

  it.each([
    { crit: ["exp"], exp: 1 },
    { crit: ["b64"], b64: true },
    { crit: [] },
    { b64: false },
    { zip: "DEF" },
    { enc: "A256GCM" },
  ])("[JW-10] that would change the meaning of the rest are refused: %j", async (extra) => {
    const world = await tokenWorld();
    const { key, kid, alg } = await privateKeyOf(world);
    const input = encode(goodClaims(world.time));
    const head = encode({ alg, kid, typ: "at+jwt", ...extra });
    const signature = await crypto.subtle.sign(
      { name: "ECDSA", hash: "SHA-256" },
      key,
      new TextEncoder().encode(`${head}.${input}`),
    );
    const token = `${head}.${input}.${Buffer.from(signature).toString("base64url")}`;
    expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why: "header" });
  });
});

describe("what is answered", () => {
  it("[KY-05] says the same of every forgery, and never a part of it", async () => {
    const world = await tokenWorld();
    const { key, kid, alg } = await privateKeyOf(world);
    const secret = "hunter2hunter2";
    const claims = new TextEncoder().encode(`{"sub":"${secret}"`);
    const broken = await new CompactSign(claims)
      .setProtectedHeader({ alg, kid, typ: "at+jwt" })
      .sign(key);
    const bad = [broken, secret, `${secret}.${secret}.${secret}`, "..", "", null, 7, {}];
    for (const token of bad) {
      const standing = await world.verifier.verify(token as string);
      expect(Object.keys(standing)).toEqual(["state", "why"]);
      expect(standing).toEqual(UNKNOWN);
      expect(JSON.stringify(standing)).not.toContain(secret);
    }
    expect(world.errors).toEqual([]);
  });
});

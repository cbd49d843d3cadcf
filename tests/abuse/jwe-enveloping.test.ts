/** The attacker has the recipient's public key, and puts tokens of their own into envelopes. */
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { jweWorld, WRAPPINGS } from "../support/jwe-world.ts";
import { goodClaims, privateKeyOf, tokenWorld } from "../support/token-world.ts";

describe.each(WRAPPINGS)("an envelope by %s", (alg) => {
  it("[JW-11, JW-12] proves nothing: what is inside has to be signed by the issuer", async () => {
    const world = await jweWorld(alg);
    const claims = goodClaims(world.tokens.time);
    const theirs = await privateKeyOf(await tokenWorld());
    const ours = await privateKeyOf(world.tokens);
    const sign = (typ: string, { key, kid } = theirs) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ, kid }).sign(key);
    const insides = [
      await sign("at+jwt"),
      await sign("at+jwt", { ...theirs, kid: ours.kid }),
      await sign("dpop+jwt", ours),
      new UnsecuredJWT(claims).encode(),
      JSON.stringify(claims),
      "",
      `${await sign("at+jwt", ours)} `,
    ];
    for (const inside of insides) {
      expect((await world.verifier.verify(await world.seal(inside))).state).toBe("unknown");
    }
    const good = await world.seal(await sign("at+jwt", ours));
    expect(await world.verifier.verify(good)).toMatchObject({ state: "active" });
  });

  it("[JW-11] holds a signed token, not another envelope", async () => {
    const world = await jweWorld(alg);
    const twice = await world.seal(await world.issue());
    expect(await world.verifier.verify(twice)).toEqual({ state: "unknown", why: "decryption" });
  });

  it("[JW-11] says cty JWT", async () => {
    const world = await jweWorld(alg);
    const inner = await (await tokenWorld()).issue();
    for (const cty of [undefined, "jwt+at", "at+jwt", "JSON", "", null]) {
      const standing = await world.verifier.verify(await world.seal(inner, { cty }));
      expect(standing).toEqual({ state: "unknown", why: "kind" });
    }
  });
});

describe("a token without an envelope", () => {
  it("[JW-12] is refused where encrypted ones are taken, and the other way round", async () => {
    const world = await jweWorld();
    const { key, kid, alg } = await privateKeyOf(world.tokens);
    const signed = await new SignJWT(goodClaims(world.tokens.time))
      .setProtectedHeader({ alg, kid, typ: "at+jwt" })
      .sign(key);
    expect(await world.tokens.verifier.verify(signed)).toMatchObject({ state: "active" });
    expect(await world.verifier.verify(signed)).toEqual({ state: "unknown", why: "form" });
    expect((await world.tokens.verifier.verify(await world.issue())).state).toBe("unknown");
  });
});

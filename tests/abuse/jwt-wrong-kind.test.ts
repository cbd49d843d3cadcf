/** The attacker presents a genuine token of one kind where another kind is expected. */
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { readCompact } from "../../packages/sojourn/src/tokens/jwt/compact.ts";
import { TOKEN_KINDS } from "../../packages/sojourn/src/tokens/jwt/kinds.ts";
import { goodClaims, privateKeyOf, tokenWorld } from "../support/token-world.ts";

const SIX = ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "dbsc+jwt", "statuslist+jwt"];

describe("a token of another kind", () => {
  it.each(SIX)("[JW-05] %s is taken for no other kind, and every other for not it", async (typ) => {
    const world = await tokenWorld();
    const { key, kid, alg } = await privateKeyOf(world);
    const token = await new SignJWT(goodClaims(world.time))
      .setProtectedHeader({ alg, kid, typ })
      .sign(key);
    for (const kind of TOKEN_KINDS) {
      const read = readCompact(token, { kind, algorithms: ["ES256"] });
      if (kind === typ) expect(read).toMatchObject({ kid });
      else expect(read).toBe("kind");
    }
    const standing = await world.verifier.verify(token);
    if (typ === "at+jwt") expect(standing).toMatchObject({ state: "active" });
    else expect(standing).toEqual({ state: "unknown", why: "kind" });
  });

  it.each([undefined, "JWT", "jwt", "", "at+jwt ", "application/jwt", "at+jwt+x", 7, ["at+jwt"]])(
    "[JW-05] that calls itself %j is no access token",
    async (typ) => {
      const world = await tokenWorld();
      const { key, kid, alg } = await privateKeyOf(world);
      const header = typ === undefined ? { alg, kid } : { alg, kid, typ: typ as string };
      const token = await new SignJWT(goodClaims(world.time)).setProtectedHeader(header).sign(key);
      expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why: "kind" });
    },
  );

  it.each(["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])(
    "is told by its media type, which has no case: %s",
    async (typ) => {
      const world = await tokenWorld();
      const { key, kid, alg } = await privateKeyOf(world);
      const token = await new SignJWT(goodClaims(world.time))
        .setProtectedHeader({ alg, kid, typ })
        .sign(key);
      expect(await world.verifier.verify(token)).toMatchObject({ state: "active" });
    },
  );
});

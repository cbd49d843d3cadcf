/** The attacker sends as a proof what lax readers take for one. */
import { createHmac } from "node:crypto";
import { exportJWK, SignJWT } from "jose";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { clientOf, dpopWorld, readParts, whyOf } from "../support/dpop-world.ts";

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

describe("a proof", () => {
  it("[DP-01] comes once", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    const [one, two] = [await alice.proof(), await alice.proof()];
    expect(await whyOf(world.ask(alice.token, [one, two]))).toBe("repeated");
    expect(await whyOf(world.ask(alice.token, [one, one]))).toBe("repeated");
    expect(await whyOf(world.ask(alice.token, `${one}, ${two}`))).toBe("form");
    expect(await whyOf(world.ask(alice.token, `${one},${one}`))).toBe("form");
    expect(await whyOf(world.ask(alice.token, []))).toBe("absent");
    expect(await whyOf(world.ask(alice.token, [one]))).toBe("active");
  });

  it.each([
    [{ jti: undefined }, "claims"],
    [{ jti: "" }, "claims"],
    [{ jti: 7 }, "claims"],
    [{ htm: undefined }, "method"],
    [{ htu: undefined }, "target"],
    [{ iat: undefined }, "claims"],
    [{ iat: "1795219200" }, "claims"],
    [{ iat: -1 }, "claims"],
    [{ iat: 1e300 }, "claims"],
    [{ ath: undefined }, "token_hash"],
    [{ ath: null }, "claims"],
    [{ ath: ["x"] }, "claims"],
    [{ nonce: 7 }, "claims"],
  ])("[DP-01] with %j is refused", async (claims, why) => {
    const world = await dpopWorld();
    const proof = await world.alice.odd({}, claims);
    expect(await whyOf(world.ask(world.alice.token, proof))).toBe(why);
  });

  it.each(["jwt", "JWT", "at+jwt", "dbsc+jwt", "dpop", "dpop+jwt;v=1", undefined, null])(
    "[DP-02, JW-05] of the kind %j is refused",
    async (typ) => {
      const world = await dpopWorld();
      const proof = await world.alice.odd({ typ });
      expect(await whyOf(world.ask(world.alice.token, proof))).toBe("kind");
    },
  );

  it.each(["none", "None", "HS256", "RS256", "ES256K", "ES384", "", null, 0])(
    "[DP-02] by %j is refused",
    async (alg) => {
      const world = await dpopWorld();
      const { alice } = world;
      const honest = readParts(await alice.proof());
      const input = `${encode({ ...honest.header, alg })}.${encode(honest.claims)}`;
      const secret = JSON.stringify(await exportJWK(alice.keys.publicKey));
      const mac = createHmac("sha256", secret).update(input).digest("base64url");
      for (const proof of [`${input}.${mac}`, `${input}.AA`, `${input}.`]) {
        expect(["algorithm", "form"]).toContain(await whyOf(world.ask(alice.token, proof)));
      }
    },
  );

  it("[DP-02] by a key with a private part is refused, though all else is right", async () => {
    const world = await dpopWorld();
    for (const alg of ["ES256", "Ed25519"] as const) {
      const client = await clientOf(world.tokens, alg);
      const jwk = await exportJWK(client.keys.privateKey);
      const proof = await client.odd({ jwk });
      expect(await whyOf(world.ask(client.token, proof))).toBe("key");
    }
  });

  it("[DP-02] by a key that is none is refused", async () => {
    const world = await dpopWorld();
    const { alice } = world;
    const jwk = await exportJWK(alice.keys.publicKey);
    const { x = "", y = "" } = jwk;
    const odd: unknown[] = [
      undefined,
      null,
      "jwk",
      [jwk],
      {},
      { ...jwk, kty: "oct", k: "AAAA" },
      { ...jwk, kty: "RSA" },
      { ...jwk, crv: "P-384" },
      { ...jwk, alg: "ES384" },
      { ...jwk, x: y, y: x },
      { ...jwk, x: "" },
      { ...jwk, x: `${x}=` },
      {
        ...jwk,
        x: Buffer.alloc(32).toString("base64url"),
        y: Buffer.alloc(32).toString("base64url"),
      },
      { ...jwk, x: x.slice(0, 20) },
      { ...jwk, x: 7 },
      { kty: "EC", crv: "P-256", x },
    ];
    for (const one of odd) {
      expect(await whyOf(world.ask(alice.token, await alice.odd({ jwk: one })))).toBe("key");
    }
  });

  it("[DP-02, JW-03] that names keys elsewhere asks nobody", async () => {
    const world = await dpopWorld();
    const outbound = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
    const { alice, mallory } = world;
    const jku = "https://attacker.example/jwks.json";
    const proof = await mallory.odd(
      { jku, x5u: jku, kid: alice.jkt },
      readParts(await alice.proof()).claims,
    );
    expect(await whyOf(world.ask(alice.token, proof))).toBe("binding");
    expect(outbound).not.toHaveBeenCalled();
    outbound.mockRestore();
  });

  it("[DP-04] is at most 4096 characters long", async () => {
    const world = await dpopWorld();
    const proof = await world.alice.odd({}, { pad: "x".repeat(4_096) });
    expect(await whyOf(world.ask(world.alice.token, proof))).toBe("size");
  });

  it("[DP-01] of any text never throws and never passes", async () => {
    const world = await dpopWorld();
    const part = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.json().map((text) => Buffer.from(text).toString("base64url")),
    );
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(text, async (proof) => {
        expect((await world.ask(world.alice.token, proof)).state).toBe("refused");
      }),
      { numRuns: 200 },
    );
  });

  it("[KY-05] is told the same to the outside, whatever is wrong with it", async () => {
    const world = await dpopWorld();
    const { alice, mallory } = world;
    const good = await alice.proof();
    const wrong = [
      undefined,
      "garbage",
      `${good}A`,
      [good, good],
      await alice.proof({ method: "POST" }),
      await alice.proof({ url: "https://other.example/notes" }),
      await alice.proof({ token: mallory.token }),
      await alice.odd({ typ: "JWT" }),
      await alice.odd({}, { iat: 0 }),
    ];
    const answers = await Promise.all(wrong.map((proof) => world.ask(alice.token, proof)));
    const outside = answers.map((answer) => {
      expect(answer.state).toBe("refused");
      const { status, headers } = answer as { status: number; headers: object };
      return JSON.stringify([status, headers]);
    });
    expect(new Set(outside).size).toBe(1);
    expect(outside[0]).toContain('DPoP error=\\"invalid_dpop_proof\\", algs=');
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .sign(new Uint8Array(32));
    const unknown = await world.ask(token, await alice.proof({ token }));
    const ended = await world.ask(alice.token, await mallory.proof({ token: alice.token }));
    expect(unknown.headers).toEqual(ended.headers);
  });
});

/** The attacker asks for work, or for weak algorithms, in the header of an encrypted token. */
import { deflateRawSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { createEncryptedVerifier, tokenEncrypter } from "sojourn/tokens";
import { jweKeys, jweWorld, withHeader, WRAPPINGS } from "../support/jwe-world.ts";
import { tokenWorld } from "../support/token-world.ts";

const FORBIDDEN = [
  "RSA1_5",
  "RSA-OAEP",
  "RSA-OAEP-512",
  "dir",
  "A128KW",
  "A256GCMKW",
  "ECDH-ES",
  "ECDH-ES+A128KW",
  "PBES2-HS256+A128KW",
  "PBES2-HS512+A256KW",
  "none",
  "HS256",
  "a256kw",
  "",
];

describe("an algorithm that is not ours", () => {
  it.each(FORBIDDEN)("[JW-11] %j is refused at configuration", async (alg) => {
    const { verifier } = await tokenWorld();
    for (const wrapping of WRAPPINGS) {
      const { privateJwk, publicJwk } = await jweKeys(wrapping);
      const keys = [{ ...privateJwk, alg }];
      expect(() => createEncryptedVerifier({ verifier, keys })).toThrow(/keys\[0\]: needs an alg/);
      expect(() => tokenEncrypter({ key: { ...publicJwk, alg } })).toThrow(/key: needs an alg/);
    }
  });

  it.each([...FORBIDDEN, null, 0, ["A256KW"]])("[JW-11] %j is refused unread", async (alg) => {
    for (const wrapping of WRAPPINGS) {
      const world = await jweWorld(wrapping);
      const good = await world.issue();
      const { subtle } = crypto;
      const work = (["decrypt", "unwrapKey", "deriveBits", "importKey"] as const).map((name) =>
        vi.spyOn(subtle, name),
      );
      const odd = withHeader(good, (header) => ({ ...header, alg }));
      const standing = await world.verifier.verify(odd);
      expect(standing.state).toBe("unknown");
      for (const call of work) {
        expect(call).not.toHaveBeenCalled();
        call.mockRestore();
      }
    }
  });

  it("[JW-02, JW-11] is one of ours under the key of another", async () => {
    const shared = await jweWorld("A256KW");
    const point = await jweWorld("ECDH-ES+A256KW");
    const token = withHeader(await shared.issue(), (header) => ({
      ...header,
      kid: point.keys.publicJwk.kid,
    }));
    expect(await point.verifier.verify(token)).toEqual({ state: "unknown", why: "algorithm" });
  });

  it.each(["A128GCM", "A192GCM", "A128CBC-HS256", "A256CBC-HS512", "none", null])(
    "[JW-11] %j for the content is refused",
    async (enc) => {
      const world = await jweWorld();
      const odd = withHeader(await world.issue(), (header) => ({ ...header, enc }));
      expect(await world.verifier.verify(odd)).toEqual({ state: "unknown", why: "algorithm" });
    },
  );
});

describe("a header that asks for work", () => {
  it("[JW-11] is refused for p2c = 1e9 before a hash is made", async () => {
    const world = await jweWorld("A256KW");
    const derive = vi.spyOn(crypto.subtle, "deriveBits");
    const good = await world.issue();
    const started = performance.now();
    for (const alg of ["PBES2-HS512+A256KW", "A256KW"]) {
      for (const p2c of [1, 4_096, 1e9, "1e9"]) {
        const odd = withHeader(good, (header) => ({ ...header, alg, p2c, p2s: "c2FsdHNhbHQ" }));
        expect(await world.verifier.verify(odd)).toEqual({ state: "unknown", why: "header" });
      }
    }
    expect(performance.now() - started).toBeLessThan(100);
    expect(derive).not.toHaveBeenCalled();
    derive.mockRestore();
  });

  it("[JW-11] is refused for zip, a bomb of ten million bytes included", async () => {
    const world = await jweWorld("A256KW");
    const bomb = deflateRawSync(Buffer.alloc(5_000_000, "a"));
    expect(bomb.length).toBeLessThan(5_200);
    for (const zip of ["DEF", "GZ", "", null, false]) {
      const sealed = await world.seal(bomb);
      const odd = withHeader(sealed, (header) => ({ ...header, zip }));
      const before = process.memoryUsage().arrayBuffers;
      expect(await world.verifier.verify(odd)).toEqual({ state: "unknown", why: "header" });
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    }
    // Properly authenticated, by whoever has the key: still nothing is inflated.
    const whole = await world.seal("a".repeat(1_000_000), { zip: "DEF" });
    expect(whole.length).toBeLessThan(8_192);
    expect(await world.verifier.verify(whole)).toEqual({ state: "unknown", why: "header" });
  });

  it.each(["crit", "jwk", "jku", "x5c", "x5u", "apu", "apv", "b64", "typ", "iv", "tag", "d"])(
    "[JW-03, JW-11] is refused for %s",
    async (name) => {
      const world = await jweWorld();
      const outbound = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no network"));
      const odd = withHeader(await world.issue(), (header) => ({ ...header, [name]: "x" }));
      expect(await world.verifier.verify(odd)).toEqual({ state: "unknown", why: "header" });
      expect(outbound).not.toHaveBeenCalled();
      outbound.mockRestore();
    },
  );

  it("[JW-11] is refused for a point that is none of P-256 or tells a secret", async () => {
    const world = await jweWorld();
    const good = await world.issue();
    const { x, y } = world.keys.publicJwk;
    for (const epk of [
      undefined,
      null,
      "x",
      {},
      { kty: "EC", crv: "P-384", x, y },
      { kty: "OKP", crv: "X25519", x },
      { kty: "EC", crv: "P-256", x, y: `${String(y)}AA` },
      { kty: "EC", crv: "P-256", x, y, d: x },
    ]) {
      const odd = withHeader(good, (header) => ({ ...header, epk }));
      expect(await whyOf(world.verifier.verify(odd))).toBe("header");
    }
    const epk = { kty: "EC", crv: "P-256", x, y: x };
    const off = withHeader(good, (header) => ({ ...header, epk }));
    expect(await whyOf(world.verifier.verify(off))).toBe("decryption");
  });

  it("[JW-10] is refused when it is long, repeated or respelt", async () => {
    const world = await jweWorld();
    const good = await world.issue();
    const [head = "", ...rest] = good.split(".");
    const json = Buffer.from(head, "base64url").toString();
    const spelt = (text: string) => [Buffer.from(text).toString("base64url"), ...rest].join(".");
    expect(await whyOf(world.verifier.verify(spelt(json.replace("{", '{"alg":"dir",'))))).toBe(
      "header",
    );
    expect(await whyOf(world.verifier.verify(spelt(json + " ".repeat(1_024))))).toBe("form");
    expect(await whyOf(world.verifier.verify(`${good}.AAAA`))).toBe("form");
    expect(await whyOf(world.verifier.verify(`${good}=`))).toBe("form");
    expect(await whyOf(world.verifier.verify(good.replace(/\.[^.]+$/, ".AAAA")))).toBe("form");
    expect(await whyOf(world.verifier.verify("A".repeat(8_193)))).toBe("size");
    expect(await whyOf(world.verifier.verify(7 as never))).toBe("not_text");
    expect(await whyOf(world.verifier.verify(good))).toBe("active");
  });
});

async function whyOf(standing: unknown): Promise<unknown> {
  const settled = (await standing) as { readonly state: string; readonly why?: string };
  return settled.state === "active" ? "active" : settled.why;
}

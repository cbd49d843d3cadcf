/** The attacker spells one token so that two parsers read two things. */
import fc from "fast-check";
import { CompactSign } from "jose";
import { describe, expect, it } from "vitest";
import { goodClaims, privateKeyOf, tokenWorld } from "../support/token-world.ts";

const UNKNOWN = expect.objectContaining({ state: "unknown" }) as object;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** A token over exactly these texts, properly signed by the issuer's own key. */
async function signer(world: Awaited<ReturnType<typeof tokenWorld>>) {
  const { key, kid, alg } = await privateKeyOf(world);
  const header = JSON.stringify({ alg, kid, typ: "at+jwt" });
  return async (payload: string | Uint8Array, head: string = header) => {
    const body = Buffer.from(payload).toString("base64url");
    const input = `${Buffer.from(head).toString("base64url")}.${body}`;
    const bytes = new TextEncoder().encode(input);
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, bytes);
    return `${input}.${Buffer.from(signature).toString("base64url")}`;
  };
}

describe("a token with two readings", () => {
  it("[JW-10] repeats no member, at any depth and in any spelling", async () => {
    const world = await tokenWorld();
    const sign = await signer(world);
    const good = JSON.stringify(goodClaims(world.time));
    const withMore = (more: string) => `${good.slice(0, -1)},${more}}`;
    expect(await world.verifier.verify(await sign(good))).toMatchObject({ state: "active" });
    const harmless = withMore('"a":{"sub":1},"b":[{"x":1},{"x":1}],"c":"\\"sub\\":","d":"}{"');
    expect(await world.verifier.verify(await sign(harmless))).toMatchObject({ state: "active" });
    for (const more of [
      '"sub":"mallory"',
      '"s\\u0075b":"mallory"',
      '"\\u0073\\u0075\\u0062" : "mallory"',
      '"a":{"x":1,"x":2}',
      '"a":[{"x":1,"\\u0078":2}]',
      '"__proto__":{"sub":"mallory"}',
      ' "sub" : "mallory"',
    ]) {
      expect(await world.verifier.verify(await sign(withMore(more)))).toEqual(UNKNOWN);
    }
  });

  it("[JW-10] repeats no header either", async () => {
    const world = await tokenWorld();
    const sign = await signer(world);
    const { kid } = await privateKeyOf(world);
    const payload = JSON.stringify(goodClaims(world.time));
    for (const head of [
      `{"alg":"none","alg":"ES256","kid":"${kid}","typ":"at+jwt"}`,
      `{"alg":"ES256","kid":"${kid}","typ":"dpop+jwt","t\\u0079p":"at+jwt"}`,
    ]) {
      const token = await sign(payload, head);
      expect(await world.verifier.verify(token)).toEqual({ state: "unknown", why: "header" });
    }
  });

  it("[JW-10] is UTF-8 of one JSON object", async () => {
    const world = await tokenWorld();
    const sign = await signer(world);
    const good = JSON.stringify(goodClaims(world.time));
    const latin = Buffer.from(good.replace("alice", "al\u00efce"), "latin1");
    for (const payload of [
      "",
      "[]",
      "null",
      "7",
      `\ufeff${good}`,
      `${good}x`,
      `${good}\0`,
      latin,
    ]) {
      expect(await world.verifier.verify(await sign(payload))).toEqual(UNKNOWN);
    }
  });

  it("[JW-10] has one spelling: no padding, no stray bits, no other alphabet", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const [head = "", payload = "", signature = ""] = token.split(".");
    for (const [part, at] of [head, payload, signature].map((text, at) => [text, at] as const)) {
      const respelt = [
        `${part}=`,
        `${part}==`,
        `${part} `,
        `${part}\n`,
        part.replace("-", "+"),
        part.replace("_", "/"),
        `${part}A`,
      ];
      const last = ALPHABET.indexOf(part.at(-1) ?? "");
      const free = { 2: 16, 3: 4 }[part.length % 4] ?? 1;
      for (let bits = 1; bits < free; bits += 1) {
        respelt.push(part.slice(0, -1) + (ALPHABET[last + bits] ?? ""));
      }
      for (const text of respelt.filter((one) => one !== part)) {
        const parts = [head, payload, signature];
        parts[at] = text;
        expect(await world.verifier.verify(parts.join("."))).toEqual(UNKNOWN);
      }
    }
    for (const text of [`${token}.`, `.${token}`, `${token}.AAAA`, token.replace(".", ".."), " "]) {
      expect(await world.verifier.verify(text)).toEqual(UNKNOWN);
    }
    expect(await world.verifier.verify(token)).toMatchObject({ state: "active" });
  });

  it("[JW-10] has at most 8192 characters, and costs nothing beyond", async () => {
    const world = await tokenWorld();
    const sign = await signer(world);
    const padded = (length: number) =>
      sign(JSON.stringify({ ...goodClaims(world.time), pad: "x".repeat(length) }));
    const room = Math.floor(((8_192 - (await padded(0)).length) * 3) / 4);
    const fits = await padded(room - 2);
    expect(fits.length).toBeLessThanOrEqual(8_192);
    expect(await world.verifier.verify(fits)).toMatchObject({ state: "active" });
    const over = await padded(room + 2);
    expect(over.length).toBeGreaterThan(8_192);
    expect(await world.verifier.verify(over)).toEqual({ state: "unknown", why: "size" });
    const huge = `${"A".repeat(30_000_000)}.A.A`;
    const before = performance.now();
    expect(await world.verifier.verify(huge)).toEqual({ state: "unknown", why: "size" });
    expect(performance.now() - before).toBeLessThan(100);
  });

  it("[JW-10] of any text never throws and never passes", async () => {
    const world = await tokenWorld();
    const part = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.stringMatching(/^[\w-]{0,60}$/),
      fc.json().map((text) => Buffer.from(text).toString("base64url")),
    );
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(".")),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect(await world.verifier.verify(token)).toEqual(UNKNOWN);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a malleable signature", () => {
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

  /** The other signature that ECDSA takes for the same text: s becomes n − s. */
  function twin(token: string): string {
    const cut = token.lastIndexOf(".") + 1;
    const bytes = Buffer.from(token.slice(cut), "base64url");
    const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
    const other = Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex");
    const signature = Buffer.concat([bytes.subarray(0, 32), other]);
    return token.slice(0, cut) + signature.toString("base64url");
  }

  it("[JW-09] gives a second text for a token, which is revoked with it", async () => {
    const world = await tokenWorld();
    const token = await world.issue();
    const second = twin(token);
    expect(second).not.toBe(token);
    const standing = await world.verifier.verify(token);
    expect(await world.verifier.verify(second)).toEqual(standing);
    if (standing.state !== "active") throw new Error("active");
    const { iss: issuer, jti } = standing.claims;
    world.feed.add({ kind: "token", issuer, jti, at: world.time.wall() });
    world.time.pass(5_000);
    const ended = { state: "ended", why: "token" };
    expect(await world.verifier.verify(token)).toEqual(ended);
    expect(await world.verifier.verify(second)).toEqual(ended);
    expect(await world.verifierWith({}).verify(second)).toEqual(ended);
  });

  it("of other bytes than r and s is nothing", async () => {
    const world = await tokenWorld();
    const { key, kid, alg } = await privateKeyOf(world);
    const claims = new TextEncoder().encode(JSON.stringify(goodClaims(world.time)));
    const sign = new CompactSign(claims).setProtectedHeader({ alg, kid, typ: "at+jwt" });
    const token = await sign.sign(key);
    const cut = token.lastIndexOf(".") + 1;
    // CVE-2022-21449: r = s = 0.
    for (const bytes of [Buffer.alloc(64), Buffer.alloc(63, 1), Buffer.alloc(65, 1)]) {
      const forged = token.slice(0, cut) + bytes.toString("base64url");
      expect(await world.verifier.verify(forged)).toEqual(UNKNOWN);
    }
  });
});

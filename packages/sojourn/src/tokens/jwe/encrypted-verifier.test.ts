import { compactDecrypt, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import {
  jweKeys,
  jweWorld,
  makeJweKeys,
  WRAPPINGS,
} from "../../../../../tests/support/jwe-world.ts";
import { API, clientOf, readParts } from "../../../../../tests/support/dpop-world.ts";
import { tokenWorld } from "../../../../../tests/support/token-world.ts";
import { createAccessGuard } from "../dpop/access-guard.ts";
import { createDpop } from "../dpop/dpop.ts";
import { memoryReplays } from "../dpop/memory-replays.ts";
import { createEncryptedVerifier } from "./encrypted-verifier.ts";
import { tokenEncrypter } from "./token-encrypter.ts";

describe.each(WRAPPINGS)("a token encrypted by %s", (alg) => {
  it("[JW-11, JW-13] tells its reader what a signed one may not say, and nobody else", async () => {
    const world = await jweWorld(alg);
    const token = await world.issue();
    expect(token.split(".")).toHaveLength(5);
    expect(Buffer.from(token.replaceAll(".", ""), "base64url").includes("a@b.example")).toBe(false);
    for (let round = 0; round < 2; round += 1) {
      expect(await world.verifier.verify(token)).toMatchObject({
        state: "active",
        claims: { sub: "alice", email: "a@b.example" },
      });
    }
  });

  it("[JW-11] is signed, then encrypted: jose opens ours and we open jose's", async () => {
    const world = await jweWorld(alg);
    const key = await importJWK(world.keys.privateJwk, alg);
    const { plaintext, protectedHeader } = await compactDecrypt(await world.issue(), key);
    expect(protectedHeader).toMatchObject({ alg, enc: "A256GCM", cty: "JWT" });
    const inner = new TextDecoder().decode(plaintext);
    expect(readParts(inner).header).toMatchObject({ alg: "ES256", typ: "at+jwt" });
    const theirs = await world.seal(inner);
    expect(await world.verifier.verify(theirs)).toMatchObject({ state: "active" });
  });

  it("is as revocable as a signed one, remembered or not", async () => {
    const world = await jweWorld(alg);
    const token = await world.issue();
    expect(await world.verifier.verify(token)).toMatchObject({ state: "active" });
    const { feed, time } = world.tokens;
    feed.add({ kind: "session", session: `ses_${"A".repeat(24)}`, at: time.wall() });
    time.pass(5_000);
    expect(await world.verifier.verify(token)).toEqual({ state: "ended", why: "session" });
  });
});

describe("an encrypted token that is bound to a key", () => {
  it("[DP-05] is presented with a proof over its outer text", async () => {
    const { tokens, verifier } = await jweWorld();
    const client = await clientOf(tokens);
    const dpop = createDpop({ externalUrl: API, replays: memoryReplays(), now: tokens.time.wall });
    const guard = createAccessGuard({ verifier, dpop });
    const ask = async (token: string | undefined) =>
      guard.check({
        method: "GET",
        path: "/notes",
        authorization: `DPoP ${client.token}`,
        proof: await client.proof(token === undefined ? {} : { token }),
      });
    expect(client.token.split(".")).toHaveLength(5);
    expect(await ask(undefined)).toMatchObject({ state: "active", claims: { sub: "alice" } });
    expect(await ask("inner")).toMatchObject({ state: "refused", why: "token_hash" });
    const bearer = { authorization: `Bearer ${client.token}`, proof: undefined };
    const answer = await guard.check({ method: "GET", path: "/notes", ...bearer });
    expect(answer).toMatchObject({ state: "refused", why: "binding" });
  });
});

describe("keys that tokens are encrypted to", () => {
  it("[KY-02] verify side by side while one is rolled out, found by kid alone", async () => {
    const [old, young, gone] = await Promise.all([
      makeJweKeys("A256KW", "old"),
      makeJweKeys("A256KW", "young"),
      makeJweKeys("A256KW", "gone"),
    ]);
    const { verifier: inner, ...world } = await tokenWorld();
    const keys = [{ ...young.privateJwk }, JSON.stringify(old.privateJwk)];
    const verifier = createEncryptedVerifier({ verifier: inner, keys, remembered: 0 });
    const signed = await world.issue();
    const by = (of: typeof old) => tokenEncrypter({ key: JSON.stringify(of.publicJwk) })(signed);
    expect(await verifier.verify(await by(old))).toMatchObject({ state: "active" });
    expect(await verifier.verify(await by(young))).toMatchObject({ state: "active" });
    expect(await verifier.verify(await by(gone))).toEqual({ state: "unknown", why: "key" });
  });

  it("[KY-04] are refused all at once, by place, without a part of a key", async () => {
    const { privateJwk: rsa } = await jweKeys("RSA-OAEP-256");
    const { privateJwk: point, publicJwk } = await jweKeys("ECDH-ES+A256KW");
    const k = Buffer.alloc(32, 7).toString("base64url");
    const secret = { kty: "oct", kid: "s", alg: "A256KW" };
    const keys = [
      undefined,
      "not json",
      { ...secret, k },
      { ...secret, k: "c2hvcnQ" },
      { ...point, use: "sig" },
      { ...point, kid: undefined },
      { ...point, crv: "P-384" },
      { ...publicJwk },
      { ...point, kty: "RSA" },
      { ...rsa, e: "Aw" },
      { ...rsa, n: String(rsa.n).slice(0, 342) },
    ];
    const { verifier } = await tokenWorld();
    const create = () => createEncryptedVerifier({ verifier, keys, remembered: -1 });
    expect(create).toThrow(/^12 configuration problems:/);
    expect(create).not.toThrow(new RegExp(`${k}|${String(point.d)}|${String(rsa.d)}`));
    const twice = [{ ...point }, { ...point }];
    expect(() => createEncryptedVerifier({ verifier, keys: twice })).toThrow(/kid of another/);
    expect(() => createEncryptedVerifier({ verifier, keys: [] })).toThrow(/1 to 16/);
    expect(() => tokenEncrypter({ key: { ...point, alg: "dir" } })).toThrow(/needs an alg/);
  });

  it("that make no key after all are an error of configuration, not of the token", async () => {
    const { privateJwk, publicJwk } = await jweKeys("ECDH-ES+A256KW");
    const off = { ...privateJwk, y: String(privateJwk.x) };
    const { verifier: inner, ...world } = await tokenWorld();
    const verifier = createEncryptedVerifier({ verifier: inner, keys: [{ ...off }] });
    const token = await tokenEncrypter({ key: { ...publicJwk } })(await world.issue());
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: "ERR_CONFIG" });
  });
});

describe("what is encrypted", () => {
  it("[JW-11] is a signed token of bounded size, and nothing else", async () => {
    const { publicJwk } = await jweKeys("A256KW");
    const encrypt = tokenEncrypter({ key: { ...publicJwk } });
    for (const odd of ["", "{}", "a.b", "a.b.c.d.e", "a.b.", "a.b.c\n"]) {
      await expect(encrypt(odd)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    }
    await expect(encrypt(`a.${"b".repeat(6_200)}.c`)).rejects.toThrow(/at most 8192/);
  });
});

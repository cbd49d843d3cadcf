import { createSign, generateKeyPairSync, sign as nodeSign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getuid } from "node:process";
import { importJWK, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { START } from "../../../../../tests/support/token-world.ts";
import { ecdsaFromDer } from "./ecdsa-der.ts";
import { fileKeys } from "./file-keys.ts";
import { rotateKeys } from "./key-document.ts";
import { kmsKeys } from "./kms-keys.ts";
import { environmentKeys } from "./local-keys.ts";
import type { KeyProvider } from "./provider.ts";
import { createSigningKeys } from "./signing-keys.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sojourn-keys-"));
});
afterAll(() => rm(folder, { recursive: true }));

const rsa = (bits: number) => generateKeyPairSync("rsa", { modulusLength: bits });
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }) as string;
const jwkOf = (key: KeyObject) => key.export({ format: "jwk" });

/** A signature of each key, checked by another library with the published key. */
async function signs(provider: KeyProvider): Promise<string[]> {
  const keys = createSigningKeys({ provider });
  const { token, kid } = await keys.sign({ typ: "at+jwt" }, { sub: "alice" }, 0);
  const jwk = (await keys.jwks()).keys.find((one) => one.kid === kid);
  const key = await importJWK({ ...jwk, kty: jwk?.kty ?? "" }, jwk?.alg);
  expect((await jwtVerify(token, key)).payload).toEqual({ sub: "alice" });
  return Object.keys(jwk ?? {}).toSorted();
}

describe("environmentKeys", () => {
  it("reads PKCS#8 and JWK, and publishes no private part", async () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const ed = generateKeyPairSync("ed25519").privateKey;
    const long = rsa(3072).privateKey;
    const ecMembers = ["alg", "crv", "kid", "kty", "purpose", "use", "x", "y"];
    const rsaMembers = ["alg", "e", "kid", "kty", "n", "purpose", "use"];
    expect(await signs(await environmentKeys({ keys: [pem(ec)] }))).toEqual(ecMembers);
    expect(await signs(await environmentKeys({ keys: [JSON.stringify(jwkOf(ec))] }))).toEqual(
      ecMembers,
    );
    const edMembers = ecMembers.filter((name) => name !== "y");
    expect(await signs(await environmentKeys({ keys: [pem(ed)] }))).toEqual(edMembers);
    for (const alg of ["RS256", "PS256"] as const) {
      expect(await signs(await environmentKeys({ keys: [pem(long)], alg }))).toEqual(rsaMembers);
      const jwk = JSON.stringify({ ...jwkOf(long), alg });
      expect(await signs(await environmentKeys({ keys: [jwk] }))).toEqual(rsaMembers);
    }
  });

  it("gives a key the same id in every process: its RFC 7638 thumbprint", async () => {
    // RFC 8037, appendix A.3.
    const jwk = {
      kty: "OKP",
      crv: "Ed25519",
      d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
      x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    };
    const [key] = await (await environmentKeys({ keys: [JSON.stringify(jwk)] })).list();
    expect(key?.kid).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  });

  it("[KY-04] refuses keys that are too weak or of another kind, by place and without a part", async () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    const short = rsa(2048).privateKey;
    const long = jwkOf(rsa(3072).privateKey);
    const hmac = { kty: "oct", k: "c2VjcmV0", alg: "HS256" };
    const ec = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    const { d: _private, ...publicOnly } = ec;
    const wrong: (string | undefined)[] = [
      undefined,
      "",
      "secret",
      pem(p384),
      JSON.stringify({ ...jwkOf(short), alg: "PS256" }),
      JSON.stringify(long),
      JSON.stringify({ ...long, alg: "RS256", e: "Aw" }),
      JSON.stringify(hmac),
      JSON.stringify(publicOnly),
      JSON.stringify({ ...ec, use: "enc" }),
      JSON.stringify({ ...ec, activatesAt: "tomorrow" }),
      JSON.stringify({ ...ec, retiresAt: "1969-01-01T00:00:00Z" }),
      JSON.stringify({ ...ec, purpose: "everything" }),
      JSON.stringify({ ...ec, kid: "a b" }),
      JSON.stringify({ keys: [] }),
    ];
    const error = await environmentKeys({ keys: wrong }).catch((thrown: unknown) => thrown);
    const { message, problems } = error as { message: string; problems: { path: string }[] };
    expect(problems.map(({ path }) => path).toSorted()).toEqual(
      wrong.map((_, index) => `keys[${index}]`).toSorted(),
    );
    expect(message).toMatch(/has 2048 bits; an RSA key takes at least 3072/);
    expect(message).toMatch(/takes the public exponent AQAB/);
    expect(message).toMatch(/is a shared secret/);
    expect(message).not.toContain("c2VjcmV0");
    expect(message).not.toContain(String(ec["d"]));
  });

  it("[KY-01] refuses one key in two places, and for two purposes under two names", async () => {
    const key = generateKeyPairSync("ed25519").privateKey;
    await expect(environmentKeys({ keys: [pem(key), pem(key)] })).rejects.toThrow(/twice/);
    const feed = { ...jwkOf(key), kid: "feed", purpose: "revocation-feed" };
    const both = environmentKeys({ keys: [pem(key), JSON.stringify(feed)] });
    await expect(both).rejects.toThrow(/keys: has the key feed twice/);
  });
});

describe("fileKeys", () => {
  const rotation = { purpose: "access-token", leadMs: 0, overlapMs: 60_000 } as const;

  async function keyFile(name: string, mode = 0o600) {
    const path = join(folder, name);
    const { document, kid } = await rotateKeys({ ...rotation, now: START });
    await writeFile(path, document, { mode });
    await chmod(path, mode);
    return { path, document, kid };
  }

  it("[KY-02] follows its file: a rotation needs no restart", async () => {
    const { path, document, kid } = await keyFile("rotated");
    const provider = await fileKeys({ path });
    expect((await provider.list()).map((key) => key.kid)).toEqual([kid]);
    const next = await rotateKeys({ ...rotation, document, now: START + 1_000 });
    await writeFile(path, next.document);
    expect((await provider.list()).map((key) => key.kid)).toEqual([kid, next.kid]);
    await signs(provider);
  });

  it("keeps what it has when the file becomes unusable, and says so once for each change", async () => {
    const errors: unknown[] = [];
    const { path, kid } = await keyFile("broken");
    const provider = await fileKeys({ path, onError: (error) => errors.push(error) });
    await writeFile(path, '{"keys": [');
    for (let time = 0; time < 3; time += 1) {
      expect((await provider.list()).map((key) => key.kid)).toEqual([kid]);
    }
    expect(errors).toHaveLength(1);
    await rm(path);
    for (let time = 0; time < 3; time += 1) {
      expect((await provider.list()).map((key) => key.kid)).toEqual([kid]);
    }
    expect(errors).toHaveLength(2);
    expect(String(errors[1])).not.toContain(folder);
  });

  it.each([0o640, 0o604, 0o660])("refuses a file that others may open (%o)", async (mode) => {
    const { path } = await keyFile(`open-${mode}`, mode);
    await expect(fileKeys({ path })).rejects.toThrow(/chmod 600/);
  });

  it("[KY-06] leaves the file to its owner when root revokes: the service still reads it", async () => {
    const { path, kid } = await keyFile("of-the-service");
    // Only root may give a file away; anybody else's stays theirs.
    if (getuid?.() === 0) await chown(path, 65_534, 65_534);
    const { uid, gid } = await stat(path);
    await createSigningKeys({ provider: await fileKeys({ path }) }).revoke(kid);
    expect(await stat(path)).toMatchObject({ uid, gid });
    expect(await readFile(path, "utf8")).toContain("revokedAt");
  });

  it("[KY-06] keeps a revocation in the file, for its owner alone and whole", async () => {
    const { path, kid } = await keyFile("revoked");
    const keys = createSigningKeys({ provider: await fileKeys({ path }) });
    expect(await keys.revoke(kid)).toMatchObject({ kept: true });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toContain("revokedAt");
    const again = createSigningKeys({ provider: await fileKeys({ path }) });
    expect((await again.inventory()).map(({ state }) => state)).toEqual(["revoked"]);
    expect((await readdir(folder)).filter((name) => name.startsWith("revoked."))).toEqual([]);
  });
});

describe("kmsKeys", () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicJwk = jwkOf(pair.publicKey);

  it("signs without ever holding a private key, in either form of ECDSA", async () => {
    const der = await kmsKeys({
      keys: [{ alg: "ES256", publicJwk }],
      ecdsa: "der",
      sign: (_kid, _alg, bytes) =>
        Promise.resolve(createSign("sha256").update(bytes).sign(pair.privateKey)),
    });
    const raw = await kmsKeys({
      keys: [{ alg: "ES256", publicJwk, kid: "cloud/7" }],
      sign: (_kid, _alg, bytes) =>
        Promise.resolve(
          nodeSign("sha256", bytes, { key: pair.privateKey, dsaEncoding: "ieee-p1363" }),
        ),
    });
    for (let time = 0; time < 40; time += 1) await signs(der);
    await signs(raw);
    expect(Object.keys((await raw.list())[0] ?? {})).not.toContain("privateKey");
  });

  it("lists at most 64 keys: as many as a verifier reads", async () => {
    const sign = () => Promise.resolve(new Uint8Array(64));
    const listing = (count: number) => {
      const keys = Array.from({ length: count }, () => {
        const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        return { alg: "ES256", publicJwk: jwkOf(publicKey) } as const;
      });
      return kmsKeys({ keys, sign });
    };
    expect(await (await listing(64)).list()).toHaveLength(64);
    await expect(listing(65)).rejects.toThrow(/keys: has over 64 keys/);
  });

  it("[KY-01, KY-04] lists a key once, under a kid that tokens can carry, for a known purpose", async () => {
    const sign = () => Promise.resolve(new Uint8Array(64));
    const listing = (...keys: object[]) =>
      kmsKeys({ keys: keys.map((key) => ({ alg: "ES256", publicJwk, ...key })), sign });
    const twice = listing({}, { kid: "feed", purpose: "revocation-feed" });
    await expect(twice).rejects.toThrow(/keys: has the key feed twice/);
    for (const kid of ["", "a b", "k".repeat(257)]) {
      await expect(listing({ kid })).rejects.toThrow(/no usable kid/);
    }
    await expect(listing({ purpose: "everything" })).rejects.toThrow(/no known purpose/);
    const p384 = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey);
    await expect(listing({ publicJwk: p384 })).rejects.toThrow(/is no key for ES256/);
    await expect(listing({ alg: "RS256" })).rejects.toThrow(/is no key for RS256/);
  });

  it("refuses a signature that is none, and a key with a private part", async () => {
    const garbage = await kmsKeys({
      keys: [{ alg: "ES256", publicJwk }],
      sign: () => Promise.resolve(new Uint8Array(70)),
    });
    const keys = createSigningKeys({ provider: garbage });
    await expect(keys.sign({}, {}, 0)).rejects.toMatchObject({ code: "ERR_KEY_UNAVAILABLE" });
    const whole = kmsKeys({
      keys: [{ alg: "ES256", publicJwk: jwkOf(pair.privateKey) }],
      sign: () => Promise.resolve(new Uint8Array(64)),
    });
    await expect(whole).rejects.toThrow(/keys\[0\]\.publicJwk: has a private part/);
  });

  it.each([
    ["nothing", []],
    ["no sequence", [0x31, 0x06, 2, 1, 1, 2, 1, 1]],
    ["a wrong length", [0x30, 0x07, 2, 1, 1, 2, 1, 1]],
    ["one integer", [0x30, 0x03, 2, 1, 1]],
    ["more behind", [0x30, 0x07, 2, 1, 1, 2, 1, 1, 9]],
    ["an integer cut off", [0x30, 0x04, 2, 9, 1, 1]],
  ])("takes %s for no signature", (_, bytes) => {
    expect(ecdsaFromDer(Uint8Array.from(bytes))).toBeUndefined();
  });
});

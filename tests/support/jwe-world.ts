/** Encrypted access tokens, and what an attacker with the recipient's public key can make. */
import { CompactEncrypt, exportJWK, generateKeyPair, importJWK } from "jose";
import type { JWK } from "jose";
import { createEncryptedVerifier, tokenEncrypter } from "sojourn/tokens";
import type { EncryptedVerifier, WrappingAlgorithm } from "sojourn/tokens";
import { AUDIENCE, tokenWorld } from "./token-world.ts";
import type { TokenWorld } from "./token-world.ts";

export const WRAPPINGS: readonly WrappingAlgorithm[] = ["A256KW", "ECDH-ES+A256KW", "RSA-OAEP-256"];

export interface JweKeys {
  readonly alg: WrappingAlgorithm;
  readonly privateJwk: JWK;
  /** The same as the private one for a shared secret. */
  readonly publicJwk: JWK;
}

const made = new Map<WrappingAlgorithm, Promise<JweKeys>>();

/** RSA keys take long to make: one of each kind for a whole file. */
export function jweKeys(alg: WrappingAlgorithm): Promise<JweKeys> {
  const known = made.get(alg) ?? makeJweKeys(alg, `enc-${alg}`);
  made.set(alg, known);
  return known;
}

export async function makeJweKeys(alg: WrappingAlgorithm, kid: string): Promise<JweKeys> {
  const named = (jwk: JWK): JWK => ({ ...jwk, kid, alg, use: "enc" });
  if (alg === "A256KW") {
    const k = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
    const jwk = named({ kty: "oct", k });
    return { alg, privateJwk: jwk, publicJwk: jwk };
  }
  const pair = await generateKeyPair(alg, { crv: "P-256", modulusLength: 3072, extractable: true });
  return {
    alg,
    privateJwk: named(await exportJWK(pair.privateKey)),
    publicJwk: named(await exportJWK(pair.publicKey)),
  };
}

export interface JweWorld {
  readonly tokens: TokenWorld;
  readonly keys: JweKeys;
  readonly verifier: EncryptedVerifier;
  /** A good token, signed and then encrypted. */
  issue(): Promise<string>;
  /** Whatever the attacker encrypts to the recipient, with these members over an honest header. */
  seal(plain: string | Uint8Array, header?: object): Promise<string>;
}

export async function jweWorld(alg: WrappingAlgorithm = "ECDH-ES+A256KW"): Promise<JweWorld> {
  const keys = await jweKeys(alg);
  const encrypt = tokenEncrypter({ key: { ...keys.publicJwk } });
  const tokens = await tokenWorld({
    templates: {
      [AUDIENCE]: { encrypt, claims: ["email"], from: () => ({ email: "a@b.example" }) },
    },
  });
  const verifier = createEncryptedVerifier({
    verifier: tokens.verifier,
    keys: [{ ...keys.privateJwk }],
  });
  return {
    tokens,
    keys,
    verifier,
    issue: () => tokens.issue(),
    async seal(plain, header = {}) {
      const bytes = typeof plain === "string" ? new TextEncoder().encode(plain) : plain;
      const honest = { alg, enc: "A256GCM", cty: "JWT", kid: String(keys.publicJwk.kid) };
      const head = { ...honest, ...header };
      const key = await importJWK(keys.publicJwk, head.alg);
      return new CompactEncrypt(bytes).setProtectedHeader(head).encrypt(key);
    },
  };
}

/** The header of a compact text changed, the rest as it was. */
export function withHeader(
  token: string,
  change: (header: Record<string, unknown>) => object,
): string {
  const [head = "", ...rest] = token.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, unknown>;
  return [Buffer.from(JSON.stringify(change(header))).toString("base64url"), ...rest].join(".");
}

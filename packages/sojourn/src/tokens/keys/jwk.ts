/** Public keys as they are published (RFC 7517), made from whatever an operator has. */
import { sha256 } from "#platform";
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import type { SigningAlgorithm } from "./algorithms.ts";
import { factsOf, isSigningAlgorithm, RSA_BITS_MIN } from "./algorithms.ts";

/** A JSON Web Key as somebody wrote it; nothing of it is believed yet. */
export interface AnyJwk {
  readonly kty?: unknown;
  readonly crv?: unknown;
  readonly alg?: unknown;
  readonly kid?: unknown;
  readonly use?: unknown;
  readonly x?: unknown;
  readonly y?: unknown;
  readonly n?: unknown;
  readonly e?: unknown;
  readonly d?: unknown;
  readonly k?: unknown;
}

/** What a JWKS shows of a key. */
export interface PublicJwk {
  readonly kty: "EC" | "OKP" | "RSA";
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly use: "sig";
  /** Ours besides RFC 7517: our verifiers take a key for its purpose only. */
  readonly purpose?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

/** The members that make a public key, in the order of RFC 7638. */
const MEMBERS: Readonly<Record<PublicJwk["kty"], readonly (keyof AnyJwk)[]>> = {
  EC: ["crv", "kty", "x", "y"],
  OKP: ["crv", "kty", "x"],
  RSA: ["e", "kty", "n"],
};

/** For keys that do not say it. RSA keys have to. */
const USUAL: Readonly<Record<string, SigningAlgorithm>> = { EC: "ES256", OKP: "EdDSA" };

/**
 * Which algorithm a key is for.
 * @returns what is wrong as a sentence part, or the algorithm as `{ alg }`.
 */
export function algorithmOf(jwk: AnyJwk, wanted?: unknown): { alg: SigningAlgorithm } | string {
  if (jwk.kty === "oct" || jwk.k !== undefined) {
    return "is a shared secret (kty oct); tokens that others verify are signed with a key pair";
  }
  const alg = wanted ?? jwk.alg ?? USUAL[String(jwk.kty)];
  if (!isSigningAlgorithm(alg)) {
    return "needs an alg: ES256 (recommended), EdDSA, RS256 or PS256";
  }
  const { kty, crv } = factsOf(alg);
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) {
    return `is no key for ${alg}: that takes kty ${kty}${crv === undefined ? "" : `, crv ${crv}`}`;
  }
  return { alg };
}

const KID = /^[\x21-\x7e]{1,256}$/;
/** 65537: with a small one a signature is easier to forge. FIPS 186-5 section 5.4. */
const RSA_EXPONENT = "AQAB";

/**
 * The public part of a key, with its id.
 *
 * @param jwk Of the right kind for `alg`; private members are left behind.
 * @param kid Absent: the RFC 7638 thumbprint.
 * @returns what is wrong as a sentence part, or the key.
 */
export async function publicJwk(
  jwk: AnyJwk,
  alg: SigningAlgorithm,
  kid: unknown,
): Promise<PublicJwk | string> {
  const { kty } = factsOf(alg);
  const named = typeof kid === "string" && KID.test(kid);
  if (kid !== undefined && !named) return "has no usable kid: 1 to 256 printable characters";
  const parts: Record<string, string> = {};
  for (const name of MEMBERS[kty]) {
    const value = jwk[name];
    if (typeof value !== "string" || value === "") return `has no "${name}"`;
    parts[name] = value;
  }
  if (kty === "RSA" && modulusBits(parts["n"]) < RSA_BITS_MIN) {
    return `has ${modulusBits(parts["n"])} bits; an RSA key takes at least ${RSA_BITS_MIN}`;
  }
  if (kty === "RSA" && parts["e"] !== RSA_EXPONENT) {
    return `takes the public exponent ${RSA_EXPONENT} (65537)`;
  }
  const id = named ? kid : await thumbprint(parts);
  return { ...parts, kty, kid: id, alg, use: "sig" };
}

/** RFC 7638: SHA-256 over the required members in their order, as base64url. */
export async function thumbprint(members: Readonly<Record<string, string>>): Promise<string> {
  return encodeBase64Url(await sha256(JSON.stringify(members)));
}

/** @param text The member "n", base64url. */
export function modulusBits(text: string | undefined): number {
  const bytes = decodeBase64Url(text ?? "") ?? new Uint8Array(0);
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
}

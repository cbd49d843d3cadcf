/** The public key that a proof brings along. It is worth nothing until something is bound to it. */
import { decodeBase64Url } from "../base64url.ts";
import { factsOf } from "../keys/algorithms.ts";
import { algorithmOf, thumbprint } from "../keys/jwk.ts";
import type { AnyJwk } from "../keys/jwk.ts";

/** Asymmetric, at least 128 bits strong, and cheap to prove whatever the key. `Ed25519`: RFC 9864. */
export const DPOP_ALGORITHMS = ["ES256", "EdDSA", "Ed25519"] as const;
export type DpopAlgorithm = (typeof DPOP_ALGORITHMS)[number];

export interface ProofKey {
  readonly key: CryptoKey;
  /** RFC 7638, base64url. */
  readonly jkt: string;
}

const COORDINATE_BYTES = 32;
/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. */
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** @returns `undefined` for anything but a public key of that algorithm. */
export async function readProofKey(
  jwk: unknown,
  alg: DpopAlgorithm,
): Promise<ProofKey | undefined> {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) return undefined;
  if (PRIVATE.some((name) => Object.hasOwn(jwk, name))) return undefined;
  const given = jwk as AnyJwk;
  if (given.alg !== undefined && given.alg !== alg) return undefined;
  const { kty, crv, key: facts } = factsOf(alg === "ES256" ? "ES256" : "EdDSA");
  const fits = algorithmOf(given, alg === "ES256" ? "ES256" : "EdDSA");
  if (typeof fits === "string" || crv === undefined) return undefined;
  const { x, y } = given;
  if (!isCoordinate(x) || (kty === "EC" && !isCoordinate(y))) return undefined;
  // The order of RFC 7638, which the thumbprint takes.
  const members = kty === "EC" ? { crv, kty, x, y: y as string } : { crv, kty, x };
  try {
    const key = await crypto.subtle.importKey("jwk", members, facts, false, ["verify"]);
    return { key, jkt: await thumbprint(members) };
  } catch {
    // No point of the curve.
    return undefined;
  }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === "string" && decodeBase64Url(value)?.length === COORDINATE_BYTES;
}

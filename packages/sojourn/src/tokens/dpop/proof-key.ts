/** The public key that a proof brings along. It is worth nothing until something is bound to it. */
import { decodeBase64Url } from "../base64url.ts";
import { factsOf } from "../keys/algorithms.ts";
import type { SigningAlgorithm } from "../keys/algorithms.ts";
import { algorithmOf, thumbprint } from "../keys/jwk.ts";
import type { AnyJwk } from "../keys/jwk.ts";

/** Asymmetric, 128 bits strong, cheap to prove whatever the key. `Ed25519`: RFC 9864. */
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
  const known = alg === "ES256" ? "ES256" : "EdDSA";
  const members = isPublic(jwk, alg) ? membersOf(jwk, known) : undefined;
  if (members === undefined) return undefined;
  try {
    const { key: facts } = factsOf(known);
    const key = await crypto.subtle.importKey("jwk", members, facts, false, ["verify"]);
    return { key, jkt: await thumbprint(members) };
  } catch {
    // No point of the curve.
    return undefined;
  }
}

function isPublic(jwk: unknown, alg: DpopAlgorithm): jwk is AnyJwk {
  if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) return false;
  if (PRIVATE.some((name) => Object.hasOwn(jwk, name))) return false;
  return ((jwk as AnyJwk).alg ?? alg) === alg;
}

/** In the order of RFC 7638, which the thumbprint takes. */
function membersOf(jwk: AnyJwk, alg: SigningAlgorithm): Record<string, string> | undefined {
  const { kty, crv } = factsOf(alg);
  if (crv === undefined || typeof algorithmOf(jwk, alg) === "string") return undefined;
  const { x, y } = jwk;
  if (!isCoordinate(x)) return undefined;
  if (kty !== "EC") return { crv, kty, x };
  return isCoordinate(y) ? { crv, kty, x, y } : undefined;
}

function isCoordinate(value: unknown): value is string {
  return typeof value === "string" && decodeBase64Url(value)?.length === COORDINATE_BYTES;
}

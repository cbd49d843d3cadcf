/**
 * The proofs of a device-bound session (`dbsc+jwt`), verified by Web Crypto. At registration the
 * proof brings the key; at refresh it must not, and the stored key judges it.
 */
import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { readCompact } from "../jwt/compact.ts";
import { readJsonObject } from "../jwt/strict-json.ts";
import type { JsonObject } from "../jwt/strict-json.ts";
import type { ProofFlaw } from "./words.ts";

const RULES = { kind: "dbsc+jwt", algorithms: ["ES256", "RS256"] } as const;
type Algorithm = (typeof RULES.algorithms)[number];

/** Trusted platform modules make RSA keys of 2048 bits; longer ones cost the verifier time. */
const RSA_BYTES_MIN = 256;
const RSA_BYTES_MAX = 512;
const COORDINATE_BYTES = 32;
const RSA_EXPONENT = "AQAB";
const TEXT_CHARS_MAX = 1_024;

/** A public key as a record keeps it. */
export interface ProofKey {
  /** JSON text of the required members in the order of RFC 7638. */
  readonly key: string;
  readonly thumbprint: string;
}

/** A compact JWS and what it says it is signed with. */
export interface SignedText {
  readonly text: string;
  readonly alg: Algorithm;
}

/** A proof whose form is right and whose signature nobody has looked at. */
export interface UnprovedProof extends SignedText {
  /** The challenge it answers. */
  readonly challenge: string;
  readonly authorization: string | undefined;
  readonly audience: string | undefined;
  /** The key it brings, in the form of {@link ProofKey}. */
  readonly key: string | undefined;
}

/** @param stage A proof brings its key at registration and at no other time. */
export function readProof(text: string, stage: "register" | "refresh"): UnprovedProof | ProofFlaw {
  const head = readCompact(text, RULES);
  if (typeof head === "string") return "form";
  const alg = head.alg as Algorithm;
  const { jwk } = head.header;
  if ((jwk === undefined) === (stage === "register")) return "key";
  const key = jwk === undefined ? undefined : keyText(jwk, alg);
  if (jwk !== undefined && key === undefined) return "key";
  const payload = payloadOf(text);
  if (payload === undefined) return "form";
  const challenge = textOf(payload["jti"]);
  const authorization = textOf(payload["authorization"]);
  const audience = textOf(payload["aud"]);
  if (typeof challenge !== "string" || authorization === null || audience === null) return "form";
  return { text, alg, challenge, authorization, audience, key };
}

/** Prove the signature with a key in the form of {@link ProofKey}. About 80 µs. */
export async function isSignedBy(proof: SignedText, key: string): Promise<boolean> {
  const dot = proof.text.lastIndexOf(".");
  const signature = decodeBase64Url(proof.text.slice(dot + 1));
  const jwk = JSON.parse(key) as JsonWebKey;
  if (signature === undefined || (jwk.kty === "EC") !== (proof.alg === "ES256")) return false;
  const algorithm =
    proof.alg === "ES256"
      ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
      : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  try {
    const imported = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
    const signed = new TextEncoder().encode(proof.text.slice(0, dot));
    return await crypto.subtle.verify(algorithm, imported, new Uint8Array(signature), signed);
  } catch {
    // No point of the curve.
    return false;
  }
}

export async function proofKey(key: string): Promise<ProofKey> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return { key, thumbprint: encodeBase64Url(new Uint8Array(hash)) };
}

function payloadOf(text: string): JsonObject | undefined {
  const [, payload = ""] = text.split(".");
  const bytes = decodeBase64Url(payload);
  return bytes === undefined ? undefined : readJsonObject(bytes);
}

/** @returns `null` for what is there and no text of a sensible length. */
function textOf(value: unknown): string | undefined | null {
  if (value === undefined) return undefined;
  const fits = typeof value === "string" && value.length > 0 && value.length <= TEXT_CHARS_MAX;
  return fits ? value : null;
}

/** The required members alone: whatever else a key says is left behind. */
export function keyText(jwk: unknown, alg: Algorithm): string | undefined {
  if (typeof jwk !== "object" || jwk === null || "d" in jwk) return undefined;
  const { kty, crv, x, y, n, e } = jwk as JsonObject;
  if (alg === "RS256") {
    const fits = kty === "RSA" && e === RSA_EXPONENT && isModulus(n);
    return fits ? JSON.stringify({ e, kty, n }) : undefined;
  }
  const point = isCoordinate(x) && isCoordinate(y);
  const fits = kty === "EC" && crv === "P-256" && point;
  return fits ? JSON.stringify({ crv, kty, x, y }) : undefined;
}

/** Zeros in front would make a short key long. RFC 7518 section 6.3.1.1. */
function isModulus(value: unknown): boolean {
  const bytes = bytesIn(value) ?? new Uint8Array();
  return bytes.length >= RSA_BYTES_MIN && bytes.length <= RSA_BYTES_MAX && bytes[0] !== 0;
}

function isCoordinate(value: unknown): boolean {
  return bytesIn(value)?.length === COORDINATE_BYTES;
}

/** One spelling of each. */
function bytesIn(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? decodeBase64Url(value) : undefined;
}

/** Keys that tokens are encrypted to: read strictly, each for one algorithm and for this alone. */
import { ConfigError } from "../../engine/errors.ts";
import type { ConfigProblem } from "../../engine/errors.ts";
import { decodeBase64Url } from "../base64url.ts";
import { RSA_BITS_MIN } from "../keys/algorithms.ts";
import { loadJose } from "../jwt/jose.ts";
import { modulusBits } from "../keys/jwk.ts";
import { isWrappingAlgorithm, WRAPPING_ALGORITHMS } from "./algorithms.ts";
import type { WrappingAlgorithm } from "./algorithms.ts";

/** A JSON Web Key with `kid` and `alg`: as an object, or as its JSON text. */
export type EncryptionKey = string | Readonly<Record<string, unknown>> | undefined;

export interface ReadKey {
  readonly kid: string;
  readonly alg: WrappingAlgorithm;
  /** The members of its kind alone. */
  readonly jwk: Readonly<Record<string, string>> & { readonly kty: string };
  /** Of what the key is wrapped in, where the algorithm decides it. */
  readonly wrappedBytes: number;
}

type Jwk = Readonly<Record<string, unknown>>;

const SECRET_BYTES = 32;
const COORDINATE_BYTES = 32;
/** Random bytes repeat, but not so often. */
const DIFFERENT_BYTES_MIN = 12;
const RSA_BITS_MAX = 8_192;
const EXPONENT = "AQAB";
const KID_CHARS_MAX = 256;
/** The 32 bytes of a content key and 8 of AES Key Wrap. */
const KW_BYTES = 40;

const KINDS: Readonly<Record<WrappingAlgorithm, string>> = {
  A256KW: "oct",
  "ECDH-ES+A256KW": "EC",
  "RSA-OAEP-256": "RSA",
};
const PRIVATE_RSA = ["d", "p", "q", "dp", "dq", "qi"];

/** @param use What is done with it: `"open"` takes the private part. @returns what is wrong. */
export function readEncryptionKey(
  given: EncryptionKey,
  use: "seal" | "open",
  path: string,
): ReadKey | ConfigProblem {
  const jwk = typeof given === "string" ? parsed(given) : given;
  const message = jwk === undefined ? "takes a JWK: is its variable set?" : problemOf(jwk, use);
  if (jwk === undefined || message !== undefined) return { path, message: message ?? "" };
  const alg = jwk["alg"] as WrappingAlgorithm;
  const named = ["kty", ...(alg === "ECDH-ES+A256KW" ? ["crv"] : []), ...namesOf(alg, use)];
  const members = named.map((name) => [name, jwk[name]]);
  return {
    kid: jwk["kid"] as string,
    alg,
    jwk: Object.fromEntries(members) as ReadKey["jwk"],
    wrappedBytes: alg === "RSA-OAEP-256" ? modulusBits(jwk["n"] as string) / 8 : KW_BYTES,
  };
}

/** @throws {ConfigError} (rejects) for members that make no key, e.g. no point of the curve. */
export async function importKey(
  { jwk, alg, kid }: ReadKey,
  path: string,
): Promise<CryptoKey | Uint8Array> {
  const { importJWK } = await loadJose();
  try {
    return await importJWK({ ...jwk }, alg);
  } catch (cause) {
    const message = `${JSON.stringify(kid)} has members that make no key`;
    throw new ConfigError([{ path, message }], { cause });
  }
}

function parsed(text: string): Jwk | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Jwk)
      : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(jwk: Jwk, use: "seal" | "open"): string | undefined {
  const { kid, alg, kty } = jwk;
  if (!isWrappingAlgorithm(alg)) return `needs an alg: ${WRAPPING_ALGORITHMS.join(", ")}`;
  if (typeof kid !== "string" || kid === "" || kid.length > KID_CHARS_MAX) return "needs a kid";
  if ((jwk["use"] ?? "enc") !== "enc") return "is for signatures; one purpose per key";
  if (kty !== KINDS[alg]) return `is no key for ${alg}: that takes kty ${KINDS[alg]}`;
  const missing = namesOf(alg, use).find((name) => decoded(jwk[name]) === undefined);
  if (missing !== undefined) return `has no "${missing}" in canonical base64url`;
  switch (alg) {
    case "A256KW":
      return secretProblem(decoded(jwk["k"]));
    case "ECDH-ES+A256KW":
      return pointProblem(jwk);
    case "RSA-OAEP-256":
      return modulusProblem(jwk);
  }
}

function secretProblem(secret: Uint8Array | undefined): string | undefined {
  if (secret?.length !== SECRET_BYTES) return `takes ${SECRET_BYTES} random bytes as "k"`;
  const random = new Set(secret).size >= DIFFERENT_BYTES_MIN;
  return random ? undefined : "is not random: its bytes repeat too often";
}

function pointProblem(jwk: Jwk): string | undefined {
  const lengths = [decoded(jwk["x"])?.length, decoded(jwk["y"])?.length];
  const whole = lengths.every((length) => length === COORDINATE_BYTES);
  return jwk["crv"] === "P-256" && whole ? undefined : "takes a point of crv P-256";
}

function modulusProblem(jwk: Jwk): string | undefined {
  const bits = modulusBits(jwk["n"] as string);
  const fits = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX && bits % 8 === 0;
  if (!fits) return `has ${bits} bits; ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are taken`;
  return jwk["e"] === EXPONENT ? undefined : `takes the public exponent ${EXPONENT} (65537)`;
}

/** The members that are base64url. */
function namesOf(alg: WrappingAlgorithm, use: "seal" | "open"): readonly string[] {
  const open = use === "open";
  switch (alg) {
    case "A256KW":
      return ["k"];
    case "ECDH-ES+A256KW":
      return ["x", "y", ...(open ? ["d"] : [])];
    case "RSA-OAEP-256":
      return ["n", "e", ...(open ? PRIVATE_RSA : [])];
  }
}

function decoded(value: unknown): Uint8Array | undefined {
  return typeof value === "string" && value !== "" ? decodeBase64Url(value) : undefined;
}

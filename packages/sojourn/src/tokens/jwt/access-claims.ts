/** What an access token says (RFC 9068), read strictly from a proved payload. */
import type { Flaw } from "./compact.ts";
import type { JsonObject } from "./strict-json.ts";

/** Names that no template may set. Private ones of ours: `tenant`, `sub_epoch`, `grant`. */
export const OWN_CLAIMS: readonly string[] = [
  "iss",
  "sub",
  "aud",
  "exp",
  "nbf",
  "iat",
  "jti",
  "client_id",
  "scope",
  "sid",
  "auth_time",
  "acr",
  "amr",
  "cnf",
  "act",
  "tenant",
  "sub_epoch",
  "grant",
];

/** The key a token is bound to: whoever presents it proves to hold that key. RFC 7800. */
export interface Confirmation {
  /** DPoP: the RFC 7638 thumbprint of the client's key. */
  readonly jkt?: string;
  /** Mutual TLS: the thumbprint of the client's certificate. */
  readonly "x5t#S256"?: string;
}

export interface AccessClaims extends JsonObject {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  /** Seconds, as every NumericDate here. */
  readonly exp: number;
  readonly iat: number;
  readonly nbf?: number;
  readonly jti: string;
  readonly client_id: string;
  readonly scope?: string;
  /** The session's public handle. */
  readonly sid?: string;
  readonly auth_time?: number;
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly cnf?: Confirmation;
  /** Who acts as the subject. RFC 8693, section 4.1. */
  readonly act?: { readonly sub: string };
  /** Absent: `"default"`. */
  readonly tenant?: string;
  /** The subject's epoch when it was issued; absent: 0. */
  readonly sub_epoch?: number;
  /** Handle of the refresh tokens it was issued by: it is revoked with them. */
  readonly grant?: string;
}

const TEXT_CHARS_MAX = 1_024;

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= TEXT_CHARS_MAX;
}

/** Seconds that stay exact as milliseconds. */
function isInstant(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 9e12;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isText);
}

/** One that names no key would bind to nothing, and pass for a bound token. */
function isConfirmation(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return isTexts(Object.values(value));
}

/** One that names nobody would pass for the subject itself. */
function isActor(value: unknown): boolean {
  return typeof value === "object" && value !== null && isText((value as JsonObject)["sub"]);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function hasRequired(claims: JsonObject): boolean {
  const { iss, sub, aud, exp, iat, jti, client_id: client } = claims;
  const texts = isText(iss) && isText(sub) && isText(jti) && isText(client);
  return texts && isInstant(exp) && isInstant(iat) && (isText(aud) || isTexts(aud));
}

/** Absent, or as it has to be. */
function fits(value: unknown, check: (value: unknown) => boolean): boolean {
  return value === undefined || check(value);
}

function optionalFit(claims: JsonObject): boolean {
  const { scope, sid, acr, amr, tenant, cnf, nbf, act } = claims;
  if (scope !== undefined && typeof scope !== "string") return false;
  if (!fits(nbf, isInstant) || !fits(claims["auth_time"], isInstant)) return false;
  if (!fits(act, isActor) || !fits(amr, isTexts) || !fits(cnf, isConfirmation)) return false;
  const texts = fits(sid, isText) && fits(acr, isText) && fits(tenant, isText);
  return texts && fits(claims["sub_epoch"], isCount) && fits(claims["grant"], isText);
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  /** `undefined`: any. */
  readonly tenant: string | undefined;
  /** How far in the future `iat` and `nbf` may lie. `exp` has none: nothing lives longer for it. */
  readonly leewayMs: number;
}

/** @param now By this verifier's clock, milliseconds. @returns the flaw where there is one. */
export function readAccessClaims(
  payload: JsonObject,
  expected: Expected,
  now: number,
): AccessClaims | Flaw {
  if (!hasRequired(payload) || !optionalFit(payload)) return "claims";
  const claims = payload as AccessClaims;
  if (claims.iss !== expected.issuer) return "issuer";
  const { aud, tenant = "default" } = claims;
  const ours =
    typeof aud === "string" ? aud === expected.audience : aud.includes(expected.audience);
  if (!ours) return "audience";
  if (expected.tenant !== undefined && tenant !== expected.tenant) return "tenant";
  const latest = now + expected.leewayMs;
  if (claims.iat * 1_000 > latest || (claims.nbf ?? 0) * 1_000 > latest) return "not_yet";
  return claims;
}

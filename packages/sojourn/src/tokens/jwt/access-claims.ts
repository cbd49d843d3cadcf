/** What an access token says (RFC 9068), read strictly from a proved payload. */
import type { Flaw } from "./compact.ts";
import type { JsonObject } from "./strict-json.ts";

/** Names that no template may set. Private ones of ours: `tenant`, `sub_epoch`. */
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
  /** Absent: `"default"`. */
  readonly tenant?: string;
  /** The subject's epoch when it was issued; absent: 0. */
  readonly sub_epoch?: number;
}

const TEXT_CHARS_MAX = 1_024;

type Check = (value: unknown) => boolean;

const isText: Check = (value) =>
  typeof value === "string" && value.length > 0 && value.length <= TEXT_CHARS_MAX;
/** Seconds that stay exact as milliseconds. */
const isInstant: Check = (value) => typeof value === "number" && value >= 0 && value < 9e12;
const isTexts: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(isText);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isAudience: Check = (value) => isText(value) || isTexts(value);
const isConfirmation: Check = (value) =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every(isText);

const REQUIRED: readonly (readonly [string, Check])[] = [
  ["iss", isText],
  ["sub", isText],
  ["aud", isAudience],
  ["exp", isInstant],
  ["iat", isInstant],
  ["jti", isText],
  ["client_id", isText],
];
const OPTIONAL: readonly (readonly [string, Check])[] = [
  ["nbf", isInstant],
  ["scope", (value) => typeof value === "string"],
  ["sid", isText],
  ["auth_time", isInstant],
  ["acr", isText],
  ["amr", isTexts],
  ["cnf", isConfirmation],
  ["tenant", isText],
  ["sub_epoch", isCount],
];

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
  const shaped =
    REQUIRED.every(([name, check]) => check(payload[name])) &&
    OPTIONAL.every(([name, check]) => payload[name] === undefined || check(payload[name]));
  if (!shaped) return "claims";
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

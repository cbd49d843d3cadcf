/**
 * The strict reader of compact JWS. It runs before any key is looked for, so that what is ambiguous
 * never reaches a verifier: one spelling per byte string, one reading per JSON text, bounded size.
 * Headers that name keys or addresses (`jku`, `x5u`, `jwk`, `x5c`) are not even read.
 */
import { decodeBase64Url } from "../base64url.ts";
import { isKind } from "./kinds.ts";
import type { TokenKind } from "./kinds.ts";
import { readJsonObject } from "./strict-json.ts";
import type { JsonObject } from "./strict-json.ts";

/** In characters, which are bytes here. */
export const TOKEN_BYTES_MAX = 8_192;
const KID_CHARS_MAX = 256;

/** Why a token is worth nothing. For logs: the outside gets one answer for all of them. */
export type Flaw =
  | "not_text"
  | "size"
  | "form"
  | "header"
  | "kind"
  | "algorithm"
  | "key"
  | "key_revoked"
  | "signature"
  | "claims"
  | "issuer"
  | "audience"
  | "tenant"
  | "binding"
  | "not_yet";

export interface CompactToken {
  readonly alg: string;
  readonly kid: string | undefined;
  /** Every member, unproved. */
  readonly header: JsonObject;
  /** Unproved until the signature is. */
  readonly payload: JsonObject;
}

export interface CompactRules {
  readonly kind: TokenKind;
  readonly algorithms: readonly string[];
  /** Default {@link TOKEN_BYTES_MAX}. */
  readonly bytesMax?: number;
}

/** Read without proving anything. @returns the flaw instead where there is one. */
export function readCompact(token: unknown, rules: CompactRules): CompactToken | Flaw {
  if (typeof token !== "string") return "not_text";
  if (token.length > (rules.bytesMax ?? TOKEN_BYTES_MAX)) return "size";
  const parts = partsOf(token);
  if (parts === undefined) return "form";
  const header = readJsonObject(parts.head);
  if (header === undefined) return "header";
  const judged = judgeHeader(header, rules);
  if (typeof judged === "string") return judged;
  const payload = readJsonObject(parts.body);
  return payload === undefined ? "claims" : { ...judged, header, payload };
}

/** Three parts, none of them empty, each the one spelling of its bytes. */
function partsOf(token: string): { head: Uint8Array; body: Uint8Array } | undefined {
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  if (first < 1 || second <= first + 1) return undefined;
  const head = decodeBase64Url(token.slice(0, first));
  const body = decodeBase64Url(token.slice(first + 1, second));
  // A third dot is not in the alphabet.
  const signature = decodeBase64Url(token.slice(second + 1));
  if (head === undefined || body === undefined || !signature?.length) return undefined;
  return { head, body };
}

/** Extensions that we do not know may change what everything else means, so none is taken. */
const REFUSED = ["crit", "b64", "zip", "enc"];

function judgeHeader(
  header: JsonObject,
  rules: CompactRules,
): Pick<CompactToken, "alg" | "kid"> | Flaw {
  if (REFUSED.some((name) => Object.hasOwn(header, name))) return "header";
  const { alg, kid, typ } = header;
  if (typeof alg !== "string" || !rules.algorithms.includes(alg)) return "algorithm";
  if (!isKind(typ, rules.kind)) return "kind";
  if (kid === undefined) return { alg, kid };
  if (typeof kid !== "string" || kid.length > KID_CHARS_MAX) return "header";
  return { alg, kid };
}

/** The `Authorization: Bearer` carrier. A credential is read from nowhere else but the cookie. */
import { EQUALS, SPACE, isToken68Code } from "./grammar.ts";

export type BearerReading =
  /** No `Authorization`, or one of another scheme. */
  | { readonly kind: "absent" }
  | { readonly kind: "value"; readonly value: string }
  /** The scheme is Bearer, but what follows is not one `token68`. */
  | { readonly kind: "malformed" };

/** Longer credentials are malformed without being read. */
export const BEARER_MAX_CHARS = 8192;

const SCHEME = "bearer";
const ABSENT: BearerReading = Object.freeze({ kind: "absent" });
const MALFORMED: BearerReading = Object.freeze({ kind: "malformed" });

function namesBearer(header: string): boolean {
  if (header.length < SCHEME.length) return false;
  for (let index = 0; index < SCHEME.length; index += 1) {
    // Bit 5 folds ASCII case; a code outside ASCII keeps its other bits and stays different.
    if ((header.charCodeAt(index) | 0x20) !== SCHEME.charCodeAt(index)) return false;
  }
  return header.length === SCHEME.length || header.charCodeAt(SCHEME.length) === SPACE;
}

/**
 * Read a bearer credential: the scheme in any case, one or more spaces, one `token68`, no more.
 * Linear in the header, at most {@link BEARER_MAX_CHARS}.
 *
 * @see RFC 6750 section 2.1; RFC 9110 section 11.2
 */
export function readBearer(authorization: string | null | undefined): BearerReading {
  if (typeof authorization !== "string" || !namesBearer(authorization)) return ABSENT;
  const end = authorization.length;
  if (end > BEARER_MAX_CHARS) return MALFORMED;
  let start = SCHEME.length;
  while (start < end && authorization.charCodeAt(start) === SPACE) start += 1;
  let at = start;
  while (at < end && isToken68Code(authorization.charCodeAt(at))) at += 1;
  if (at === start) return MALFORMED;
  while (at < end && authorization.charCodeAt(at) === EQUALS) at += 1;
  return at === end ? { kind: "value", value: authorization.slice(start) } : MALFORMED;
}

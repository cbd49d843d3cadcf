/**
 * The session cookie on the wire: find it in `Cookie`, write it into `Set-Cookie`. What the
 * cookie may look like is decided in `cookie-rules.ts`, once.
 */
import { ArgumentError } from "../engine/errors.ts";
import type { CookieRules } from "./cookie-rules.ts";
import { EQUALS, SEMICOLON, isBlank, isCookieValue, trimmed } from "./grammar.ts";

export type CookieReading =
  | { readonly kind: "absent" }
  /** The value as sent; quotes, if any, are part of it. It may be empty. */
  | { readonly kind: "value"; readonly value: string }
  /** The name came more than once with different values: none of them is believed. */
  | { readonly kind: "conflict" };

/** A longer `Cookie` header is not searched: it reads as `absent`. Servers stop near 16 KiB. */
export const COOKIE_HEADER_MAX_CHARS = 65_536;
/** Name and value together; browsers drop what is larger. RFC 6265bis section 5.7. */
const COOKIE_MAX_BYTES = 4096;
/** 400 days, the longest a browser keeps a cookie. RFC 6265bis section 5.5. */
const COOKIE_MAX_AGE_SECONDS = 34_560_000;

const ABSENT: CookieReading = Object.freeze({ kind: "absent" });
const CONFLICT: CookieReading = Object.freeze({ kind: "conflict" });

/** True when only blanks lie between `at` and the `;` or the start before it. */
function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1;
  return before < 0 || header.charCodeAt(before) === SEMICOLON;
}

/**
 * Find the cookie of exactly this name. The name is case-sensitive and has to stand at the start
 * of a pair, so `=__Host-session=x` (a nameless cookie) and `__host-session=x` are other cookies.
 * A duplicated name is all-or-nothing: equal values are one value, different ones a conflict.
 *
 * Linear in the header, at most {@link COOKIE_HEADER_MAX_CHARS}. The value may share memory with
 * the header: copy it before keeping it for long.
 *
 * @see RFC 6265bis sections 5.7 and 8.7
 */
export function readCookie(header: string | null | undefined, name: string): CookieReading {
  if (header === undefined || header === null) return ABSENT;
  if (header.length > COOKIE_HEADER_MAX_CHARS) return ABSENT;
  let found: string | undefined;
  let at = header.indexOf(name);
  while (at !== -1) {
    const equals = at + name.length;
    const semicolon = header.indexOf(";", equals);
    const end = semicolon === -1 ? header.length : semicolon;
    if (header.charCodeAt(equals) === EQUALS && startsPair(header, at)) {
      const value = trimmed(header, equals + 1, end);
      if (found !== undefined && found !== value) return CONFLICT;
      found = value;
    }
    // A pair holds its name once, at its start: the next candidate is behind the next `;`.
    at = end === header.length ? -1 : header.indexOf(name, end + 1);
  }
  return found === undefined ? ABSENT : { kind: "value", value: found };
}

function ageOf(maxAgeMs: number): string {
  if (!Number.isFinite(maxAgeMs)) {
    throw new ArgumentError("cookie.maxAgeMs", "takes a finite number of milliseconds");
  }
  // Rounded up: the cookie ends at or soon after the session, and the server judges anyway. Never
  // 0, which would delete: a straggler past its deadline must not remove a newer cookie.
  const seconds = Math.min(Math.max(Math.ceil(maxAgeMs / 1000), 1), COOKIE_MAX_AGE_SECONDS);
  return `; Max-Age=${seconds}`;
}

/**
 * Write `Set-Cookie`. Without `maxAgeMs` the browser forgets the cookie when it is closed.
 *
 * @param maxAgeMs Milliseconds; becomes whole seconds, rounded up, 1 to 34 560 000 (400 days).
 * @throws {ArgumentError} when the value has a character a cookie cannot carry (control, blank,
 *   quote, comma, semicolon, backslash, non-ASCII), is empty, or is over 4096 bytes with the name.
 * @see RFC 6265bis sections 4.1.1 and 5.7
 */
export function serializeCookie(
  rules: CookieRules,
  value: string,
  options?: { readonly maxAgeMs?: number },
): string {
  if (rules.name.length + value.length > COOKIE_MAX_BYTES) {
    const room = COOKIE_MAX_BYTES - rules.name.length;
    throw new ArgumentError("cookie.value", `is ${value.length} bytes; the name leaves ${room}`);
  }
  if (!isCookieValue(value)) {
    throw new ArgumentError(
      "cookie.value",
      "is empty or has a character a cookie cannot carry; encode it as base64url",
    );
  }
  const maxAgeMs = options?.maxAgeMs;
  const age = maxAgeMs === undefined ? "" : ageOf(maxAgeMs);
  return rules.opening + value + age + rules.attributes;
}

/** `Set-Cookie` that deletes: every attribute repeated, empty value, `Max-Age=0`. */
export function clearCookie(rules: CookieRules): string {
  return rules.deletion;
}

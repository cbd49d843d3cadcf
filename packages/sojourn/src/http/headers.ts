/**
 * Response header values that protect what a session response carries: caches, history, challenges.
 */
import { BACKSLASH, QUOTE, trimmed } from "./grammar.ts";

/** No cache keeps a response that sets a session cookie or shows session data. ASVS 5.0 14.3.2. */
export const NO_STORE = "no-store";

/**
 * Fields by which an application speaks to shared caches alone. They outrank `Cache-Control`, so
 * where a cookie leaves they must say the same. RFC 9213 section 2.2.
 */
export const TARGETED_CACHE_FIELDS: readonly string[] = [
  "cdn-cache-control",
  "cloudflare-cdn-cache-control",
  "surrogate-control",
];

/**
 * What the browser forgets at logout. Cookies alone do not end a device-bound session on
 * localhost; storage does. Sent with the answer to a logout and with nothing else.
 */
export const CLEAR_SITE_DATA = '"cache", "cookies", "storage"';

/** How a field may arrive from a framework: absent, one line, several lines. */
export type FieldValue = string | readonly string[] | null | undefined;

/** Longest text that goes into one quoted string; the rest is cut off. */
const QUOTED_MAX_CHARS = 256;

function lineOf(field: FieldValue): string {
  if (field === undefined || field === null) return "";
  return typeof field === "string" ? field : field.join(", ");
}

/** The members of a comma-separated list, blanks and empty members removed. */
function members(list: string): string[] {
  const found: string[] = [];
  for (let start = 0; start <= list.length;) {
    const comma = list.indexOf(",", start);
    const end = comma === -1 ? list.length : comma;
    const member = trimmed(list, start, end);
    if (member !== "") found.push(member);
    start = end + 1;
  }
  return found;
}

/** Add field names to `Vary`. Names already there in any case are not repeated; `*` stays `*`. */
export function mergeVary(existing: FieldValue, add: string): string {
  const line = lineOf(existing);
  if (line === "") return add;
  const names = new Map(members(line).map((name) => [name.toLowerCase(), name]));
  for (const name of members(add)) {
    const key = name.toLowerCase();
    if (!names.has(key)) names.set(key, name);
  }
  return names.has("*") ? "*" : [...names.values()].join(", ");
}

/**
 * `Cache-Control` of a response that carries a session: `no-store`, whatever was there before.
 * Every directive that lets a cache keep it is dropped; only `no-transform` does not concern
 * storing and is kept.
 */
export function mergeCacheControl(existing: FieldValue): string {
  const line = lineOf(existing);
  if (line === "") return NO_STORE;
  const transforms = members(line).every((member) => member.toLowerCase() !== "no-transform");
  return transforms ? NO_STORE : `${NO_STORE}, no-transform`;
}

/**
 * A `quoted-string` of RFC 9110 section 5.6.4. Quotes and backslashes are escaped; whatever is not
 * printable ASCII becomes a space, so that no text can end the header line.
 */
export function quoted(text: string): string {
  let out = '"';
  const length = Math.min(text.length, QUOTED_MAX_CHARS);
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE || code === BACKSLASH) out += "\\";
    out += code >= 0x20 && code <= 0x7e ? text.charAt(index) : " ";
  }
  return `${out}"`;
}

/** Parameters of a Bearer challenge, in the order they are written. */
export interface BearerChallenge {
  /** Absent when the request carried no credential at all. RFC 6750 section 3.1. */
  readonly error?: "invalid_request" | "invalid_token" | "insufficient_user_authentication";
  readonly description?: string;
  readonly acr?: string;
  /** Seconds. */
  readonly maxAge?: number;
}

/** `WWW-Authenticate` for the Bearer scheme. RFC 6750 section 3, RFC 9470 section 3. */
export function bearerChallenge(challenge: BearerChallenge): string {
  let value = 'Bearer realm="session"';
  if (challenge.error !== undefined) value += `, error="${challenge.error}"`;
  if (challenge.description !== undefined) {
    value += `, error_description=${quoted(challenge.description)}`;
  }
  if (challenge.acr !== undefined) value += `, acr_values=${quoted(challenge.acr)}`;
  if (challenge.maxAge !== undefined && challenge.maxAge >= 0) {
    value += `, max_age="${Math.floor(challenge.maxAge)}"`;
  }
  return value;
}

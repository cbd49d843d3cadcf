/**
 * `Set-Cookie` as express-session writes it: which attributes, in which order and letter case, and
 * what is refused with which message. Stricter rules are those of `http/cookie.ts`, not of this.
 */
import type { CookieData } from "./cookie.ts";

/** RFC 9110 token; a host with or without a leading dot; RFC 6265 path-value. */
const NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
const LABEL = "[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?";
const DOMAIN = new RegExp(`^\\.?${LABEL}(?:\\.${LABEL})*$`, "i");
const PATH = /^[ -:=-~]*$/;

const PRIORITIES: Record<string, string> = { low: "Low", medium: "Medium", high: "High" };
const SAME_SITES: Record<string, string> = {
  true: "Strict",
  strict: "Strict",
  lax: "Lax",
  none: "None",
};

/**
 * `data` is `undefined` when the application put an object of its own in place of the cookie.
 *
 * @throws {TypeError} naming the argument or option that cannot be written.
 */
export function serializeCookie(name: string, value: string, data: CookieData | undefined): string {
  if (!NAME.test(name)) throw new TypeError("argument name is invalid");
  let text = `${name}=${encodeURIComponent(value)}`;
  if (!data) return text;
  if (data.domain) text += `; Domain=${matching(DOMAIN, data.domain, "domain")}`;
  if (data.path) text += `; Path=${matching(PATH, data.path, "path")}`;
  if (data.expires) text += `; Expires=${httpDate(data.expires)}`;
  if (data.httpOnly) text += "; HttpOnly";
  if (data.secure) text += "; Secure";
  if (data.partitioned) text += "; Partitioned";
  if (data.priority) text += `; Priority=${oneOf(PRIORITIES, data.priority, "priority")}`;
  if (data.sameSite) text += `; SameSite=${oneOf(SAME_SITES, data.sameSite, "sameSite")}`;
  return text;
}

function matching(pattern: RegExp, value: string, option: string): string {
  if (!pattern.test(value)) throw new TypeError(`option ${option} is invalid`);
  return value;
}

function httpDate(expires: Date): string {
  const isDate = Object.prototype.toString.call(expires) === "[object Date]";
  if (!isDate || Number.isNaN(expires.valueOf())) throw new TypeError("option expires is invalid");
  return expires.toUTCString();
}

function oneOf(table: Record<string, string>, value: string | true, option: string): string {
  const key = String(value).toLowerCase();
  const written = Object.hasOwn(table, key) ? table[key] : undefined;
  if (written === undefined) throw new TypeError(`option ${option} is invalid`);
  return written;
}

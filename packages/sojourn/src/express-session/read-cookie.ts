/** The sid of a request, from its `Cookie` header or from what cookie-parser made of it. */
import { deprecate } from "./deprecate.ts";
import { unsignSid } from "./signature.ts";
import type { Secret, SessionRequest } from "./types.ts";

const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;

/**
 * What cookie-parser put on the request counts too, with a deprecation notice, when the header
 * holds no good cookie.
 */
export function sidOf(
  req: SessionRequest,
  name: string,
  secrets: readonly Secret[],
): string | undefined {
  const { cookie } = req.headers;
  const raw = cookie ? readCookie(cookie, name) : undefined;
  const sid = raw ? unsignSid(raw, secrets) : undefined;
  if (sid || (!req.signedCookies && !req.cookies)) return sid;
  return sidFromParsed(req, name, secrets);
}

function sidFromParsed(
  req: SessionRequest,
  name: string,
  secrets: readonly Secret[],
): string | undefined {
  const { signedCookies, cookies } = req;
  let sid: string | undefined;
  if (signedCookies) {
    sid = signedCookies[name];
    if (sid) deprecate("cookie should be available in req.headers.cookie");
  }
  if (sid || !cookies) return sid;
  const raw = cookies[name];
  if (!raw) return sid;
  sid = unsignSid(raw, secrets);
  if (sid) deprecate("cookie should be available in req.headers.cookie");
  return sid;
}

/** The first cookie of that name, percent-decoded; as it stands when it cannot be decoded. */
export function readCookie(header: string, name: string): string | undefined {
  let start = 0;
  while (start < header.length) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    const equals = header.indexOf("=", start);
    if (equals === -1) return undefined;
    if (equals < end && isNamed(header, start, equals, name)) {
      return decoded(trimmed(header, equals + 1, end));
    }
    start = end + 1;
  }
  return undefined;
}

function isNamed(header: string, start: number, end: number, name: string): boolean {
  let from = start;
  while (from < end && isBlank(header.charCodeAt(from))) from += 1;
  let to = end;
  while (to > from && isBlank(header.charCodeAt(to - 1))) to -= 1;
  return to - from === name.length && header.startsWith(name, from);
}

/** Without blanks around it, then without one pair of quotes. */
function trimmed(header: string, start: number, end: number): string {
  let from = start;
  while (from < end && isBlank(header.charCodeAt(from))) from += 1;
  let to = end;
  while (to > from && isBlank(header.charCodeAt(to - 1))) to -= 1;
  if (header.charCodeAt(from) === QUOTE && header.charCodeAt(to - 1) === QUOTE) {
    from += 1;
    to -= 1;
  }
  return header.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function decoded(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

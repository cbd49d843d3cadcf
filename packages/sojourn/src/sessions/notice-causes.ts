/**
 * Finds out which notice applies. Asked only when a cookie could not be set or a credential was
 * not used, so none of this is on the way of a usual request.
 */
import { printAddress, readAddress } from "../http/address.ts";
import { COOKIE_HEADER_MAX_CHARS } from "../http/cookie.ts";
import type { CookieRules } from "../http/cookie-rules.ts";
import { isTrustedPeer } from "../http/forwarded.ts";
import type { ForwardedRules } from "../http/forwarded.ts";
import type { CookieNotice, CredentialNotice, PlainNotice } from "./cookie-notice.ts";
import type { AbsenceReason } from "./explain.ts";
import type { RequestView, ResponseHead } from "./request-view.ts";

/** Headers by which proxies say that the client came by https, and the words they use. */
const HTTPS_CLAIMS: readonly (readonly [header: string, word: string])[] = [
  ["x-forwarded-proto", "https"],
  ["forwarded", "proto=https"],
  ["x-forwarded-scheme", "https"],
  ["x-forwarded-ssl", "on"],
  ["front-end-https", "on"],
  ["cloudfront-forwarded-proto", "https"],
  ["cf-visitor", "https"],
];

function says(view: RequestView, header: string, word: string): boolean {
  return view.header(header)?.toLowerCase().replaceAll('"', "").includes(word) === true;
}

/** Why a request counts as plain HTTP. */
export function whyPlain(rules: ForwardedRules, view: RequestView): PlainNotice {
  const claimed = HTTPS_CLAIMS.some(([header, word]) => says(view, header, word));
  if (!isTrustedPeer(rules, view.remoteAddress)) {
    return claimed ? "proxy-not-trusted" : "plain-http";
  }
  const spoken =
    rules.header === "forwarded"
      ? says(view, "forwarded", "proto=")
      : (view.header("x-forwarded-proto") ?? "") !== "";
  if (!spoken) return "proxy-silent";
  return claimed ? "proxy-contradicts" : "plain-http";
}

/** The peer for people to read; outside production only. */
export function peerOf(view: RequestView): string | undefined {
  const address = view.remoteAddress === undefined ? undefined : readAddress(view.remoteAddress);
  return address === undefined ? undefined : `peer ${printAddress(address)}`;
}

const PREFIX = /^__(?:host-http|host|secure)-/;
const OWN_TOKEN = "sj1";

/** A cookie that was meant to be the session's and is not. One pass over the header. */
export function lookalike(
  header: string | undefined,
  rules: CookieRules,
): CredentialNotice | undefined {
  if (header === undefined) return undefined;
  if (header.length > COOKIE_HEADER_MAX_CHARS) return "header-too-long";
  const wanted = rules.name.toLowerCase();
  const base = wanted.replace(PREFIX, "");
  if (!header.toLowerCase().includes(base)) return undefined;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0)).trim();
    const value = pair.slice(equals + 1).trim();
    const folded = name.toLowerCase();
    if (name === "" && value.startsWith(rules.opening)) return "nameless";
    if (folded === wanted) return "name-variant";
    if (value.startsWith(OWN_TOKEN) && folded.replace(PREFIX, "") === base) return "other-name";
  }
  return undefined;
}

/** Why a request over https has no session cookie, when nothing else explains it. */
export function absenceOf(rules: CookieRules, view: RequestView): AbsenceReason {
  const like = lookalike(view.header("cookie"), rules);
  if (like !== undefined) return like;
  if (view.header("sec-fetch-site") !== "cross-site" || rules.sameSite === "None") {
    return isThirdParty(rules, view) ? "cross-site" : "no-cookie";
  }
  const top = view.method === "GET" && view.header("sec-fetch-dest") === "document";
  return top && rules.sameSite === "Lax" ? "no-cookie" : "cross-site";
}

/** Set-Cookie lines that proxies with one page as their buffer still pass on. */
const SET_COOKIE_CHARS_MAX = 4096;

/** What will keep a cookie that leaves from arriving, as far as this side can know. */
export function doubtOf(
  rules: CookieRules,
  view: RequestView,
  head: ResponseHead,
  line: string,
): CookieNotice | undefined {
  if (isThirdParty(rules, view)) return "third-party";
  const own = head.get("set-cookie") ?? [];
  const lines = typeof own === "string" ? own.split(", ") : own;
  if (lines.some((one) => one.startsWith(rules.opening))) return "name-taken";
  const chars = lines.reduce((sum, one) => sum + one.length, line.length);
  return chars > SET_COOKIE_CHARS_MAX ? "cookies-too-large" : undefined;
}

/** True when the browser says that the response is not for a page of this site at the top. */
function isThirdParty(rules: CookieRules, view: RequestView): boolean {
  const dest = view.header("sec-fetch-dest");
  if (rules.partitioned || dest === undefined || dest === "document") return false;
  const access = view.header("sec-fetch-storage-access");
  if (rules.sameSite === "None") return access === "none" || access === "inactive";
  return access !== undefined || view.header("sec-fetch-site") === "cross-site";
}

/** `at save (file.js:12:5)` of the application: who called into this library. */
export function callerOf(stack: string | undefined): string | undefined {
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const own = /([^\s(]*\/)sessions\/[^/]*$/.exec(frames[0] ?? "")?.[1];
  if (own === undefined) return undefined;
  return frames.find((frame) => !frame.includes(own) && !frame.includes("node:"))?.trim();
}

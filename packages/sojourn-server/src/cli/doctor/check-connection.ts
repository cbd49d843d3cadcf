/** Is everything between browser and application encrypted, and does it stay so? */
import { isIP } from "node:net";
import type { SetCookie } from "./cookies.ts";
import { fail, pass, skipped, skipAll, warn } from "./findings.ts";
import type { Finding } from "./findings.ts";
import type { Answer } from "./http.ts";
import type { Site } from "./site.ts";

const HSTS_DAYS_MIN = 180;
const DAY_SECONDS = 86_400;

/** A host that only this machine reaches: browsers take it for safe without TLS. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

export async function checkConnection(site: Site, first: Answer): Promise<Finding[]> {
  const { url } = site.plan;
  if (url.protocol === "http:") return plainFindings(url);
  const https = pass("https", "The address is https.");
  return [https, hsts(url, first), ...(await checkPlain(site))];
}

function plainFindings(url: URL): Finding[] {
  const rest = ["hsts", "redirect", "plain-cookie"] as const;
  if (isLoopback(url)) {
    const why = "This is plain HTTP on loopback, as in development.";
    return skipAll(["https", ...rest], why, "Examine the address that people use, too.");
  }
  return [
    fail(
      "https",
      "The address is plain HTTP: everybody on the way can read the session cookie.",
      "Serve it by https only.",
    ),
    ...skipAll(rest, "There is no https to compare with."),
  ];
}

function hsts(url: URL, { headers }: Answer): Finding {
  const value = headers["strict-transport-security"];
  const fix = "Send Strict-Transport-Security: max-age=31536000.";
  if (value === undefined && (isIP(url.hostname) !== 0 || isLoopback(url))) {
    return skipped("hsts", "Browsers remember HSTS for names, not for addresses or localhost.");
  }
  if (value === undefined) {
    return warn("hsts", "No Strict-Transport-Security: the first visit may be plain HTTP.", fix);
  }
  const seconds = Number(/max-age\s*=\s*"?(\d+)/i.exec(value)?.[1] ?? 0);
  return seconds >= HSTS_DAYS_MIN * DAY_SECONDS
    ? pass("hsts", "Strict-Transport-Security is sent for long enough.")
    : warn("hsts", `Strict-Transport-Security holds for less than ${HSTS_DAYS_MIN} days.`, fix);
}

async function checkPlain(site: Site): Promise<Finding[]> {
  const { plainUrl } = site.plan;
  if (plainUrl === undefined) {
    const why = "The port is not 443, so nobody knows where plain HTTP would be.";
    return skipAll(["redirect", "plain-cookie"], why, "Give --plain-url http://…");
  }
  let answer: Answer;
  try {
    answer = await site.ask(plainUrl);
  } catch {
    const says = `Nothing answers at ${plainUrl.origin}.`;
    return [pass("redirect", says), pass("plain-cookie", says)];
  }
  return [redirect(plainUrl, answer), plainCookie(plainUrl, site.sessionCookieOf(answer))];
}

function redirect(plainUrl: URL, { status, headers }: Answer): Finding {
  const target = headers["location"] ?? "";
  if (status >= 300 && status < 400 && new URL(target, plainUrl).protocol === "https:") {
    return pass("redirect", "Plain HTTP leads to https.");
  }
  const fix = "Answer plain HTTP with a redirect to https and nothing else.";
  return fail("redirect", `${plainUrl.origin} answers ${status} by plain HTTP.`, fix);
}

function plainCookie(plainUrl: URL, cookie: SetCookie | undefined): Finding {
  const check = "plain-cookie";
  if (cookie === undefined) return pass(check, "Plain HTTP sets no session cookie.");
  const says = `${plainUrl.origin} sets ${cookie.name} by plain HTTP.`;
  return fail(check, says, "Redirect before the session is looked at.");
}

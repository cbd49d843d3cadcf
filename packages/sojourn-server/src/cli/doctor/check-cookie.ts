/** The attributes of the session cookie, and what a visitor without one is given. */
import { isLoopback } from "./check-connection.ts";
import { lifetimeDays } from "./cookies.ts";
import type { SetCookie } from "./cookies.ts";
import { fail, pass, skipped, skipAll, warn } from "./findings.ts";
import type { Check, Finding } from "./findings.ts";
import type { Answer } from "./http.ts";
import type { Site } from "./site.ts";

/** Name and value; browsers drop what is larger. RFC 6265bis section 5.7. */
const COOKIE_CHARS_MAX = 4096;
const COOKIE_CHARS_SENSIBLE = 2048;
/** Browsers cut longer lives off. RFC 6265bis section 5.5. */
const DAYS_MAX = 400;
/** 64 bits, as hexadecimal digits. OWASP ASVS 5.0 7.2.3 asks for 128. */
const VALUE_CHARS_MIN = 16;
const PREFIX = /^__(?:Host-Http|Host|Secure)-/i;

const COOKIE_CHECKS: readonly Check[] = [
  "cookie-secure",
  "cookie-http-only",
  "cookie-same-site",
  "cookie-path",
  "cookie-domain",
  "cookie-prefix",
  "cookie-size",
  "cookie-lifetime",
  "cookie-duplicate",
  "cookie-value",
];

/** @param answers Those that set it. */
export function checkCookie(
  site: Site,
  cookie: SetCookie | undefined,
  answers: readonly Answer[],
): Finding[] {
  if (cookie === undefined) {
    return skipAll(
      COOKIE_CHECKS,
      "No answer set a session cookie.",
      "Give --login-path with --field, or name the cookie with --session-cookie.",
    );
  }
  const { url } = site.plan;
  const bare = url.protocol === "http:" && isLoopback(url);
  return [
    bare ? onLoopback("cookie-secure", cookie) : secure(cookie),
    httpOnly(cookie),
    sameSite(cookie),
    path(cookie),
    domain(cookie),
    bare && !PREFIX.test(cookie.name) ? onLoopback("cookie-prefix", cookie) : prefix(cookie),
    size(cookie),
    lifetime(cookie),
    duplicate(cookie, answers),
    value(cookie),
  ];
}

function onLoopback(check: Check, { name }: SetCookie): Finding {
  return skipped(
    check,
    `${name} came by plain HTTP on loopback, where it cannot be Secure everywhere.`,
    "Examine the address that people use, too.",
  );
}

function secure({ name, attributes }: SetCookie): Finding {
  if (attributes.has("secure")) return pass("cookie-secure", `${name} is Secure.`);
  const fix = "Set Secure (in Node frameworks: secure: true, and trust your proxy).";
  return fail("cookie-secure", `${name} is sent over plain HTTP as well.`, fix);
}

function httpOnly({ name, attributes }: SetCookie): Finding {
  if (attributes.has("httponly")) return pass("cookie-http-only", `${name} is HttpOnly.`);
  const says = `Scripts can read ${name}, so one injected script takes every session along.`;
  return fail("cookie-http-only", says, "Set HttpOnly.");
}

function sameSite({ name, attributes }: SetCookie): Finding {
  const check = "cookie-same-site";
  const given = attributes.get("samesite");
  const fix = "Set SameSite=Lax, or Strict.";
  switch (given?.toLowerCase()) {
    case "lax":
    case "strict":
      return pass(check, `${name} is SameSite=${given}.`);
    case "none":
      return attributes.has("secure")
        ? warn(check, `${name} comes with requests of every site (SameSite=None).`, fix)
        : fail(check, `${name} is SameSite=None without Secure, which browsers drop.`, fix);
    case undefined:
      return warn(check, `${name} has no SameSite, and browsers differ in what they assume.`, fix);
    default:
      return warn(check, `${name} has a SameSite that browsers do not know.`, fix);
  }
}

function path({ name, attributes }: SetCookie): Finding {
  const given = attributes.get("path");
  if (given?.startsWith("/") === true) return pass("cookie-path", `${name} has Path=${given}.`);
  const says = `${name} has no Path: browsers take the folder of the page that set it.`;
  return warn("cookie-path", says, "Set Path=/.");
}

function domain({ name, attributes }: SetCookie): Finding {
  const given = attributes.get("domain");
  if (given === undefined) return pass("cookie-domain", `${name} stays with this host.`);
  const says = `Every host under ${given} receives ${name} and can set it.`;
  return warn("cookie-domain", says, "Leave Domain out, unless those hosts must share sessions.");
}

function prefix({ name, attributes }: SetCookie): Finding {
  const check = "cookie-prefix";
  const found = PREFIX.exec(name)?.[0].toLowerCase();
  if (found === undefined) {
    const says = `${name} has no prefix, so a sibling host or plain HTTP can set one of its name.`;
    return warn(check, says, `Name it __Host-${name}.`);
  }
  const hosted = found.startsWith("__host-");
  const broken = [
    ...(attributes.has("secure") ? [] : ["Secure"]),
    ...(hosted && attributes.get("path") !== "/" ? ["Path=/"] : []),
    ...(hosted && attributes.has("domain") ? ["no Domain"] : []),
    ...(found === "__host-http-" && !attributes.has("httponly") ? ["HttpOnly"] : []),
  ];
  if (broken.length === 0) return pass(check, `${name} is bound by its prefix.`);
  const says = `Browsers drop ${name}: its prefix needs ${broken.join(", ")}.`;
  return fail(check, says, "Set what the prefix needs.");
}

function size({ name, value: text }: SetCookie): Finding {
  const chars = name.length + text.length;
  const fix = "Keep data on the server, and an id in the cookie.";
  if (chars > COOKIE_CHARS_MAX) {
    return fail("cookie-size", `${name} has ${chars} characters; browsers drop it.`, fix);
  }
  return chars > COOKIE_CHARS_SENSIBLE
    ? warn("cookie-size", `${name} has ${chars} characters, which every request carries.`, fix)
    : pass("cookie-size", `${name} has ${chars} characters.`);
}

function lifetime({ name, attributes }: SetCookie): Finding {
  const days = lifetimeDays(attributes);
  if (days === undefined) return pass("cookie-lifetime", `${name} ends with the browser.`);
  const says = `${name} is kept for ${days < 2 ? "less than two" : Math.floor(days)} days.`;
  const fix = "Let the server end sessions, and the cookie live no longer than they do.";
  return days > DAYS_MAX ? warn("cookie-lifetime", says, fix) : pass("cookie-lifetime", says);
}

function duplicate({ name }: SetCookie, answers: readonly Answer[]): Finding {
  const most = Math.max(
    ...answers.map(
      ({ setCookies }) => setCookies.filter((line) => line.startsWith(`${name}=`)).length,
    ),
  );
  if (most <= 1) return pass("cookie-duplicate", `${name} is set once in an answer.`);
  const says = `One answer sets ${name} ${most} times; the browser keeps the last.`;
  return warn("cookie-duplicate", says, "Look for two session libraries, or two middlewares.");
}

function value({ name, value: text }: SetCookie): Finding {
  if (text.length >= VALUE_CHARS_MIN) {
    return pass("cookie-value", `${name} is too long to be guessed.`);
  }
  const says = `The value of ${name} has ${text.length} characters: it can be guessed.`;
  return fail("cookie-value", says, "Make ids from 16 random bytes or more.");
}

/** A page that gives everybody a session lets anybody fill the store. */
export function checkVisitor(site: Site, first: Answer, name: string | undefined): Finding {
  const check = "visitor-cookie";
  const found = site.sessionCookieOf(first);
  const ours = found !== undefined && (name === undefined || found.name === name);
  if (!ours) return pass(check, "A first visit sets no session cookie.");
  return warn(
    check,
    `A first visit sets ${found.name}: crawlers and floods make a session with every hit.`,
    "Begin a session with the first thing worth keeping (express-session: " +
      "saveUninitialized: false).",
  );
}

/**
 * Whether a request that could change something proves that it comes from the application's own
 * pages. Decided from what browsers say of themselves (Fetch Metadata, Origin) and from configured
 * origins; never from `Host`, except on loopback in development.
 */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import type { CsrfCheck } from "../protocol/problem.ts";
import { isLoopbackAddress } from "./address.ts";
import { isLoopbackHost, printOrigin, readHostPort, readOrigin } from "./origin.ts";

export interface CsrfOptions {
  /** The application's own origins, as browsers write them: `https://app.example`. */
  readonly origins?: readonly string[];
  /** Other origins whose pages may act on the session. */
  readonly trusted?: readonly string[];
  /** Paths that are not judged: `/hooks/stripe` exactly, or `/hooks/*` for all below. */
  readonly exempt?: readonly string[];
  /** Denials are marked `reportOnly`: say them, let the request pass. For a roll-out. */
  readonly reportOnly?: boolean;
  /** On loopback the request's own origin counts as configured. */
  readonly development?: boolean;
}

/** Frozen. Made by {@link csrfRules} only. */
export interface CsrfRules {
  readonly origins: ReadonlySet<string>;
  readonly trusted: ReadonlySet<string>;
  readonly exemptPaths: ReadonlySet<string>;
  /** Each ends in `/`. */
  readonly exemptBelow: readonly string[];
  readonly reportOnly: boolean;
  readonly development: boolean;
  /** Sentences for the log at start. */
  readonly warnings: readonly string[];
}

/** What the judgement looks at. Absent headers are `undefined`, never `""`. */
export interface CsrfRequest {
  /** `undefined`, for a sub-request that does not name the original method, counts as unsafe. */
  readonly method: string | undefined;
  /** As sent, with or without its query. */
  readonly path: string;
  /** True when the request carries `Upgrade`: never safe, whatever its method. */
  readonly upgrade?: boolean | undefined;
  readonly origin?: string | null | undefined;
  readonly secFetchSite?: string | null | undefined;
  readonly host?: string | null | undefined;
  /** The peer of the socket, not what a forwarding header says. */
  readonly remoteAddress?: string | undefined;
  readonly encrypted?: boolean | undefined;
  readonly hasSessionCookie: boolean;
}

export type CsrfPass =
  | "safe_method"
  | "exempt"
  | "trusted_origin"
  | "same_origin"
  | "user_initiated"
  | "configured_origin"
  | "loopback_origin"
  | "no_cookie";

export type CsrfVerdict =
  | { readonly allowed: true; readonly why: CsrfPass }
  | {
      readonly allowed: false;
      readonly check: CsrfCheck;
      /** For the caller and the log; holds nothing the request sent. */
      readonly detail: string;
      readonly reportOnly: boolean;
    };

/** Added to `Vary` wherever the judgement decides what is answered. */
export const CSRF_VARY = "Sec-Fetch-Site, Origin";

/** Entries one option may list. */
const LIST_MAX = 1000;
const PATH_MAX_CHARS = 2048;

type Report = (path: string, message: string) => void;

function listOf(value: unknown, path: string, report: Report): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > LIST_MAX) {
    report(path, `takes a list of at most ${LIST_MAX} strings`);
    return [];
  }
  return (value as unknown[]).filter((entry, index): entry is string => {
    if (typeof entry !== "string") report(`${path}[${index}]`, "takes a string");
    return typeof entry === "string";
  });
}

function originsOf(
  value: unknown,
  path: string,
  schemes: "web" | "any",
  report: Report,
): ReadonlySet<string> {
  const origins = new Set<string>();
  for (const [index, entry] of listOf(value, path, report).entries()) {
    const origin = readOrigin(entry, schemes);
    if (typeof origin === "string") origins.add(origin);
    else report(`${path}[${index}]`, origin.problem);
  }
  return origins;
}

/** A path a router cannot read in two ways: no escapes, no empty, `.` or `..` segments. */
function isPlainPath(path: string): boolean {
  if (!path.startsWith("/") || path.length > PATH_MAX_CHARS) return false;
  return !path.includes("//") && !path.includes("/.") && !/[%\\?#;\s*]/.test(path);
}

function checkExempt(entries: readonly string[], report: Report): void {
  for (const [index, entry] of entries.entries()) {
    const path = entry.endsWith("/*") ? entry.slice(0, -1) : entry;
    if (!isPlainPath(path)) {
      report(`csrf.exempt[${index}]`, 'takes a plain path: "/hooks/stripe", or "/hooks/*"');
    } else if (path === "/" && entry !== "/") {
      report(`csrf.exempt[${index}]`, "exempts everything; use `reportOnly` for a roll-out");
    }
  }
}

/**
 * Validate what counts as own, trusted and exempt.
 *
 * @throws {ConfigError} listing every problem.
 */
export function csrfRules(options: CsrfOptions): CsrfRules {
  const problems: ConfigProblem[] = [];
  const report: Report = (path, message) => problems.push({ path, message });
  const origins = originsOf(options.origins, "csrf.origins", "web", report);
  const trusted = originsOf(options.trusted, "csrf.trusted", "any", report);
  const exempt = listOf(options.exempt, "csrf.exempt", report);
  checkExempt(exempt, report);
  for (const key of ["reportOnly", "development"] as const) {
    const value: unknown = options[key];
    if (value !== undefined && typeof value !== "boolean") {
      report(`csrf.${key}`, "takes true or false");
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const below = exempt.filter((entry) => entry.endsWith("/*")).map((entry) => entry.slice(0, -1));
  const development = options.development === true;
  const warnings: string[] = [];
  if (origins.size === 0 && !development) {
    warnings.push("csrf.origins is empty: browsers that send no Sec-Fetch-Site cannot write");
  }
  if (options.reportOnly === true) {
    warnings.push("csrf.reportOnly is on: cross-site requests are reported and let through");
  }
  return Object.freeze({
    origins,
    trusted,
    exemptPaths: new Set(exempt.filter((entry) => !entry.endsWith("/*"))),
    exemptBelow: Object.freeze(below),
    reportOnly: options.reportOnly === true,
    development,
    warnings: Object.freeze(warnings),
  });
}

function pass(why: CsrfPass): CsrfVerdict {
  return Object.freeze({ allowed: true, why });
}

const PASSES: Readonly<Record<CsrfPass, CsrfVerdict>> = Object.freeze({
  safe_method: pass("safe_method"),
  exempt: pass("exempt"),
  trusted_origin: pass("trusted_origin"),
  same_origin: pass("same_origin"),
  user_initiated: pass("user_initiated"),
  configured_origin: pass("configured_origin"),
  loopback_origin: pass("loopback_origin"),
  no_cookie: pass("no_cookie"),
});

const DETAILS = Object.freeze({
  sec_fetch_site:
    "The browser says the request comes from another origin. If that origin is yours, list it " +
    "under `csrf.trusted`.",
  origin:
    "Origin is not one of the configured origins. If it is yours, list it under `csrf.origins`.",
  origin_missing: "A request with a session cookie needs Sec-Fetch-Site or Origin.",
});

function deny(rules: CsrfRules, check: keyof typeof DETAILS): CsrfVerdict {
  return { allowed: false, check, detail: DETAILS[check], reportOnly: rules.reportOnly };
}

/** TRACE is not among them: nothing here answers it. */
function isSafe(request: CsrfRequest): boolean {
  const { method } = request;
  const safe = method === "GET" || method === "HEAD" || method === "OPTIONS";
  return safe && request.upgrade !== true;
}

function isExempt(rules: CsrfRules, path: string): boolean {
  if (rules.exemptPaths.size === 0 && rules.exemptBelow.length === 0) return false;
  const query = path.indexOf("?");
  const bare = query === -1 ? path : path.slice(0, query);
  if (rules.exemptPaths.has(bare)) return true;
  // A path that a router may rewrite, `/hooks/../account`, is below nothing.
  return rules.exemptBelow.some((start) => bare.startsWith(start)) && isPlainPath(bare);
}

/** Two values in one header: some hop or client sent it twice, so none of them is believed. */
function isCombined(value: string): boolean {
  return value.includes(",") || value.includes(" ");
}

/** The origin of the request itself, on loopback in development only. */
function isOwnLoopback(rules: CsrfRules, request: CsrfRequest, origin: string): boolean {
  if (!rules.development || typeof request.host !== "string") return false;
  if (request.remoteAddress === undefined || !isLoopbackAddress(request.remoteAddress)) {
    return false;
  }
  const hostPort = readHostPort(request.host);
  if (hostPort === undefined || !isLoopbackHost(hostPort.host)) return false;
  return origin === printOrigin(request.encrypted === true ? "https" : "http", hostPort);
}

/**
 * Judge one request. Never throws; makes no copy of what the request sent.
 *
 * Order: safe method, exempt path, trusted Origin, Sec-Fetch-Site, Origin. Sec-Fetch-Site comes
 * before Origin because a form of a no-referrer page sends `Origin: null` to its own origin.
 *
 * @see OWASP ASVS 5.0 3.5.1–3.5.3; W3C Fetch Metadata
 */
export function judgeCsrf(rules: CsrfRules, request: CsrfRequest): CsrfVerdict {
  if (isSafe(request)) return PASSES.safe_method;
  if (isExempt(rules, request.path)) return PASSES.exempt;
  // Frameworks say `undefined` or `null` for a header that is not there.
  const origin = request.origin ?? undefined;
  const site = request.secFetchSite ?? undefined;
  if (origin !== undefined && isCombined(origin)) return deny(rules, "origin");
  if (origin !== undefined && rules.trusted.has(origin)) return PASSES.trusted_origin;
  if (site !== undefined) return judgeSite(rules, site);
  return origin === undefined ? judgeBare(rules, request) : judgeOrigin(rules, request, origin);
}

/** Neither header: a browser too old to believe, or no browser at all. */
function judgeBare(rules: CsrfRules, request: CsrfRequest): CsrfVerdict {
  return request.hasSessionCookie ? deny(rules, "origin_missing") : PASSES.no_cookie;
}

function judgeSite(rules: CsrfRules, site: string): CsrfVerdict {
  if (site === "same-origin") return PASSES.same_origin;
  // `same-site` too: a sibling subdomain's POST carries even SameSite=Strict cookies.
  return site === "none" ? PASSES.user_initiated : deny(rules, "sec_fetch_site");
}

function judgeOrigin(rules: CsrfRules, request: CsrfRequest, origin: string): CsrfVerdict {
  if (rules.origins.has(origin)) return PASSES.configured_origin;
  return isOwnLoopback(rules, request, origin) ? PASSES.loopback_origin : deny(rules, "origin");
}

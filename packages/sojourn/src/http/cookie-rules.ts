/**
 * What the session cookie looks like: validated once at start, every problem at once, with the
 * attribute text prepared so that a response only joins strings.
 */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { hasHostCharacters, isToken } from "./grammar.ts";

/** Name prefixes a browser enforces, strictest first. */
const COOKIE_PREFIXES = ["__Host-Http-", "__Host-", "__Secure-"] as const;
export type CookiePrefix = (typeof COOKIE_PREFIXES)[number];
export type SameSite = "Strict" | "Lax" | "None";

export interface CookieOptions {
  /** With or without a prefix; default `session`. Without one, `prefix` is put in front. */
  readonly name?: string;
  /** `false` only for a deployment without TLS: drops prefix and Secure, returns a warning. */
  readonly secure?: boolean;
  /** Default `Lax`, with `partitioned` `None`. `None` needs `partitioned` or `embedded`. */
  readonly sameSite?: SameSite;
  /** Shares the cookie with every subdomain. Needs the prefix `__Secure-`. */
  readonly domain?: string;
  /** Default: the one `name` starts with, else `__Host-`. */
  readonly prefix?: CookiePrefix;
  /** Embedded in other sites, one session for each of them (CHIPS). */
  readonly partitioned?: boolean;
  /** Embedded in other sites with one session for all, where the browser still allows it. */
  readonly embedded?: boolean;
  /** The cookie is a device-bound credential (DBSC). */
  readonly bound?: boolean;
  readonly production: boolean;
  /** The cookie travels over plain HTTP on a loopback address. */
  readonly loopback: boolean;
}

/** Frozen. Made by {@link cookieRules} only. */
export interface CookieRules {
  /** As it stands on the wire, prefix included. */
  readonly name: string;
  readonly prefix: CookiePrefix | "";
  readonly secure: boolean;
  readonly sameSite: SameSite;
  readonly domain: string | undefined;
  readonly partitioned: boolean;
  /** `name=`. */
  readonly opening: string;
  /** Everything behind the value and Max-Age. */
  readonly attributes: string;
  /** The whole `Set-Cookie` that deletes. */
  readonly deletion: string;
  /** Sentences for the log at start; empty when there is nothing to warn of. */
  readonly warnings: readonly string[];
}

/** A longer name would eat into the 4096 bytes that name and value share. */
const COOKIE_NAME_MAX_CHARS = 128;
/** Longest DNS name; far below the 1024 bytes a browser allows an attribute. */
const DOMAIN_MAX_CHARS = 253;
const DEFAULT_NAME = "session";
const DEFAULT_PREFIX: CookiePrefix = "__Host-";
/** Browsers match prefixes in any case, so a look-alike would be judged by them, not by us. */
const RESERVED: readonly string[] = ["__host-", "__secure-", "__http-"];

type Report = (path: string, message: string) => void;

interface Shape {
  readonly prefix: CookiePrefix | "";
  readonly base: string;
  readonly secure: boolean;
  readonly sameSite: SameSite;
}

function prefixOf(name: string): CookiePrefix | undefined {
  return COOKIE_PREFIXES.find((prefix) => name.startsWith(prefix));
}

function checkName({ base, prefix }: Shape, report: Report): void {
  if (!isToken(base)) {
    report("cookie.name", "takes letters, digits and !#$%&'*+-.^_`|~ after the prefix");
  }
  const folded = base.toLowerCase();
  const reserved = RESERVED.some((start) => folded.startsWith(start));
  // `__Host-` in front of `Http-x` would read as the stricter prefix.
  if (reserved || (prefix !== "" && folded.startsWith("http-"))) {
    report("cookie.name", `starts like a prefix; accepted are ${COOKIE_PREFIXES.join(", ")}`);
  }
  if (base.length > COOKIE_NAME_MAX_CHARS) {
    report("cookie.name", `takes at most ${COOKIE_NAME_MAX_CHARS} characters`);
  }
}

function isLabel(label: string): boolean {
  const edges = label.startsWith("-") || label.endsWith("-") || label.includes("_");
  return label.length > 0 && label.length <= 63 && !edges;
}

function checkDomain(domain: string, prefix: string, report: Report): void {
  const labels = domain.split(".");
  const numeric = /^\d*$/.test(labels.at(-1) ?? "");
  const shaped = domain.length <= DOMAIN_MAX_CHARS && hasHostCharacters(domain);
  if (!shaped || /[:[\]]/.test(domain) || numeric || labels.length < 2 || !labels.every(isLabel)) {
    report("cookie.domain", 'takes a domain name such as "example.com", no leading dot, no port');
  }
  if (prefix.startsWith("__Host-")) {
    report("cookie.domain", `a ${prefix} cookie has no Domain; to share it set prefix "__Secure-"`);
  }
}

function checkEmbedding(options: CookieOptions, shape: Shape, report: Report): void {
  if (shape.sameSite === "None" && options.partitioned !== true && options.embedded !== true) {
    report("cookie.sameSite", '"None" needs `partitioned: true`, or `embedded: true` for one jar');
  }
  if (options.partitioned === true && shape.sameSite !== "None") {
    report("cookie.partitioned", 'needs `sameSite: "None"`; leave `sameSite` out');
  }
  if (shape.sameSite === "None" && !shape.secure) {
    report("cookie.secure", 'browsers drop a `sameSite: "None"` cookie without Secure');
  }
}

function checkBinding(options: CookieOptions, shape: Shape, report: Report): void {
  if (options.bound !== true) return;
  if (shape.prefix === "__Host-Http-") {
    report("cookie.prefix", 'a device-bound cookie cannot be "__Host-Http-"; use "__Host-"');
  }
  if (options.partitioned === true) {
    report("cookie.partitioned", "a device-bound cookie cannot be partitioned");
  }
}

/** Types are checked by hand: options may come from JSON or from plain JavaScript. */
function checkTypes(options: CookieOptions, report: Report): void {
  for (const key of ["name", "domain"] as const) {
    const value: unknown = options[key];
    if (value !== undefined && typeof value !== "string") report(`cookie.${key}`, "takes a string");
  }
  for (const key of ["secure", "partitioned", "embedded", "bound"] as const) {
    const value: unknown = options[key];
    if (value !== undefined && typeof value !== "boolean") {
      report(`cookie.${key}`, "takes true or false");
    }
  }
  const sameSite: unknown = options.sameSite;
  if (sameSite !== undefined && !["Strict", "Lax", "None"].includes(sameSite as string)) {
    report("cookie.sameSite", 'takes "Strict", "Lax" or "None"');
  }
  const prefix: unknown = options.prefix;
  if (prefix !== undefined && !COOKIE_PREFIXES.includes(prefix as CookiePrefix)) {
    report("cookie.prefix", `takes ${COOKIE_PREFIXES.join(", ")}`);
  }
}

/** Plain HTTP on loopback outside production: without Secure, which browsers may refuse there. */
function isPlain(options: CookieOptions): boolean {
  if (options.secure !== undefined) return !options.secure;
  const needsSecure = options.partitioned === true || options.sameSite === "None";
  return options.loopback && !options.production && !needsSecure && options.bound !== true;
}

function checkPrefix(
  options: CookieOptions,
  named: CookiePrefix | undefined,
  report: Report,
): void {
  if (named !== undefined && options.prefix !== undefined && named !== options.prefix) {
    report("cookie.name", `starts with ${named}, but the prefix asked for is ${options.prefix}`);
  }
  const prefix = options.prefix ?? named;
  if (options.secure === false && prefix !== undefined) {
    report("cookie.secure", `a ${prefix} cookie is always Secure; leave the prefix out`);
  }
}

function shapeOf(options: CookieOptions, report: Report): Shape {
  const wanted = options.name ?? DEFAULT_NAME;
  const named = prefixOf(wanted);
  checkPrefix(options, named, report);
  const base = named === undefined ? wanted : wanted.slice(named.length);
  const secure = !isPlain(options);
  const prefix = secure ? (options.prefix ?? named ?? DEFAULT_PREFIX) : "";
  const sameSite = options.sameSite ?? (options.partitioned === true ? "None" : "Lax");
  return { prefix, base, secure, sameSite };
}

/** The prefix production would have, so that a start on loopback shows the same problems. */
function declaredPrefix(options: CookieOptions): string {
  if (options.secure === false) return "";
  return options.prefix ?? prefixOf(options.name ?? "") ?? DEFAULT_PREFIX;
}

function warningsOf(options: CookieOptions, name: string): string[] {
  const warnings: string[] = [];
  if (options.secure === false) {
    warnings.push(`cookie.secure is false: ${name} travels unencrypted and anyone can read it`);
  }
  if (options.domain !== undefined) {
    const domain = options.domain.toLowerCase();
    warnings.push(`cookie.domain is set: every host under ${domain} receives and can set ${name}`);
  }
  if (options.sameSite === "None" && options.partitioned !== true) {
    warnings.push(`cookie.sameSite is None: other sites' requests carry ${name}`);
  }
  return warnings;
}

/**
 * Validate the cookie's options and prepare its text.
 *
 * The name is `__Host-session` unless asked otherwise. On plain-HTTP loopback outside production
 * it is `session` without Secure, whatever prefix production uses.
 *
 * @throws {ConfigError} listing every problem.
 * @see RFC 6265bis sections 4.1.2 and 4.1.3; OWASP ASVS 5.0 3.3.1–3.3.5
 */
export function cookieRules(options: CookieOptions): CookieRules {
  const problems: ConfigProblem[] = [];
  const report: Report = (path, message) => problems.push({ path, message });
  checkTypes(options, report);
  if (problems.length > 0) throw new ConfigError(problems);
  const shape = shapeOf(options, report);
  checkName(shape, report);
  if (options.domain !== undefined) checkDomain(options.domain, declaredPrefix(options), report);
  checkEmbedding(options, shape, report);
  checkBinding(options, shape, report);
  if (problems.length > 0) throw new ConfigError(problems);
  return frozenRules(options, shape);
}

function frozenRules(options: CookieOptions, shape: Shape): CookieRules {
  const name = shape.prefix + shape.base;
  const { domain } = options;
  const partitioned = options.partitioned === true;
  const attributes = [
    "; Path=/",
    domain === undefined ? "" : `; Domain=${domain.toLowerCase()}`,
    shape.secure ? "; Secure" : "",
    "; HttpOnly",
    `; SameSite=${shape.sameSite}`,
    partitioned ? "; Partitioned" : "",
  ].join("");
  return Object.freeze({
    name,
    prefix: shape.prefix,
    secure: shape.secure,
    sameSite: shape.sameSite,
    domain: domain?.toLowerCase(),
    partitioned,
    opening: `${name}=`,
    attributes,
    deletion: `${name}=; Max-Age=0${attributes}`,
    warnings: Object.freeze(warningsOf(options, name)),
  });
}

/** The same cookie by another name, prefix included. */
export function renamed(rules: CookieRules, name: string): CookieRules {
  const opening = `${name}=`;
  const deletion = `${opening}; Max-Age=0${rules.attributes}`;
  return Object.freeze({ ...rules, name, opening, deletion });
}

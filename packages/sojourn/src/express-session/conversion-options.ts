/** Options of `fromExpressSession`, checked all at once. */
import { ConfigError } from "../engine/errors.ts";
import { unknownOptions } from "../engine/given.ts";
import { isToken } from "../http/grammar.ts";
import type { ForeignStore } from "./foreign-calls.ts";
import type { SigningSecret } from "./signature.ts";

/** What the old application kept in the session, without express-session's own `cookie`. */
export type OldData = Readonly<Record<string, unknown>>;

export interface FromExpressSessionOptions {
  /** The store object that express-session was given: connect-redis, connect-pg-simple, … */
  readonly store: ForeignStore;
  /**
   * As express-session was given it: one secret, or a list of which any may have signed. What is
   * `undefined`, such as a variable of the environment that is not set, is refused.
   */
  readonly secret: SigningSecret | readonly (SigningSecret | undefined)[] | undefined;
  /** Name of the old cookie. Default `connect.sid`. */
  readonly name?: string;
  /** As the old cookie was set, so that the browser deletes it. Default: path `/`, no domain. */
  readonly cookie?: { readonly path?: string; readonly domain?: string };
  /** Whose session it is; `null`: nobody has signed in. Default: what passport wrote. */
  readonly subject?: (data: OldData) => string | null | undefined;
  /** By what the subject was authenticated, such as `["pwd"]`. Default: nothing is known. */
  readonly amr?: (data: OldData) => readonly string[];
  readonly roles?: (data: OldData) => readonly string[];
  /** When the subject was authenticated, where the old application kept it; milliseconds. */
  readonly authenticatedAt?: (data: OldData) => number | undefined;
  /** What becomes the new session's data. Default: everything. */
  readonly pick?: (data: OldData) => object;
  /** How long the old store may take for an answer, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS_MAX = 60_000;
/** What may stand in an attribute of `Set-Cookie`: no control, no semicolon. */
const ATTRIBUTE = /^[ -:<-~]+$/;

interface Shape {
  readonly accepted: string;
  readonly fits: (value: unknown) => boolean;
  readonly needed?: boolean;
}

const CALLBACK: Shape = {
  accepted: "takes a function of the old session's data",
  fits: (value) => typeof value === "function",
};

/** Types are checked by hand: options may come from plain JavaScript. */
const SHAPES: Readonly<Record<keyof FromExpressSessionOptions, Shape>> = {
  store: {
    accepted: "takes the store object that express-session was given, with get and destroy",
    fits: (value) => can(value, "get") && can(value, "destroy"),
    needed: true,
  },
  secret: {
    accepted: "takes the secret that express-session was given, or the list of them",
    fits: (value) => secretsOf(value).length > 0 && secretsOf(value).every(isSecret),
    needed: true,
  },
  name: {
    accepted: 'takes the name of the old cookie, such as "connect.sid"',
    fits: (value) => typeof value === "string" && isToken(value),
  },
  cookie: {
    accepted: "takes path and domain of the old cookie, nothing else",
    fits: isPlace,
  },
  subject: CALLBACK,
  amr: CALLBACK,
  roles: CALLBACK,
  authenticatedAt: CALLBACK,
  pick: CALLBACK,
  timeoutMs: {
    accepted: `takes whole milliseconds from 1 to ${TIMEOUT_MS_MAX}`,
    fits: (value) => Number.isSafeInteger(value) && inRange(value as number),
  },
};

/** @throws {ConfigError} listing every problem of every option. */
export function checkOptions(options: FromExpressSessionOptions): void {
  const given = ((options as object | null | undefined) ?? {}) as Readonly<Record<string, unknown>>;
  const problems = unknownOptions(given, Object.keys(SHAPES), pathOf(""));
  for (const [key, { accepted, fits, needed = false }] of Object.entries(SHAPES)) {
    const value = given[key];
    if (value === undefined && !needed) continue;
    if (!fits(value)) problems.push({ path: pathOf(key), message: accepted });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** One secret, or a list of which any may have signed. */
export function secretsOf(given: unknown): readonly SigningSecret[] {
  return Array.isArray(given) ? (given as readonly SigningSecret[]) : [given as SigningSecret];
}

function pathOf(option: string): string {
  return `fromExpressSession.${option}`;
}

function isSecret(secret: unknown): boolean {
  return typeof secret === "string" ? secret !== "" : typeof secret === "object" && secret !== null;
}

function isPlace(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(
    ([key, text]) =>
      ["path", "domain"].includes(key) &&
      (text === undefined || (typeof text === "string" && ATTRIBUTE.test(text))),
  );
}

function inRange(ms: number): boolean {
  return ms >= 1 && ms <= TIMEOUT_MS_MAX;
}

function can(value: unknown, method: string): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Readonly<Record<string, unknown>>)[method] === "function"
  );
}

/**
 * Sessions of express-session become Sojourn's at first sight: whoever is signed in with a
 * `connect.sid` stays signed in. Reads any store that express-session runs on.
 *
 *   createSessions({ …, convert: [fromExpressSession({ store, secret })] })
 */
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import { readCookie } from "../http/cookie.ts";
import { isPlainObject } from "../sessions/foreign.ts";
import type {
  ForeignFinding,
  ForeignOutcome,
  ForeignRequest,
  ForeignSession,
  ForeignSessions,
} from "../sessions/foreign.ts";
import { checkOptions, secretsOf } from "./conversion-options.ts";
import type { FromExpressSessionOptions, OldData } from "./conversion-options.ts";
import { ForeignCalls } from "./foreign-calls.ts";
import { unsignSid } from "./signature.ts";
import type { SigningSecret } from "./signature.ts";

/** What this process has seen of old cookies. Each presentation counts once. */
export interface ConversionReport {
  /** Old sessions that became ours. */
  readonly converted: number;
  /** Old cookies of sessions that had become ours before. */
  readonly again: number;
  readonly expired: number;
  /** Well signed, and no such row: signed out, or swept. */
  readonly unknown: number;
  /** Of visitors who had not signed in, with no data: nothing to keep. */
  readonly empty: number;
  readonly forged: number;
  readonly refused: number;
  /** Answered with an error, because one of the stores or an option was in trouble. */
  readonly failed: number;
  /** Tries to delete an old row that failed. They are repeated. */
  readonly endFailed: number;
  readonly firstConvertedAt?: number;
  readonly lastConvertedAt?: number;
}

export interface ExpressSessionFormat extends ForeignSessions {
  report(): ConversionReport;
}

const FORMAT = "express-session";
const COOKIE_NAME = "connect.sid";
const TIMEOUT_MS = 5_000;
/** Different values of one name that are looked at: each costs an HMAC for every secret. */
const COPIES_MAX = 8;

/**
 * The format of express-session, for the option `convert` of `createSessions`.
 *
 * @throws {ConfigError} listing every problem of every option.
 */
export function fromExpressSession(options: FromExpressSessionOptions): ExpressSessionFormat {
  checkOptions(options);
  const { name = COOKIE_NAME, timeoutMs = TIMEOUT_MS } = options;
  const secrets = secretsOf(options.secret);
  const calls = new ForeignCalls(options.store, timeoutMs, new Map());
  const counts = new Counts();
  return {
    name: name === COOKIE_NAME ? FORMAT : `${FORMAT} ${name}`,
    expire: [deletionOf(name, options.cookie)],
    present: (request) => readCookie(request.header("cookie"), name).kind !== "absent",
    find: async (request, now) => {
      const key = sidOf(request, name, secrets);
      if (key === undefined) return { state: "forged" };
      return findingOf(key, await calls.get(key), { options, now });
    },
    end: (key) => calls.destroy(key),
    note: (outcome, at) => counts.add(outcome, at),
    report: () => counts.report(),
  };
}

/**
 * The sid that one of the secrets signed. After a change of the cookie's domain or path a browser
 * sends the name twice; nobody can tell which of two genuine ones was meant.
 *
 * @returns `undefined` for none, and for several. The store is not asked then.
 */
function sidOf(
  request: ForeignRequest,
  name: string,
  secrets: readonly SigningSecret[],
): string | undefined {
  const header = request.header("cookie");
  const reading = readCookie(header, name);
  if (reading.kind === "value") return unsigned(reading.value, secrets);
  const values = valuesOf(header ?? "", name);
  if (values.size > COPIES_MAX) return undefined;
  const sids = new Set([...values].map((value) => unsigned(value, secrets)));
  sids.delete(undefined);
  return sids.size === 1 ? [...sids][0] : undefined;
}

function valuesOf(header: string, name: string): Set<string> {
  const pairs = header.split(";").map((pair) => pair.trim());
  const ours = pairs.filter((pair) => pair.startsWith(`${name}=`));
  return new Set(ours.map((pair) => pair.slice(name.length + 1).trim()));
}

function unsigned(value: string, secrets: readonly SigningSecret[]): string | undefined {
  try {
    return unsignSid(decodeURIComponent(value), secrets);
  } catch {
    // A `%` that begins no escape.
    return undefined;
  }
}

function findingOf(
  key: string,
  row: unknown,
  by: { readonly options: FromExpressSessionOptions; readonly now: number },
): ForeignFinding {
  if (row === undefined) return { state: "unknown", key };
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new StoreUnavailableError("express-session store: a row that is no session", {
      retryable: false,
    });
  }
  // session-file-store adds the second to what express-session writes.
  const { cookie, __lastAccess, ...data } = row as Record<string, unknown>;
  const { expires, originalMaxAge } = (cookie ?? {}) as Record<string, unknown>;
  const expiresAt = expires ? new Date(expires as string | number | Date).getTime() : Number.NaN;
  if (expiresAt <= by.now) return { state: "expired", key };
  const session = sessionOf(data, by.options);
  const nothing = session.subject === null && Object.keys(session.data).length === 0;
  if (nothing) return { state: "empty", key };
  return { state: "live", key, session: { ...session, remember: Boolean(originalMaxAge) } };
}

function sessionOf(data: OldData, options: FromExpressSessionOptions): ForeignSession {
  const { subject = passportUser, amr, roles, authenticatedAt, pick } = options;
  const at = authenticatedAt?.(data);
  return {
    subject: subject(data) ?? null,
    data: pick === undefined ? data : picked(pick(data)),
    ...(amr === undefined ? {} : { amr: amr(data) }),
    ...(roles === undefined ? {} : { roles: roles(data) }),
    ...(at === undefined ? {} : { authenticatedAt: at }),
  };
}

/** @throws {ConfigError} for users that are more than a name: taking them for nobody is wrong. */
function passportUser({ passport }: OldData): string | null {
  const user = (passport as { readonly user?: unknown } | undefined)?.user ?? null;
  if (user === null || typeof user === "string") return user;
  if (typeof user === "number") return String(user);
  const message =
    `passport kept a user of type ${typeof user}; ` +
    "say whose session it is: (data) => String(data.passport.user.id)";
  throw new ConfigError([{ path: "fromExpressSession.subject", message }]);
}

/** @throws {ConfigError} for what a forgotten `return` or an `async` makes of the data. */
function picked(data: unknown): object {
  if (isPlainObject(data)) return data;
  const message = "returned no plain object: return what becomes the session's data, no promise";
  throw new ConfigError([{ path: "fromExpressSession.pick", message }]);
}

class Counts {
  readonly #counts: Record<ForeignOutcome, number> = {
    converted: 0,
    again: 0,
    expired: 0,
    unknown: 0,
    empty: 0,
    forged: 0,
    refused: 0,
    failed: 0,
    "end-failed": 0,
  };
  #firstAt: number | undefined;
  #lastAt: number | undefined;

  add(outcome: ForeignOutcome, at: number): void {
    this.#counts[outcome] += 1;
    if (outcome !== "converted") return;
    this.#firstAt ??= at;
    this.#lastAt = at;
  }

  report(): ConversionReport {
    const { "end-failed": endFailed, ...counts } = this.#counts;
    return {
      ...counts,
      endFailed,
      ...(this.#firstAt === undefined ? {} : { firstConvertedAt: this.#firstAt }),
      ...(this.#lastAt === undefined ? {} : { lastConvertedAt: this.#lastAt }),
    };
  }
}

/** Browsers delete by name, path and domain; names with a prefix need `Secure` as well. */
function deletionOf(name: string, cookie: FromExpressSessionOptions["cookie"] = {}): string {
  const { path = "/", domain } = cookie;
  const where = domain === undefined ? `; Path=${path}` : `; Path=${path}; Domain=${domain}`;
  const secure = name.startsWith("__") ? "; Secure" : "";
  return `${name}=${where}; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly${secure}`;
}

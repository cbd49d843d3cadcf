/**
 * Where no `Response` is at hand. A server component sees the headers of the request and can
 * answer nothing; a server action can set cookies, one by one, and no other header.
 */
import { ArgumentError } from "../engine/errors.ts";
import type { Exchange, RequestView, ResponseHead } from "../sessions/exchange.ts";
import type { Session } from "../sessions/session.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** What a runtime knows of the connection and a `Request` does not say. */
export interface FetchConnection {
  /** The peer of the socket. Without it no proxy is believed and loopback has no plain cookie. */
  readonly remoteAddress?: string | undefined;
  /** True when the client came by HTTPS. Default: what the URL says, false where there is none. */
  readonly encrypted?: boolean | undefined;
}

/** The request as far as such a place knows it. */
export interface HeadersGiven extends FetchConnection {
  /** As the browser sent them: a cookie of the answer must not stand among them. */
  readonly headers: Pick<Headers, "get">;
  /** False for prefetches and polls, and where a proxy has counted the request. Default true. */
  readonly activity?: boolean | undefined;
  /** For policies that ask for one: what the form had from `session.csrfToken()`. */
  readonly csrfToken?: string | undefined;
}

/** One cookie to set, in the words of Next.js' `cookies().set`. */
export interface CookieToSet {
  readonly name: string;
  readonly value: string;
  readonly path?: string;
  readonly domain?: string;
  readonly maxAge?: number;
  readonly sameSite?: "lax" | "strict" | "none";
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  readonly partitioned?: boolean;
}

/** Without what needs a cookie: a token that nobody receives would lock the client out. */
export type SessionToRead<Data extends object> = Omit<
  Session<Data>,
  "login" | "logout" | "rotate" | "setRoles" | "stepUp" | "unlock"
>;

/**
 * The session of a request that cannot be answered: it is read, and its token stays as it is.
 * Rotation waits for a place that can set a cookie. One store read; none without a credential.
 *
 * @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Trouble is nobody's logout.
 */
export async function readSession<Data extends object>(
  of: Sessions<Data>,
  given: HeadersGiven,
): Promise<SessionToRead<Data>> {
  checkGiven("headers", given?.headers, "get");
  const { session } = await begin(of, given, { method: "GET", canSetToken: false });
  return session;
}

/**
 * Run a server action with the session of its request. The cookie is set before this returns, also
 * when `run` throws (a redirect does), once changes that nobody awaited are stored.
 *
 * @throws {CrossSiteError} when the request did not prove its origin; `run` is not called.
 * @throws {StoreUnavailableError | ContentionError | ClockJumpedError} Trouble.
 */
export async function withSession<Data extends object, Result>(
  of: Sessions<Data>,
  given: HeadersGiven & { readonly cookies: { set(cookie: CookieToSet): unknown } },
  run: (session: Session<Data>) => Result | Promise<Result>,
): Promise<Result> {
  checkGiven("headers", given?.headers, "get");
  checkGiven("cookies", given.cookies, "set");
  const exchange = await begin(of, given, { method: "POST", canSetToken: true });
  const { session } = exchange;
  const [outcome] = await Promise.allSettled([Promise.resolve(session).then(run)]);
  const unawaited = exchange.working !== undefined;
  while (exchange.working !== undefined) await exchange.working;
  await exchange.commit(headOf((cookie) => given.cookies.set(cookie)));
  if (unawaited && session.failure !== undefined) throw session.failure as Error;
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

/** A forgotten `await` would otherwise show only once the action has run, or never. */
function checkGiven(name: "headers" | "cookies", value: unknown, method: "get" | "set"): void {
  const can = typeof value === "object" && value !== null && method in value;
  if (can) return;
  throw new ArgumentError(name, `takes { ${name}: await ${name}() }, what the framework gives`);
}

async function begin<Data extends object>(
  of: Sessions<Data>,
  { headers, remoteAddress, encrypted = false, activity = true, csrfToken }: HeadersGiven,
  place: Pick<RequestView, "method" | "canSetToken">,
): Promise<Exchange<Data>> {
  const header = (name: string): string | undefined => headers.get(name) ?? undefined;
  const view = { path: "/", header, remoteAddress, encrypted, activity, csrfToken, ...place };
  const exchange = await of.exchange(view);
  if (exchange.trouble !== undefined) throw exchange.trouble;
  return exchange;
}

/** Cookies leave; other headers have no way out. */
function headOf(set: (cookie: CookieToSet) => unknown): ResponseHead {
  return {
    get: () => undefined,
    set: () => undefined,
    addCookie: (line) => void set(readSetCookie(line)),
  };
}

const FIELDS: Readonly<Record<string, (value: string) => Partial<CookieToSet>>> = {
  Path: (path) => ({ path }),
  Domain: (domain) => ({ domain }),
  "Max-Age": (seconds) => ({ maxAge: Number(seconds) }),
  SameSite: (value) => ({ sameSite: value.toLowerCase() as "lax" | "strict" | "none" }),
  Secure: () => ({ secure: true }),
  HttpOnly: () => ({ httpOnly: true }),
  Partitioned: () => ({ partitioned: true }),
};

/** A line of ours as its parts. */
function readSetCookie(line: string): CookieToSet {
  const [pair = "", ...attributes] = line.split("; ").map(split);
  const cookie: CookieToSet = { name: pair[0] ?? "", value: pair[1] ?? "" };
  return Object.assign(cookie, ...attributes.map(([name, value]) => FIELDS[name]?.(value)));
}

function split(part: string): readonly [name: string, value: string] {
  const at = part.indexOf("=");
  return at === -1 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
}

/** Options of device-bound sessions (DBSC), checked once. */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import type { Policy } from "../engine/policy/policy.ts";
import { cookieRules } from "../http/cookie-rules.ts";
import type { CookieRules } from "../http/cookie-rules.ts";

/** What a bound session is worth to a request that does not prove its device. */
export type Enforcement = "observe" | "step-up" | "require";

/** Not `observe`: full rights for a header that anyone can send would leave nothing to enforce. */
type SkippedRule = Exclude<Enforcement, "observe"> | "degraded";

export interface DbscOptions {
  /** Where both endpoints are: `PATH/register` and `PATH/refresh`. Default `/dbsc`. */
  readonly path?: string;
  /**
   * `observe`: an event and nothing else, to try it out. `step-up`: nobody's until a factor is
   * given again. `require`: nobody's until the next login. Default by the policy's `binding`:
   * `prefer` is `step-up`, `require-where-supported` is `require`; `off` binds no session.
   */
  readonly enforcement?: Enforcement;
  /**
   * For a request whose browser says that it could not refresh, which anyone can say. `degraded`:
   * served without any assurance. Default: as `enforcement`.
   */
  readonly onSkipped?: SkippedRule;
  /** Of the bound cookie, without its prefix (`__Host-`). Default `session-bound`. */
  readonly cookieName?: string;
  /**
   * For browsers without DBSC: `PATH/webcrypto` takes proofs of keys that `sojourn-client` made.
   * Default false.
   */
  readonly webcrypto?: boolean;
  /**
   * Bind the whole site instead of one origin: the origin of its registrable domain, such as
   * `https://example.com`. Every host below it then needs, gets and sees the bound cookie.
   */
  readonly site?: string;
  /** Origins below `site` where people sign in; browsers ask its well-known address for them. */
  readonly registeringOrigins?: readonly string[];
}

export interface DbscRules {
  readonly registerPath: string;
  readonly refreshPath: string;
  /** `undefined` where nobody asked for it. */
  readonly webcryptoPath: string | undefined;
  readonly onSkipped: SkippedRule | undefined;
  readonly cookie: CookieRules;
  /** Origin of the site, where all of it is bound. */
  readonly site: string | undefined;
  /** Besides the site's own. */
  readonly registeringOrigins: readonly string[];
  enforcementBy(policy: Policy): Enforcement;
}

export const DBSC_OPTIONS: readonly (keyof DbscOptions)[] = [
  "path",
  "enforcement",
  "onSkipped",
  "cookieName",
  "webcrypto",
  "site",
  "registeringOrigins",
];
const LEVELS: readonly unknown[] = ["observe", "step-up", "require"];
/** Goes into a quoted string of a header and into a URL: nothing that needs escaping. */
const PATH = /^(?:\/[A-Za-z0-9._~-]+)+$/;
const ORIGIN = /^https:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d{1,5})?$/;

/**
 * @param session The session's own cookie.
 * @throws {ConfigError} listing every problem.
 */
export function dbscRules(options: DbscOptions, session?: CookieRules): DbscRules {
  const { path = "/dbsc", enforcement, onSkipped, cookieName = "session-bound" } = options;
  const { site, registeringOrigins = [], webcrypto = false } = options;
  const problems = [...problemsOf(options), ...siteProblems(options)];
  const cookie = boundCookie(cookieName, hostOf(site));
  if (cookie instanceof ConfigError) problems.push(...cookie.problems);
  else if (session !== undefined) problems.push(...besideProblems(cookie, session));
  if (cookie instanceof ConfigError || problems.length > 0) throw new ConfigError(problems);
  return {
    registerPath: `${path}/register`,
    refreshPath: `${path}/refresh`,
    webcryptoPath: webcrypto ? `${path}/webcrypto` : undefined,
    onSkipped,
    cookie,
    site,
    registeringOrigins,
    enforcementBy: ({ binding }) =>
      enforcement ?? (binding === "require-where-supported" ? "require" : "step-up"),
  };
}

const ACCEPTED: Readonly<
  Record<
    "path" | "enforcement" | "onSkipped" | "webcrypto",
    readonly [string, (value: unknown) => boolean]
  >
> = {
  path: [
    'takes a path such as "/dbsc", no slash at its end',
    (value) => typeof value === "string" && PATH.test(value),
  ],
  enforcement: ['takes "observe", "step-up" or "require"', (value) => LEVELS.includes(value)],
  onSkipped: [
    'takes "degraded", "step-up" or "require"',
    (value) => value === "degraded" || (value !== "observe" && LEVELS.includes(value)),
  ],
  webcrypto: ["takes true or false", (value) => typeof value === "boolean"],
};

function problemsOf(options: DbscOptions): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const key of ["path", "enforcement", "onSkipped", "webcrypto"] as const) {
    const [message, fits] = ACCEPTED[key];
    const value = options[key];
    if (value !== undefined && !fits(value)) problems.push({ path: `dbsc.${key}`, message });
  }
  return problems;
}

/** The host of an origin as it must be written; `undefined` for anything else. */
function hostOf(origin: unknown): string | undefined {
  return typeof origin === "string" ? ORIGIN.exec(origin)?.[1] : undefined;
}

function siteProblems({ site, registeringOrigins }: DbscOptions): ConfigProblem[] {
  const listed: unknown = registeringOrigins ?? [];
  const path = "dbsc.registeringOrigins";
  const apex = hostOf(site);
  if (site !== undefined && apex === undefined) {
    const message = 'takes the https origin of a domain, such as "https://example.com"';
    return [{ path: "dbsc.site", message }];
  }
  if (!Array.isArray(listed)) return [{ path, message: "takes a list of origins" }];
  if (apex === undefined) {
    const message = 'counts only with dbsc.site, such as "https://example.com": set it too';
    return listed.length === 0 ? [] : [{ path, message }];
  }
  const outside = listed.filter((origin) => !`.${hostOf(origin)}`.endsWith(`.${apex}`));
  return outside.map((origin) => ({
    path,
    message:
      `${JSON.stringify(origin)} is no https origin of ${site} or below it: list those where ` +
      `people sign in, such as "https://login.${apex}"`,
  }));
}

function boundCookie(name: string, domain: string | undefined): CookieRules | ConfigError {
  try {
    const jar = { bound: true, production: true, loopback: false } as const;
    if (domain === undefined) return cookieRules({ name, prefix: "__Host-", ...jar });
    return cookieRules({ name, prefix: "__Secure-", domain, ...jar });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return new ConfigError(
      error.problems.map(({ path, message }) => ({
        path: path === "cookie.domain" ? "dbsc.site" : "dbsc.cookieName",
        message,
      })),
    );
  }
}

/** The bound cookie stays on its host and site: it has to go wherever the session's goes. */
function besideProblems(bound: CookieRules, session: CookieRules): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (bound.name === session.name) {
    problems.push({ path: "dbsc.cookieName", message: "is the name of the session's own cookie" });
  }
  if (session.domain !== undefined && !isWithin(session.domain, bound.domain)) {
    const message = "sends the session to hosts that the bound cookie never reaches; not with dbsc";
    problems.push({ path: "cookie.domain", message });
  }
  if (session.sameSite === "None") {
    const message = '"None" sends the session where the bound cookie never goes; not with dbsc';
    problems.push({ path: "cookie.sameSite", message });
  }
  return problems;
}

function isWithin(domain: string, outer: string | undefined): boolean {
  return outer !== undefined && `.${domain}`.endsWith(`.${outer}`);
}

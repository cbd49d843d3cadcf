/** Options of device-bound sessions (DBSC), checked once. */
import { ConfigError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import type { Policy } from "../engine/policy/policy.ts";
import { cookieRules } from "../http/cookie-rules.ts";
import type { CookieRules } from "../http/cookie-rules.ts";

/** What a bound session is worth to a request that does not prove its device. */
export type Enforcement = "observe" | "step-up" | "require";

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
  readonly onSkipped?: Enforcement | "degraded";
  /** Of the bound cookie, without prefix: it is always `__Host-`. Default `session-bound`. */
  readonly cookieName?: string;
}

export interface DbscRules {
  readonly registerPath: string;
  readonly refreshPath: string;
  readonly onSkipped: Enforcement | "degraded" | undefined;
  readonly cookie: CookieRules;
  enforcementBy(policy: Policy): Enforcement;
}

export const DBSC_OPTIONS: readonly (keyof DbscOptions)[] = [
  "path",
  "enforcement",
  "onSkipped",
  "cookieName",
];
const LEVELS: readonly unknown[] = ["observe", "step-up", "require"];
/** Goes into a quoted string of a header and into a URL: nothing that needs escaping. */
const PATH = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/** @throws {ConfigError} listing every problem. */
export function dbscRules(options: DbscOptions): DbscRules {
  const { path = "/dbsc", enforcement, onSkipped, cookieName = "session-bound" } = options;
  const problems = problemsOf(options);
  const cookie = boundCookie(cookieName);
  if (cookie instanceof ConfigError) problems.push(...cookie.problems);
  if (cookie instanceof ConfigError || problems.length > 0) throw new ConfigError(problems);
  return {
    registerPath: `${path}/register`,
    refreshPath: `${path}/refresh`,
    onSkipped,
    cookie,
    enforcementBy: ({ binding }) =>
      enforcement ?? (binding === "require-where-supported" ? "require" : "step-up"),
  };
}

const ACCEPTED: Readonly<
  Record<"path" | "enforcement" | "onSkipped", readonly [string, (value: unknown) => boolean]>
> = {
  path: [
    'takes a path such as "/dbsc", no slash at its end',
    (value) => typeof value === "string" && PATH.test(value),
  ],
  enforcement: ['takes "observe", "step-up" or "require"', (value) => LEVELS.includes(value)],
  onSkipped: [
    'takes "degraded", "observe", "step-up" or "require"',
    (value) => value === "degraded" || LEVELS.includes(value),
  ],
};

function problemsOf(options: DbscOptions): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const key of ["path", "enforcement", "onSkipped"] as const) {
    const [message, fits] = ACCEPTED[key];
    const value = options[key];
    if (value !== undefined && !fits(value)) problems.push({ path: `dbsc.${key}`, message });
  }
  return problems;
}

function boundCookie(name: string): CookieRules | ConfigError {
  try {
    const jar = { bound: true, production: true, loopback: false } as const;
    return cookieRules({ name, prefix: "__Host-", ...jar });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return new ConfigError(
      error.problems.map(({ message }) => ({ path: "dbsc.cookieName", message })),
    );
  }
}

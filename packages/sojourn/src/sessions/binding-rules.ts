/** Options of device-bound sessions (DBSC), checked once. */
import { ConfigError } from "../engine/errors.ts";
import { unknownOptions } from "../engine/given.ts";
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
  const problems = [...unknownOptions(options, DBSC_OPTIONS, "dbsc.")];
  if (typeof path !== "string" || !PATH.test(path)) {
    problems.push({ path: "dbsc.path", message: 'takes a path such as "/dbsc", no slash at its end' });
  }
  if (enforcement !== undefined && !LEVELS.includes(enforcement)) {
    const message = 'takes "observe", "step-up" or "require"';
    problems.push({ path: "dbsc.enforcement", message });
  }
  if (onSkipped !== undefined && onSkipped !== "degraded" && !LEVELS.includes(onSkipped)) {
    const message = 'takes "degraded", "observe", "step-up" or "require"';
    problems.push({ path: "dbsc.onSkipped", message });
  }
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

/** What `sojourn doctor` can find: a closed list of checks, each in a group. */

export type Result = "pass" | "warn" | "fail" | "skipped";

/** In the order of the report; each is a heading of docs/operations/doctor.md. */
export const GROUPS = [
  "Connection",
  "Cookie",
  "Visitors",
  "Login",
  "Logout",
  "Caches",
  "Cross-site requests",
] as const;
export type Group = (typeof GROUPS)[number];

const GROUP_OF = {
  https: "Connection",
  hsts: "Connection",
  redirect: "Connection",
  "plain-cookie": "Connection",
  "cookie-secure": "Cookie",
  "cookie-http-only": "Cookie",
  "cookie-same-site": "Cookie",
  "cookie-path": "Cookie",
  "cookie-domain": "Cookie",
  "cookie-prefix": "Cookie",
  "cookie-size": "Cookie",
  "cookie-lifetime": "Cookie",
  "cookie-duplicate": "Cookie",
  "cookie-value": "Cookie",
  "visitor-cookie": "Visitors",
  login: "Login",
  "fixation-kept": "Login",
  "fixation-adopted": "Login",
  "fixation-revived": "Login",
  "login-csrf": "Login",
  "logout-ends": "Logout",
  "logout-clears": "Logout",
  "logout-site-data": "Logout",
  "logout-get": "Logout",
  "logout-straggler": "Logout",
  "cache-session": "Caches",
  "cache-cookie": "Caches",
  "csrf-cross-site": "Cross-site requests",
  "csrf-sibling": "Cross-site requests",
  "csrf-cors": "Cross-site requests",
  "csrf-own": "Cross-site requests",
} as const satisfies Record<string, Group>;

export type Check = keyof typeof GROUP_OF;
export const CHECKS = Object.keys(GROUP_OF) as readonly Check[];

export interface Finding {
  readonly check: Check;
  readonly result: Result;
  readonly says: string;
  /** For `warn` and `fail`: what to do. For `skipped`: what would let it be checked. */
  readonly fix?: string;
}

export function groupOf(check: Check): Group {
  return GROUP_OF[check];
}

/** A page in the package `sojourn`, below `node_modules`. */
export function linkOf(check: Check): string {
  const anchor = GROUP_OF[check].toLowerCase().replaceAll(" ", "-");
  return `sojourn/docs/operations/doctor.md#${anchor}`;
}

export function pass(check: Check, says: string): Finding {
  return { check, result: "pass", says };
}

export function warn(check: Check, says: string, fix: string): Finding {
  return { check, result: "warn", says, fix };
}

export function fail(check: Check, says: string, fix: string): Finding {
  return { check, result: "fail", says, fix };
}

export function skipped(check: Check, says: string, fix?: string): Finding {
  return { check, result: "skipped", says, ...(fix === undefined ? {} : { fix }) };
}

export function skipAll(checks: readonly Check[], says: string, fix?: string): Finding[] {
  return checks.map((check) => skipped(check, says, fix));
}

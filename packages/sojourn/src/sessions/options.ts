/** Options of `createSessions`, checked all at once. */
import { ConfigError, SojournError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { createPolicyBook } from "../engine/policy/tighten.ts";
import type { PolicyBook, Tightening } from "../engine/policy/tighten.ts";
import type { PolicyInput } from "../engine/policy/resolve.ts";
import type { Clock, Entropy, SessionStore, Timers } from "../engine/ports.ts";
import { csrfRules } from "../http/csrf.ts";
import type { CsrfOptions } from "../http/csrf.ts";
import { forwardedRules } from "../http/forwarded.ts";
import type { ForwardedHeader } from "../http/forwarded.ts";
import { readSecrets } from "../tokens/secrets.ts";
import { cookieJarRules } from "./cookie-choice.ts";
import type { HttpRules } from "./cookie-choice.ts";
import type { SweepSettings } from "./sweeper.ts";

/** What can be said of the session cookie; the rest comes from the policy. */
export interface CookieSettings {
  readonly name?: string;
  /** `false` only without TLS: one loud warning, and the `__Host-` prefix is dropped. */
  readonly secure?: boolean;
  readonly sameSite?: "Strict" | "Lax" | "None";
  /** Shares the cookie with every subdomain; needs the prefix `__Secure-`. */
  readonly domain?: string;
  readonly prefix?: "__Host-Http-" | "__Host-" | "__Secure-";
  readonly partitioned?: boolean;
}

export interface SessionsOptions {
  /** Default: in memory, with a loud warning in production. */
  readonly store?: SessionStore;
  /** The first signs, all verify. Each ≥32 random bytes as base64url text or bytes. */
  readonly secrets: readonly (string | Uint8Array | undefined)[];
  /** A preset, or `{ extends, …overrides, justification }`. Default `"saas"`. */
  readonly policy?: PolicyInput;
  /** Tenants, clients and roles may only tighten. */
  readonly tighten?: Tightening;
  /** From configuration, never from a request. Default `"default"`. */
  readonly tenant?: string;
  readonly cookie?: CookieSettings;
  readonly csrf?: Omit<CsrfOptions, "development">;
  /** Networks of reverse proxies whose forwarding headers count. Default: none. */
  readonly proxies?: readonly string[];
  readonly forwardedHeader?: ForwardedHeader;
  /** How old an answer from a near-cache may be, in milliseconds. 0 asks the store. */
  readonly stalenessMs?: number;
  /** AES-256-GCM for session data at rest. Values written before stay readable. */
  readonly encryptData?: boolean;
  /** `false`: another process sweeps. */
  readonly sweep?: Partial<SweepSettings> | false;
  /** Default: `NODE_ENV === "production"`. */
  readonly production?: boolean;
  /** Where warnings go. Default: the runtime's warning channel. */
  readonly warn?: (message: string) => void;
  /** Errors of listeners and background work. Default: as a warning. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock & Partial<Timers>;
  readonly entropy?: Entropy;
}

const KNOWN: ReadonlySet<string> = new Set([
  "store",
  "secrets",
  "policy",
  "tighten",
  "tenant",
  "cookie",
  "csrf",
  "proxies",
  "forwardedHeader",
  "stalenessMs",
  "encryptData",
  "sweep",
  "production",
  "warn",
  "onError",
  "clock",
  "entropy",
]);
const TENANT: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const STALENESS_MS_MAX = 60_000;
const SWEEP_MS_MIN = 100;

export interface CheckedOptions {
  readonly policies: PolicyBook;
  readonly secrets: readonly Uint8Array[];
  readonly tenant: string;
  readonly http: HttpRules;
}

/** @throws {ConfigError} listing every problem of every option. */
export function checkOptions(options: SessionsOptions, production: boolean): CheckedOptions {
  const problems: ConfigProblem[] = [];
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) {
      problems.push({ path: key, message: `unknown option; known are ${[...KNOWN].join(", ")}` });
    }
  }
  const policies = collect(problems, () =>
    createPolicyBook({
      policy: options.policy ?? "saas",
      ...(options.tighten === undefined ? {} : { tighten: options.tighten }),
    }),
  );
  const secrets = collect(problems, () => readSecrets(options.secrets));
  const tenant = options.tenant ?? "default";
  if (!isTenant(tenant)) {
    problems.push({
      path: "tenant",
      message:
        "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
    });
  }
  if (production && options.cookie?.secure === false) {
    const message =
      "false is refused in production (ASVS 3.3.1): anyone on the way could read the cookie; " +
      "serve HTTPS, or name the proxy that does in `proxies`";
    problems.push({ path: "cookie.secure", message });
  }
  checkNumbers(options, problems);
  const csrf = collect(problems, () => csrfRules({ ...options.csrf, development: !production }));
  const forwarded = collect(problems, () =>
    forwardedRules({
      ...(options.proxies === undefined ? {} : { proxies: options.proxies }),
      ...(options.forwardedHeader === undefined ? {} : { header: options.forwardedHeader }),
    }),
  );
  const jar =
    policies === undefined
      ? undefined
      : collect(problems, () => cookieJarRules(options.cookie ?? {}, policies.base, production));
  if (!policies || !secrets || !csrf || !forwarded || !jar || problems.length > 0) {
    throw new ConfigError(problems);
  }
  const csrfToken = policies.base.csrf === "fetch-metadata+token";
  return { policies, secrets, tenant, http: { csrf, forwarded, jar, csrfToken, production } };
}

export function isTenant(tenant: unknown): tenant is string {
  return typeof tenant === "string" && TENANT.test(tenant);
}

function checkNumbers(options: SessionsOptions, problems: ConfigProblem[]): void {
  const staleness = options.stalenessMs ?? 0;
  if (!Number.isSafeInteger(staleness) || staleness < 0 || staleness > STALENESS_MS_MAX) {
    problems.push({
      path: "stalenessMs",
      message: `whole milliseconds from 0 to ${STALENESS_MS_MAX}`,
    });
  }
  if (options.sweep === undefined || options.sweep === false) return;
  for (const key of ["everyMs", "keepEndedMs"] as const) {
    const value = options.sweep[key];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < SWEEP_MS_MIN)) {
      problems.push({
        path: `sweep.${key}`,
        message: `whole milliseconds, at least ${SWEEP_MS_MIN}`,
      });
    }
  }
}

function collect<Value>(problems: ConfigProblem[], read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SojournError)) throw error;
    if (error instanceof ConfigError) problems.push(...error.problems);
    else problems.push({ path: "options", message: error.message });
    return undefined;
  }
}

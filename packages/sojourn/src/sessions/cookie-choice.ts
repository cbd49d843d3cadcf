/** Which cookie a request uses: the strict one, or the plain one of loopback development. */
import type { Policy } from "../engine/policy/policy.ts";
import { cookieRules } from "../http/cookie-rules.ts";
import type { CookieRules } from "../http/cookie-rules.ts";
import type { CsrfRules } from "../http/csrf.ts";
import type { ForwardedRules } from "../http/forwarded.ts";
import type { CookieSettings } from "./options.ts";

export interface CookieJar {
  readonly secure: CookieRules;
  /** On plain-HTTP loopback outside production; absent in production. */
  readonly loopback: CookieRules | undefined;
}

export interface HttpRules {
  readonly csrf: CsrfRules;
  readonly forwarded: ForwardedRules;
  readonly jar: CookieJar;
  /** Unsafe requests must carry a session-bound token as well. */
  readonly csrfToken: boolean;
  readonly production: boolean;
}

/** @throws {ConfigError} listing every problem. */
export function cookieJarRules(
  settings: CookieSettings,
  policy: Policy,
  production: boolean,
): CookieJar {
  const named = settings.name?.startsWith("__") === true;
  const fromPolicy = named || settings.secure === false ? {} : { prefix: policy.cookie.prefix };
  const sameSite = settings.partitioned === true ? {} : { sameSite: policy.cookie.sameSite };
  const base = { ...fromPolicy, ...sameSite, ...settings, production };
  const secure = cookieRules({ ...base, loopback: false });
  if (production || settings.secure === false) return { secure, loopback: undefined };
  const name = settings.name?.replace(/^__(?:Host-Http|Host|Secure)-/, "");
  const plain = secure.sameSite === "None" ? {} : { sameSite: secure.sameSite };
  const bare = name === undefined ? plain : { ...plain, name };
  return { secure, loopback: cookieRules({ ...bare, production, loopback: true }) };
}

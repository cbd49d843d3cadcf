/** Which cookie a request uses: the strict one, or the plain one of loopback development. */
import type { Policy } from "../engine/policy/policy.ts";
import { isLoopbackAddress } from "../http/address.ts";
import { cookieRules } from "../http/cookie-rules.ts";
import type { CookieRules } from "../http/cookie-rules.ts";
import type { CsrfRules } from "../http/csrf.ts";
import type { ForwardedRules } from "../http/forwarded.ts";
import type { DbscRules } from "./binding-rules.ts";
import type { CookieSettings } from "./options.ts";
import type { SealedJar } from "./sealed/sealed-jar.ts";

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
  /** Sessions are bound to devices where the browser can. */
  readonly bound: DbscRules | undefined;
  /** Cookies hold a sealed copy of the session: by the name of the first of them. */
  readonly sealed: ReadonlyMap<string, SealedJar> | undefined;
}

/** @throws {ConfigError} listing every problem. */
export function cookieJarRules(
  settings: CookieSettings,
  policy: Policy["cookie"] | undefined,
  production: boolean,
): CookieJar {
  const secure = cookieRules({
    ...fromPolicy(settings, policy),
    ...settings,
    production,
    loopback: false,
  });
  if (production || settings.secure === false) return { secure, loopback: undefined };
  const name = settings.name?.replace(/^__(?:Host-Http|Host|Secure)-/, "");
  const sameSite = secure.sameSite === "None" ? {} : { sameSite: secure.sameSite };
  const plain = name === undefined ? sameSite : { ...sameSite, name };
  return { secure, loopback: cookieRules({ ...plain, production, loopback: true }) };
}

/** What the policy says, where the application's own settings leave room for it. */
function fromPolicy(
  settings: CookieSettings,
  policy: Policy["cookie"] | undefined,
): Pick<CookieSettings, "prefix" | "sameSite"> {
  if (policy === undefined) return {};
  const name: unknown = settings.name;
  const named = typeof name === "string" && name.startsWith("__");
  return {
    ...(named || settings.secure === false ? {} : { prefix: policy.prefix }),
    ...(settings.partitioned === true ? {} : { sameSite: policy.sameSite }),
  };
}

/** The cookie of one request: the plain one on plain-HTTP loopback, where there is one. */
export function rulesOf(
  jar: CookieJar,
  https: boolean,
  remoteAddress: string | undefined,
): CookieRules {
  const { loopback, secure } = jar;
  if (https || loopback === undefined || remoteAddress === undefined) return secure;
  return remoteAddress === "127.0.0.1" || isLoopbackAddress(remoteAddress) ? loopback : secure;
}

/** Which cookies there are, what for and for how long: for privacy notices and consent banners. */
import type { Explanation } from "../engine/policy/explain.ts";
import type { CookieRules, SameSite } from "../http/cookie-rules.ts";
import type { HttpRules } from "./cookie-choice.ts";

/** One cookie. None holds an identity, a preference or anything that analytics could use. */
export interface CookieFacts {
  /** As it stands on the wire. */
  readonly name: string;
  readonly purpose: string;
  /** Exempt from consent: the service that the person asked for cannot do without it. */
  readonly category: "strictly-necessary";
  /** Absent: this host alone. */
  readonly domain?: string;
  readonly path: "/";
  readonly secure: boolean;
  readonly httpOnly: true;
  readonly sameSite: SameSite;
  readonly partitioned: boolean;
  /**
   * `browser`: forgotten when the browser is closed. `remember`: the same, unless the person chose
   * to stay signed in (`remember`); then for `maxSeconds` at most. `bound`: for `maxSeconds`.
   */
  readonly kept: "browser" | "remember" | "bound";
  readonly maxSeconds?: number;
}

type Why = Pick<CookieFacts, "purpose" | "kept" | "maxSeconds">;

const SECOND_MS = 1_000;
const BROWSER = { kept: "browser" } as const;
const PURPOSES = {
  session: "Keeps you signed in, and recognises you from one page to the next.",
  bound: "Proves that your session is used on the device that you signed in with.",
} as const;

/** @param https False: what plain HTTP on loopback outside production uses. @see ePrivacy 5(3) */
export function cookieManifest(
  { jar, bound, sealed }: HttpRules,
  policy: Explanation,
  https: boolean,
): readonly CookieFacts[] {
  const seconds = (name: string): number | undefined => {
    const value = policy.fields.find(({ field }) => field === name)?.value;
    return typeof value === "number" ? Math.ceil(value / SECOND_MS) : undefined;
  };
  const maxSeconds = seconds("remember.absoluteMs");
  const kept = maxSeconds === undefined ? BROWSER : ({ kept: "remember", maxSeconds } as const);
  const session = { purpose: PURPOSES.session, ...kept };
  const plain = https ? jar.secure : (jar.loopback ?? jar.secure);
  const copies = [...(sealed?.values() ?? [])].flatMap(({ cookies }) => cookies.rules);
  const own = copies.length === 0 ? [plain] : copies;
  return [
    ...own.map((rules) => factsOf(rules, session)),
    ...(bound === undefined ? [] : [factsOf(bound.cookie, proof(seconds("boundTokenTtlMs")))]),
  ];
}

function proof(maxSeconds: number | undefined): Why {
  const rest = maxSeconds === undefined ? {} : { maxSeconds };
  return { purpose: PURPOSES.bound, kept: "bound", ...rest };
}

function factsOf(
  { name, domain, secure, sameSite, partitioned }: CookieRules,
  why: Why,
): CookieFacts {
  return {
    name,
    ...why,
    category: "strictly-necessary",
    ...(domain === undefined ? {} : { domain }),
    path: "/",
    secure,
    httpOnly: true,
    sameSite,
    partitioned,
  };
}

/**
 * A policy is data: what a session is allowed to do, resolved once and read on every request.
 * All spans (`...Ms`) are milliseconds. {@link FIELDS} says what each field means.
 */

export type OnIdle = "end" | "lock-all-factors" | "lock-one-factor";
export type OnLimit = "reject" | "ask" | "evict-oldest" | "evict-idle";
export type OnFork = "revoke" | "auto" | "step-up" | "alert";
export type KeyBound = "required" | "preferred" | "optional";
export type Binding = "require-where-supported" | "prefer" | "off";
export type CsrfMode = "fetch-metadata+token" | "fetch-metadata";
export type CookiePrefix = "__Host-Http-" | "__Host-" | "__Secure-";
export type SameSite = "Strict" | "Lax" | "None";
export type Persistent = "never" | "bound-only" | "opt-in";
export type StoreDown = "closed" | "degraded";

/** Idle and absolute life of a session, in milliseconds; idleMs ≤ absoluteMs. */
export interface Limits {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

/** What a preset says beyond the fields; shown by `explain`, read by no decision of the engine. */
export type Notes = Readonly<Record<string, string | number | boolean>>;

/** A resolved, validated, deeply frozen policy. Made by `resolvePolicy` and `composePolicies`. */
export interface Policy extends Limits {
  /** Preset or own name; composed policies join theirs with `+`. For people, never compared. */
  readonly name: string;
  readonly warnBeforeMs: number;
  readonly onIdle: OnIdle;
  /** g of DESIGN I6. */
  readonly touchEveryMs: number;
  readonly rotateEveryMs: number;
  /** G of the rotation rules. */
  readonly rotateGraceMs: number;
  /** T of the rotation rules. */
  readonly transitMs: number;
  readonly accessTtlMs: number;
  /** 0 asks for authentication at every sensitive action. */
  readonly sudoMs: number;
  readonly reauthFactors: number;
  readonly pendingMs: number;
  readonly refresh: Limits & { readonly keyBound: KeyBound };
  /** `null`: sessions are never remembered. */
  readonly remember: Limits | null;
  /** `max: null`: no limit. */
  readonly concurrency: { readonly max: number | null; readonly onLimit: OnLimit };
  readonly binding: Binding;
  readonly boundTokenTtlMs: number;
  readonly cookie: {
    readonly prefix: CookiePrefix;
    readonly sameSite: SameSite;
    readonly persistent: Persistent;
  };
  readonly csrf: CsrfMode;
  readonly retention: { readonly auditDays: number; readonly hotDays: number | null } | null;
  readonly storeDown: StoreDown;
  readonly onFork: OnFork;
  readonly notes: Notes;
}

const ofRefresh = new WeakMap<Policy, Policy>();

/**
 * The policy of a family of refresh tokens under `policy`: the limits of `refresh`, a new token at
 * every use, and an end of the family where two hold tokens of it. RFC 9700 section 4.14.2.
 */
export function refreshPolicyOf(policy: Policy): Policy {
  const known = ofRefresh.get(policy);
  if (known !== undefined) return known;
  const { idleMs, absoluteMs } = policy.refresh;
  const made = Object.freeze<Policy>({
    ...policy,
    idleMs,
    absoluteMs,
    onIdle: "end",
    rotateEveryMs: 0,
    remember: null,
    concurrency: Object.freeze({ max: null, onLimit: "reject" }),
    storeDown: "closed",
    onFork: "revoke",
  });
  ofRefresh.set(policy, made);
  return made;
}

/** The same fields by dotted path, so that rules, composition and reports are loops over data. */
export interface FlatPolicy {
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly warnBeforeMs: number;
  readonly onIdle: OnIdle;
  readonly touchEveryMs: number;
  readonly rotateEveryMs: number;
  readonly rotateGraceMs: number;
  readonly transitMs: number;
  readonly accessTtlMs: number;
  readonly sudoMs: number;
  readonly reauthFactors: number;
  readonly pendingMs: number;
  readonly "refresh.idleMs": number;
  readonly "refresh.absoluteMs": number;
  readonly "refresh.keyBound": KeyBound;
  readonly "remember.idleMs": number | null;
  readonly "remember.absoluteMs": number | null;
  readonly "concurrency.max": number | null;
  readonly "concurrency.onLimit": OnLimit;
  readonly binding: Binding;
  readonly boundTokenTtlMs: number;
  readonly "cookie.prefix": CookiePrefix;
  readonly "cookie.sameSite": SameSite;
  readonly "cookie.persistent": Persistent;
  readonly csrf: CsrfMode;
  readonly "retention.auditDays": number | null;
  readonly "retention.hotDays": number | null;
  readonly storeDown: StoreDown;
  readonly onFork: OnFork;
}

export type FieldPath = keyof FlatPolicy;
export type FieldValue = FlatPolicy[FieldPath];

/** Spread a policy over dotted paths. */
export function flatten(policy: Policy): FlatPolicy {
  const { refresh, remember, concurrency, cookie, retention } = policy;
  return {
    idleMs: policy.idleMs,
    absoluteMs: policy.absoluteMs,
    warnBeforeMs: policy.warnBeforeMs,
    onIdle: policy.onIdle,
    touchEveryMs: policy.touchEveryMs,
    rotateEveryMs: policy.rotateEveryMs,
    rotateGraceMs: policy.rotateGraceMs,
    transitMs: policy.transitMs,
    accessTtlMs: policy.accessTtlMs,
    sudoMs: policy.sudoMs,
    reauthFactors: policy.reauthFactors,
    pendingMs: policy.pendingMs,
    "refresh.idleMs": refresh.idleMs,
    "refresh.absoluteMs": refresh.absoluteMs,
    "refresh.keyBound": refresh.keyBound,
    "remember.idleMs": remember?.idleMs ?? null,
    "remember.absoluteMs": remember?.absoluteMs ?? null,
    "concurrency.max": concurrency.max,
    "concurrency.onLimit": concurrency.onLimit,
    binding: policy.binding,
    boundTokenTtlMs: policy.boundTokenTtlMs,
    "cookie.prefix": cookie.prefix,
    "cookie.sameSite": cookie.sameSite,
    "cookie.persistent": cookie.persistent,
    csrf: policy.csrf,
    "retention.auditDays": retention?.auditDays ?? null,
    "retention.hotDays": retention?.hotDays ?? null,
    storeDown: policy.storeDown,
    onFork: policy.onFork,
  };
}

/** Gather dotted paths into a frozen policy. The caller vouches that `flat` passed the rules. */
export function inflate(flat: FlatPolicy, name: string, notes: Notes): Policy {
  const rememberIdle = flat["remember.idleMs"];
  const rememberAbsolute = flat["remember.absoluteMs"];
  const auditDays = flat["retention.auditDays"];
  return Object.freeze({
    name,
    idleMs: flat.idleMs,
    absoluteMs: flat.absoluteMs,
    warnBeforeMs: flat.warnBeforeMs,
    onIdle: flat.onIdle,
    touchEveryMs: flat.touchEveryMs,
    rotateEveryMs: flat.rotateEveryMs,
    rotateGraceMs: flat.rotateGraceMs,
    transitMs: flat.transitMs,
    accessTtlMs: flat.accessTtlMs,
    sudoMs: flat.sudoMs,
    reauthFactors: flat.reauthFactors,
    pendingMs: flat.pendingMs,
    refresh: Object.freeze({
      idleMs: flat["refresh.idleMs"],
      absoluteMs: flat["refresh.absoluteMs"],
      keyBound: flat["refresh.keyBound"],
    }),
    remember:
      rememberIdle === null || rememberAbsolute === null
        ? null
        : Object.freeze({ idleMs: rememberIdle, absoluteMs: rememberAbsolute }),
    concurrency: Object.freeze({
      max: flat["concurrency.max"],
      onLimit: flat["concurrency.onLimit"],
    }),
    binding: flat.binding,
    boundTokenTtlMs: flat.boundTokenTtlMs,
    cookie: Object.freeze({
      prefix: flat["cookie.prefix"],
      sameSite: flat["cookie.sameSite"],
      persistent: flat["cookie.persistent"],
    }),
    csrf: flat.csrf,
    retention:
      auditDays === null ? null : Object.freeze({ auditDays, hotDays: flat["retention.hotDays"] }),
    storeDown: flat.storeDown,
    onFork: flat.onFork,
    notes: Object.freeze({ ...notes }),
  });
}

/**
 * Choose the limits of one session: those of `remember` if asked for and allowed, else the plain.
 *
 * The one place that knows which limits apply. Limits of their own for device-bound sessions
 * (DB-13: NIST allows longer ones) belong here when they come; today a binding only opens
 * `persistent: "bound-only"`. Ask again when a binding completes: it is part of authentication.
 */
export function limitsFor(
  policy: Policy,
  session: { readonly remember: boolean; readonly bound: boolean },
): Limits {
  if (!session.remember || policy.remember === null) return policy;
  const { persistent } = policy.cookie;
  const allowed = persistent === "opt-in" || (persistent === "bound-only" && session.bound);
  return allowed ? policy.remember : policy;
}

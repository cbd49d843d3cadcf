/**
 * What every field of a policy means, accepts, and which of two values is the stricter.
 * Validation, composition and `explain` read this table; a field without a line does not compile.
 */
import type { FieldPath, FieldValue } from "./policy.ts";
import { MINUTE_MS, SECOND_MS, SPAN_MAX_MS } from "./span.ts";

interface FieldText {
  /** One line a newcomer understands. */
  readonly means: string;
  /** The clause the field answers to, or why it exists. */
  readonly clause: string;
}

export interface AmountField extends FieldText {
  /** The unit: milliseconds, a count, or days. */
  readonly kind: "span" | "count" | "days";
  readonly min: number;
  readonly max: number;
  readonly stricter: "smaller" | "larger";
  /** Present iff `null` is accepted: how it compares, and how it reads. */
  readonly none?: { readonly counts: number; readonly reads: string };
}

export interface ChoiceField extends FieldText {
  readonly kind: "choice";
  readonly strictestFirst: readonly string[];
}

export type Field = AmountField | ChoiceField;

/** Quota of device-bound sessions: 6 signings in 9 minutes and site; below 5 min it runs dry. */
const BOUND_TOKEN_TTL_MIN_MS: number = 5 * MINUTE_MS;

/** Cookies count in seconds, so nothing that ends a session is shorter than one. */
const LIFE_MIN_MS: number = SECOND_MS;

const NOT_REMEMBERED = { counts: 0, reads: "never remembered" };
const UNLIMITED = { counts: Number.POSITIVE_INFINITY, reads: "unlimited" };
const NOT_ASKED = { counts: 0, reads: "not asked for" };

type SpanOptions = Partial<Pick<AmountField, "min" | "max" | "stricter" | "none">>;

function span(means: string, clause: string, options: SpanOptions = {}): AmountField {
  return { kind: "span", means, clause, min: 1, max: SPAN_MAX_MS, stricter: "smaller", ...options };
}

function choice(means: string, clause: string, strictestFirst: readonly string[]): ChoiceField {
  return { kind: "choice", means, clause, strictestFirst };
}

const LIFE = { min: LIFE_MIN_MS };
const REMEMBERED = { min: LIFE_MIN_MS, none: NOT_REMEMBERED };

/** Every field by dotted path, in the order of reports. */
export const FIELDS: Readonly<Record<FieldPath, Field>> = Object.freeze({
  idleMs: span(
    "Without activity for this long, a session ends or locks (see onIdle).",
    "ASVS 5.0 7.3.1; NIST SP 800-63B-4 inactivity timeout",
    LIFE,
  ),
  absoluteMs: span(
    "This long after authentication a session ends, whatever the activity.",
    "ASVS 5.0 7.3.2; NIST SP 800-63B-4 overall timeout; at most 400 days (RFC 6265bis Max-Age)",
    LIFE,
  ),
  onIdle: choice(
    "What the idle timeout does: end the session, or lock it until factors are given again.",
    "NIST SP 800-63B-4 2.2.3, 2.3.3; PCI DSS 4 8.2.8",
    ["end", "lock-all-factors", "lock-one-factor"],
  ),
  warnBeforeMs: span(
    "How long before the idle or absolute end people are warned.",
    "NIST SP 800-63B-4 5.2; less than idleMs",
    { stricter: "larger" },
  ),
  touchEveryMs: span(
    "Activity is written at most this often; a session may end this much early, never late.",
    "invariant I6; at most a quarter of idleMs",
  ),
  rotateEveryMs: span(
    "This long after a token was confirmed, its successor is issued.",
    "OWASP Session Management: renewal timeout; more than rotateGraceMs + 2 x transitMs",
  ),
  rotateGraceMs: span(
    "A replaced token is still served this long, for requests already under way.",
    "availability, no security cap: composing takes the larger; at least 2 x transitMs",
    { max: 5 * MINUTE_MS, stricter: "larger" },
  ),
  transitMs: span(
    "The longest an honest request or response is under way.",
    "availability: the rotation rules count on it; composing takes the larger",
    { max: MINUTE_MS, stricter: "larger" },
  ),
  accessTtlMs: span(
    "Life of one access token; at most absoluteMs.",
    "ASVS 5.0 10.4.8; RFC 9700 4.14.2",
  ),
  sudoMs: span(
    "After a step-up, sensitive actions are allowed this long; 0 asks every time.",
    "ASVS 5.0 7.5.1, 7.5.3",
    { min: 0 },
  ),
  reauthFactors: {
    kind: "count",
    means: "How many factors a re-authentication asks for.",
    clause: "NIST SP 800-63B-4 2.2.3, 2.3.3; ASVS 4.0.3 3.3.2",
    min: 1,
    max: 3,
    stricter: "larger",
  },
  pendingMs: span(
    "A sign-in that misses a factor is given up after this long; at most absoluteMs.",
    "bounds the half-finished sign-ins that can be guessed at",
    LIFE,
  ),
  "refresh.idleMs": span(
    "A refresh token that is not used for this long is worth nothing.",
    "ASVS 5.0 10.4.8; browser-based apps, refresh tokens",
    LIFE,
  ),
  "refresh.absoluteMs": span(
    "A chain of refresh tokens ends after this long; never after its session.",
    "ASVS 5.0 10.4.8; RFC 9700 4.14.2",
    LIFE,
  ),
  "refresh.keyBound": choice(
    "Whether a refresh token must be bound to a key of its client.",
    "RFC 9449; RFC 9700 4.14.2",
    ["required", "preferred", "optional"],
  ),
  "remember.idleMs": span(
    "Idle timeout of a session opened with `remember`; at least idleMs.",
    "ASVS 5.0 7.3.1",
    REMEMBERED,
  ),
  "remember.absoluteMs": span(
    "Absolute timeout of a session opened with `remember`; at least absoluteMs.",
    "ASVS 5.0 7.3.2; at most 400 days (RFC 6265bis Max-Age)",
    REMEMBERED,
  ),
  "concurrency.max": {
    kind: "count",
    means: "How many live sessions one subject may have.",
    clause: "ASVS 5.0 7.1.2",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    stricter: "smaller",
    none: UNLIMITED,
  },
  "concurrency.onLimit": choice(
    "What a sign-in beyond the limit does: be refused, ask which to end, or end one itself.",
    "ASVS 5.0 7.1.2; composing takes that of the smaller limit",
    ["reject", "ask", "evict-oldest", "evict-idle"],
  ),
  binding: choice(
    "Whether sessions are bound to a key of the device.",
    "W3C Device Bound Session Credentials; NIST SP 800-63B-4 5.1",
    ["require-where-supported", "prefer", "off"],
  ),
  boundTokenTtlMs: span(
    "Life of the short token that a device-bound session renews with its key.",
    "browsers sign at most 6 times in 9 minutes and site, so at least 5 minutes",
    { min: BOUND_TOKEN_TTL_MIN_MS },
  ),
  "cookie.prefix": choice(
    "Prefix of the cookie's name, which browsers enforce.",
    "ASVS 5.0 3.3.1, 3.3.3; a device-bound cookie is always __Host-",
    ["__Host-Http-", "__Host-", "__Secure-"],
  ),
  "cookie.sameSite": choice(
    "On which cross-site requests browsers send the cookie.",
    "ASVS 5.0 3.3.2",
    ["Strict", "Lax", "None"],
  ),
  "cookie.persistent": choice(
    "Whether the cookie may outlive the browser: never, when device-bound, or when asked for.",
    "NIST SP 800-63B-4 5.1",
    ["never", "bound-only", "opt-in"],
  ),
  csrf: choice(
    "How requests that change something prove that they come from the application.",
    "ASVS 5.0 3.5.1",
    ["fetch-metadata+token", "fetch-metadata"],
  ),
  "retention.auditDays": {
    kind: "days",
    means: "How many days the audit log is kept at least.",
    clause: "PCI DSS 4 10.5.1; HIPAA 164.316(b)(2)(i)",
    min: 1,
    max: 36_500,
    stricter: "larger",
    none: NOT_ASKED,
  },
  "retention.hotDays": {
    kind: "days",
    means: "How many of these days it is at hand for analysis.",
    clause: "PCI DSS 4 10.5.1; at most auditDays",
    min: 1,
    max: 36_500,
    stricter: "larger",
    none: NOT_ASKED,
  },
  storeDown: choice(
    "Without the store: refuse (503), or answer reads from the cache for at most 60 s.",
    "invariants I3, I7",
    ["closed", "degraded"],
  ),
  onFork: choice(
    "When two holders use one session: revoke, step up, only alert, or auto: " +
      "revoke when the client's context differs, else step up.",
    "rotation rules; RFC 9700 4.14.2",
    ["revoke", "auto", "step-up", "alert"],
  ),
});

/** Every dotted path, in the order of reports. */
export const FIELD_PATHS: readonly FieldPath[] = Object.freeze(
  Object.keys(FIELDS).filter(isFieldPath),
);

/** Tell a dotted path of a policy from any other text. */
export function isFieldPath(text: string): text is FieldPath {
  return Object.hasOwn(FIELDS, text);
}

/** Build flat values field by field. `entry` vouches that each value suits its field. */
export function mapFields<T>(entry: (path: FieldPath) => T): Record<FieldPath, T> {
  const pairs = FIELD_PATHS.map((path) => [path, entry(path)] as const);
  return Object.fromEntries(pairs) as Record<FieldPath, T>;
}

/**
 * Rank a value of a field: the smaller the number, the stricter the value.
 *
 * For rotateGraceMs and transitMs "stricter" only says which one composing takes.
 */
export function strictness(path: FieldPath, value: FieldValue): number {
  const field = FIELDS[path];
  if (field.kind === "choice") return field.strictestFirst.indexOf(String(value));
  const amount = typeof value === "number" ? value : (field.none?.counts ?? 0);
  return field.stricter === "smaller" ? amount : -amount;
}

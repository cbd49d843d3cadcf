/**
 * Assurance as values: which factors were given when, and whether that is enough. Only a factor
 * that was given raises it. NIST 63B-4 5.1; RFC 8176 (amr); RFC 9470 (step-up).
 */
import { ArgumentError } from "./errors.ts";
import type { ConfigProblem } from "./errors.ts";
import type { Assurance, Factor } from "./record.ts";

/** Factor kinds by RFC 8176 value. Methods we do not know count as one kind, all together. */
const KNOWLEDGE: ReadonlySet<string> = new Set(["pwd", "pin", "kba"]);
const INHERENCE: ReadonlySet<string> = new Set(["face", "fpt", "iris", "retina", "vbm", "bio"]);
const POSSESSION: ReadonlySet<string> = new Set([
  "otp",
  "sms",
  "tel",
  "swk",
  "hwk",
  "pop",
  "sc",
  "mca",
  "email",
]);
/** Say something about the authentication, but are no factor by themselves. */
const NO_FACTOR: ReadonlySet<string> = new Set(["mfa", "user", "geo", "rba", "wia", "fed"]);

const LEVELS: readonly string[] = ["aal1", "aal2", "aal3"];
const AMR_MAX = 16;
const AMR_TOTAL_MAX = 32;
const WORD_MAX = 64;

function kindOf(method: string): string | undefined {
  if (NO_FACTOR.has(method)) return undefined;
  if (KNOWLEDGE.has(method)) return "knowledge";
  if (INHERENCE.has(method)) return "inherence";
  if (POSSESSION.has(method)) return "possession";
  return "other";
}

/** Distinct factor kinds among methods. `mfa` by itself vouches for two. */
export function factorCount(methods: readonly string[]): number {
  const kinds = new Set<string>();
  for (const method of methods) {
    const kind = kindOf(method);
    if (kind !== undefined) kinds.add(kind);
  }
  return methods.includes("mfa") ? Math.max(2, kinds.size) : kinds.size;
}

/** The NIST level that the given methods can reach at most. */
function reachableLevel(methods: readonly string[]): number {
  const count = factorCount(methods);
  if (count >= 2) return methods.includes("hwk") || methods.includes("sc") ? 3 : 2;
  return count >= 1 ? 1 : 0;
}

/** What an authentication brought: methods and, when it asserts one, a context class. */
export interface Authentication {
  readonly amr?: readonly string[] | undefined;
  readonly acr?: string | undefined;
}

/**
 * Add an authentication to what was there. An `aalN` class is accepted only when the methods reach
 * it; other classes are the identity provider's word.
 *
 * @param before `undefined` when a session is being opened.
 * @throws {ArgumentError} `ERR_ASSURANCE` when no factor was given or the class is out of reach.
 */
export function addAuthentication(
  before: Assurance | undefined,
  given: Authentication,
  now: number,
): Assurance {
  const methods = given.amr ?? [];
  checkWords(methods, given.acr);
  if (before !== undefined && factorCount(methods) === 0) {
    throw new ArgumentError("amr", "a step-up must name a factor that was given", "ERR_ASSURANCE");
  }
  const amr = joined(before?.amr ?? [], methods);
  checkReach(amr, given.acr);
  const acr = raise(before?.acr, given.acr);
  return {
    amr,
    authTime: now,
    factors: mergeFactors(before?.factors ?? [], methods, now),
    ...(acr === undefined ? {} : { acr }),
    ...(before?.elevatedUntil === undefined ? {} : { elevatedUntil: before.elevatedUntil }),
  };
}

function joined(before: readonly string[], methods: readonly string[]): string[] {
  const amr = [...new Set([...before, ...methods])];
  if (amr.length <= AMR_TOTAL_MAX) return amr;
  throw new ArgumentError("amr", `a session keeps at most ${AMR_TOTAL_MAX} different methods`);
}

function checkReach(amr: readonly string[], acr: string | undefined): void {
  const level = acr === undefined ? -1 : LEVELS.indexOf(acr);
  if (level < 0 || reachableLevel(amr) > level) return;
  throw new ArgumentError(
    "acr",
    `${acr} is out of reach of the methods [${amr.join(", ")}]; ` +
      "aal2 needs two kinds of factor, aal3 one of them in hardware (hwk, sc)",
    "ERR_ASSURANCE",
  );
}

function checkWords(methods: readonly string[], acr: string | undefined): void {
  if (!Array.isArray(methods)) {
    throw new ArgumentError("amr", 'a list of methods such as ["pwd", "otp"]', "ERR_ASSURANCE");
  }
  if (methods.length > AMR_MAX) {
    throw new ArgumentError("amr", `at most ${AMR_MAX} methods, got ${methods.length}`);
  }
  for (const word of acr === undefined ? methods : [...methods, acr]) {
    if (typeof word !== "string" || word.length === 0 || word.length > WORD_MAX) {
      throw new ArgumentError("amr", `methods and acr are texts of 1 to ${WORD_MAX} characters`);
    }
  }
}

/** Known levels never fall; another class replaces what was there. */
function raise(before: string | undefined, given: string | undefined): string | undefined {
  if (given === undefined) return before;
  if (before === undefined) return given;
  const had = LEVELS.indexOf(before);
  const has = LEVELS.indexOf(given);
  return had >= 0 && has >= 0 && has < had ? before : given;
}

function mergeFactors(before: readonly Factor[], methods: readonly string[], at: number): Factor[] {
  const times = new Map(before.map((factor) => [factor.method, factor.at]));
  for (const method of methods) {
    if (method === "mfa" || kindOf(method) !== undefined) times.set(method, at);
  }
  return [...times].map(([method, when]) => ({ method, at: when }));
}

/** What an operation asks of the session. RFC 9470 `acr_values` and `max_age`, and more. */
export interface Requirement {
  readonly acr?: string | undefined;
  /** Span in milliseconds since a factor was last given; inclusive. */
  readonly maxAgeMs?: number | undefined;
  /** Distinct factor kinds given within `maxAgeMs` (or ever, without it). */
  readonly factors?: number | undefined;
  /** Must be elevated now. */
  readonly elevated?: boolean | undefined;
}

const REQUIREMENTS: Readonly<
  Record<keyof Requirement, { readonly takes: string; readonly fits: (value: unknown) => boolean }>
> = {
  acr: { takes: "takes a text", fits: (value) => typeof value === "string" && value !== "" },
  maxAgeMs: {
    takes: "takes milliseconds, 0 or more",
    fits: (value) => typeof value === "number" && value >= 0,
  },
  factors: {
    takes: "takes a whole number from 1 on",
    fits: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
  },
  elevated: { takes: "takes true or false", fits: (value) => typeof value === "boolean" },
};

/**
 * What a requirement says wrong. One with a misspelt field or a limit that is no number would be
 * met by everybody, and nobody would notice.
 */
export function requirementProblems(required: Requirement, path: string): ConfigProblem[] {
  return Object.entries(required).flatMap(([field, value]) => {
    const rule = Object.hasOwn(REQUIREMENTS, field)
      ? REQUIREMENTS[field as keyof Requirement]
      : undefined;
    if (rule !== undefined && (value === undefined || rule.fits(value))) return [];
    const known = `unknown requirement; known are ${Object.keys(REQUIREMENTS).join(", ")}`;
    return [{ path: `${path}.${field}`, message: rule?.takes ?? known }];
  });
}

/** What is missing, in the words of the requirement; `undefined` when nothing is. */
export type Unmet = { readonly [K in keyof Requirement]?: Requirement[K] };

/** Compare assurance with a requirement. ASVS 5.0 7.5.1, 7.5.3. */
export function unmetBy(
  assurance: Assurance,
  required: Requirement,
  now: number,
): Unmet | undefined {
  const unmet: { -readonly [K in keyof Requirement]: Requirement[K] } = {};
  if (required.acr !== undefined && !satisfiesAcr(assurance.acr, required.acr)) {
    unmet.acr = required.acr;
  }
  const { maxAgeMs } = required;
  if (maxAgeMs !== undefined && now - assurance.authTime > maxAgeMs) unmet.maxAgeMs = maxAgeMs;
  if (required.factors !== undefined) {
    const fresh = assurance.factors.filter(
      (factor) => maxAgeMs === undefined || now - factor.at <= maxAgeMs,
    );
    const count = factorCount(fresh.map((factor) => factor.method));
    if (count < required.factors) unmet.factors = required.factors;
  }
  if (required.elevated === true && !(now < (assurance.elevatedUntil ?? 0))) unmet.elevated = true;
  return Object.keys(unmet).length === 0 ? undefined : unmet;
}

/**
 * The next instant at which time alone may make a requirement unmet that is met at `now`;
 * `Infinity` when it never does.
 */
export function lapsesAt(assurance: Assurance, required: Requirement, now: number): number {
  const { maxAgeMs, factors, elevated } = required;
  const instants: number[] = [];
  if (elevated === true) instants.push(assurance.elevatedUntil ?? now);
  if (maxAgeMs !== undefined) {
    // The span is inclusive: unmet one millisecond after it.
    instants.push(assurance.authTime + maxAgeMs + 1);
    if (factors !== undefined) {
      for (const factor of assurance.factors) instants.push(factor.at + maxAgeMs + 1);
    }
  }
  return Math.min(...instants.filter((at) => at > now));
}

/** Levels of ours in their order; any other class only by itself. */
export function satisfiesAcr(has: string | undefined, wants: string): boolean {
  if (has === wants) return true;
  const wanted = LEVELS.indexOf(wants);
  return wanted >= 0 && has !== undefined && LEVELS.indexOf(has) >= wanted;
}

/**
 * Problems as HTTP answers. The only place that knows which status and headers an outcome or an
 * error of the library becomes.
 */
import {
  ArgumentError,
  CrossSiteError,
  DataTooLargeError,
  LockedOutError,
  SessionEndedError,
  SessionLockedError,
  SojournError,
} from "../engine/errors.ts";
import type { ErrorCode } from "../engine/errors.ts";
import { PROBLEMS } from "../protocol/problem.ts";
import type { Problem, ProblemCode, ProblemExtras } from "../protocol/problem.ts";
import { NO_STORE, bearerChallenge } from "./headers.ts";
import type { BearerChallenge } from "./headers.ts";

const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** What any problem may be told besides the members of its code. */
export interface ProblemContext {
  /** Overrides the general sentence; never holds a secret or what another tenant may not see. */
  readonly detail?: string;
  /** URI reference of this occurrence. */
  readonly instance?: string;
  /** `Retry-After`, whole seconds, at least 1. Used by `unavailable` and `rate_limited`. */
  readonly retryAfterSeconds?: number;
  /** What was wrong with the credential; absent when there was none. RFC 6750 section 3.1. */
  readonly challenge?: "invalid_request" | "invalid_token";
}

export type ProblemInput<Code extends ProblemCode> = ProblemExtras[Code] & ProblemContext;

/** Extras that a code cannot go without. */
type Needed =
  | ProblemExtras["invalid_request"]
  | ProblemExtras["session_locked"]
  | ProblemExtras["step_up_required"]
  | ProblemExtras["csrf_failed"];

export interface ProblemAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
  /** `problem` as JSON text. */
  readonly body: string;
}

const RETRY_AFTER_SECONDS = 1;
/** A day: a longer wait is no "temporarily". */
const RETRY_AFTER_MAX_SECONDS = 86_400;

/** What a problem of this code would be; the caller's word stands where an error knows better. */
interface Outcome {
  readonly code: ProblemCode;
  readonly extras: object;
  readonly status?: number;
  readonly detail?: string;
  readonly retryable?: boolean;
}

function challengeOf(problem: Problem, context: ProblemContext): BearerChallenge | undefined {
  switch (problem.code) {
    case "unauthenticated":
      return context.challenge === undefined
        ? {}
        : { error: context.challenge, description: problem.detail };
    case "session_ended":
      return { error: "invalid_token", description: problem.detail };
    case "step_up_required": {
      const error = "insufficient_user_authentication";
      return { error, description: problem.detail, ...problem.required };
    }
    default:
      return undefined;
  }
}

function headersOf(problem: Problem, context: ProblemContext): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": PROBLEM_MEDIA_TYPE,
    "cache-control": NO_STORE,
  };
  const challenge = challengeOf(problem, context);
  if (challenge !== undefined) headers["www-authenticate"] = bearerChallenge(challenge);
  if (problem.code === "unavailable" || problem.code === "rate_limited") {
    const seconds = Math.ceil(context.retryAfterSeconds ?? RETRY_AFTER_SECONDS);
    const bounded = Math.min(Math.max(seconds || 1, 1), RETRY_AFTER_MAX_SECONDS);
    headers["retry-after"] = String(bounded);
  }
  return headers;
}

function answer(outcome: Outcome, context: ProblemContext): ProblemAnswer {
  const { code } = outcome;
  const kind = PROBLEMS[code];
  const problem = {
    type: `urn:sojourn:problem:${code}`,
    title: kind.title,
    status: outcome.status ?? kind.status,
    detail: context.detail ?? outcome.detail ?? kind.detail,
    ...(context.instance === undefined ? undefined : { instance: context.instance }),
    code,
    retryable: outcome.retryable ?? kind.retryable,
    ...outcome.extras,
    // `code` and `extras` belong together: both ways in, below, take them from one table.
  } as Problem;
  return Object.freeze({
    status: problem.status,
    headers: Object.freeze(headersOf(problem, context)),
    problem: Object.freeze(problem),
    body: JSON.stringify(problem),
  });
}

/** Members of the context enter the body by name or not at all. */
const CONTEXT: ReadonlySet<string> = new Set<keyof ProblemContext>([
  "detail",
  "instance",
  "retryAfterSeconds",
  "challenge",
]);

function extrasOf(input: object): object {
  return Object.fromEntries(Object.entries(input).filter(([name]) => !CONTEXT.has(name)));
}

/** Answer with a problem of this code. */
export function problemOf<Code extends ProblemCode>(
  code: Code,
  ...[input]: ProblemExtras[Code] extends Needed
    ? [input: ProblemInput<Code>]
    : [input?: ProblemInput<Code>]
): ProblemAnswer {
  const given: ProblemContext = input ?? {};
  return answer({ code, extras: extrasOf(given) }, given);
}

const INTERNAL: Outcome = Object.freeze({ code: "internal", extras: {} });

/** The parts of the library's errors that are read here. */
interface Thrown {
  readonly code: string;
  readonly retryable: unknown;
}

function argumentOutcome(error: Thrown, status: number): Outcome {
  // Only our own class is known to hold no secret in its message.
  if (!(error instanceof SojournError)) {
    return { code: "invalid_request", extras: { errors: [] }, status };
  }
  const path = error instanceof ArgumentError ? error.path : "";
  const message =
    path !== "" && error.message.startsWith(`${path}: `)
      ? error.message.slice(path.length + 2)
      : error.message;
  const extras = { errors: [{ path, message }] };
  return { code: "invalid_request", extras, status, detail: error.message };
}

/** 403 without a challenge: there is none that whoever acts for somebody could answer. */
export const STAND_IN = "Somebody acts as this subject: this is for the person alone.";

/** What each error of the library becomes. Messages of unlisted ones stay inside. */
const OUTCOMES: Readonly<Partial<Record<ErrorCode, (error: Thrown) => Outcome>>> = {
  ERR_INVALID_ARGUMENT: (error) => argumentOutcome(error, 400),
  ERR_DATA_NOT_JSON: (error) => argumentOutcome(error, 422),
  ERR_ASSURANCE: (error) => argumentOutcome(error, 422),
  ERR_DATA_TOO_LARGE: (error) => ({
    code: "payload_too_large",
    extras: error instanceof DataTooLargeError ? { limitBytes: error.limitBytes } : {},
  }),
  ERR_SESSION_ENDED: (error) => {
    const reason = error instanceof SessionEndedError ? error.reason : undefined;
    return { code: "session_ended", extras: reason === undefined ? {} : { reason } };
  },
  ERR_SESSION_LOCKED: (error) => ({
    code: "session_locked",
    extras: { required: { factors: error instanceof SessionLockedError ? error.factors : 1 } },
  }),
  // Which sessions are in the way is told by whoever may see them, through `problemOf`.
  ERR_LIMIT_REACHED: () => ({ code: "limit_reached", extras: {} }),
  ERR_LOCKED_OUT: (error) => {
    const { notice, expiresAt } = error instanceof LockedOutError ? error : { notice: "" };
    const until = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() };
    return { code: "locked_out", extras: { message: notice, ...until } };
  },
  ERR_IMPERSONATED: () => ({ code: "forbidden", extras: {}, detail: STAND_IN }),
  ERR_STALE_EPOCH: () => ({
    code: "conflict",
    extras: {},
    detail: "The subject was signed out everywhere meanwhile; authenticate again.",
  }),
  ERR_VERSION_CONFLICT: () => ({ code: "version_conflict", extras: {} }),
  ERR_STORE_UNAVAILABLE: (error) => unavailable(error.retryable === true),
  ERR_STORE_CONTENTION: () => unavailable(true),
  ERR_STORE_SCHEMA: (error) => unavailable(error.retryable === true),
  ERR_CLOCK_JUMPED: () => unavailable(true),
  ERR_KEY_UNAVAILABLE: () => unavailable(true),
  ERR_CROSS_SITE: (error) => {
    const own = error instanceof CrossSiteError ? error : undefined;
    const extras = { check: own?.check ?? "origin" };
    return { code: "csrf_failed", extras, ...(own === undefined ? {} : { detail: own.message }) };
  },
};

/** The words are the same for every kind of trouble: what happened inside stays inside. */
function unavailable(retryable: boolean): Outcome {
  return { code: "unavailable", extras: {}, retryable };
}

/**
 * By `code`, not by class: a store from another package may bring a second copy of this library,
 * and its trouble has to be `unavailable` all the same. Invariant I7.
 */
function outcomeOf(error: unknown): Outcome {
  try {
    if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") {
      return INTERNAL;
    }
    const make = Object.hasOwn(OUTCOMES, error.code)
      ? OUTCOMES[error.code as ErrorCode]
      : undefined;
    return make?.(error as unknown as Thrown) ?? INTERNAL;
  } catch {
    // Whatever was thrown throws when it is looked at.
    return INTERNAL;
  }
}

/**
 * Answer for whatever was thrown. Never throws. Only errors of this library speak; anything else is
 * `internal` without a word of it.
 */
export function problemOfError(error: unknown, context: ProblemContext = {}): ProblemAnswer {
  return answer(outcomeOf(error), context);
}

/**
 * The closed list of problems the HTTP face answers with, as RFC 9457 bodies.
 * Codes are wire format: add, never rename. Callers switch on `code`, never on `title` or `detail`.
 */
import type { EndReason } from "./words.ts";

export const PROBLEM_CODES = [
  "invalid_request",
  "unknown_field",
  "unauthenticated",
  "session_ended",
  "session_locked",
  "step_up_required",
  "csrf_failed",
  "forbidden",
  "not_found",
  "conflict",
  "version_conflict",
  "precondition_required",
  "limit_reached",
  "tenant_suspended",
  "payload_too_large",
  "idempotency_conflict",
  "rate_limited",
  "unavailable",
  "internal",
  "locked_out",
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** What every problem of one code has in common. */
export interface ProblemKind {
  /** The usual HTTP status; a well-formed value that is refused answers 422 instead of 400. */
  readonly status: number;
  readonly title: string;
  /** Said when the place that raised the problem has nothing better to say. */
  readonly detail: string;
  /** True when the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

function kind(status: number, title: string, detail: string, retryable = false): ProblemKind {
  return Object.freeze({ status, title, detail, retryable });
}

export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = Object.freeze({
  invalid_request: kind(400, "Invalid request", "The request is malformed; see `errors`."),
  unknown_field: kind(422, "Unknown field", "The request has fields that do not exist here."),
  unauthenticated: kind(401, "Not authenticated", "The request carries no usable credential."),
  session_ended: kind(401, "Session ended", "The session has ended; sign in again."),
  session_locked: kind(423, "Session locked", "The session waits for a factor to be given again."),
  step_up_required: kind(403, "Step-up required", "A stronger or fresher sign-in is needed."),
  csrf_failed: kind(403, "Cross-site request refused", "The request did not prove its origin."),
  forbidden: kind(403, "Forbidden", "The credential does not allow this."),
  not_found: kind(404, "Not found", "There is no such resource."),
  conflict: kind(409, "Conflict", "The resource is in a state that does not allow this."),
  version_conflict: kind(412, "Version conflict", "The resource has changed; read it again."),
  precondition_required: kind(428, "Precondition required", "Send `If-Match` with the ETag read."),
  limit_reached: kind(409, "Session limit reached", "The subject has as many sessions as allowed."),
  tenant_suspended: kind(
    403,
    "Tenant suspended",
    "Nobody of this tenant is served now; nothing was ended, and all goes on when it is resumed.",
  ),
  payload_too_large: kind(413, "Payload too large", "The content is over the limit."),
  idempotency_conflict: kind(
    422,
    "Idempotency key reused",
    "This `Idempotency-Key` was used with another body.",
  ),
  rate_limited: kind(429, "Too many requests", "Wait as long as `Retry-After` says.", true),
  unavailable: kind(
    503,
    "Temporarily unavailable",
    "The session store cannot answer now; nobody was signed out.",
    true,
  ),
  internal: kind(500, "Internal error", "Something went wrong on this side."),
  locked_out: kind(403, "Locked out", "No session may be opened here now; see `message`."),
});

/** One wrong place of a request. */
export interface FieldProblem {
  /** Where, e.g. `"subject"` or `"data.cart"`. */
  readonly path: string;
  readonly message: string;
}

/** Which proof of same origin failed. Values are wire format. */
export type CsrfCheck = "sec_fetch_site" | "origin" | "origin_missing" | "token";

/** What the next authentication must reach. RFC 9470 section 3. */
export interface StepUpRequirement {
  /** Authentication context class, as in OpenID Connect. */
  readonly acr?: string;
  /** Seconds since the last authentication that are still accepted. */
  readonly maxAge?: number;
  /** Kinds of factors. In the body only: RFC 9470 has no word for a number. */
  readonly factors?: number;
}

interface VersionExtra {
  /** The version stored now. */
  readonly version?: number | string;
}

/** Members a code adds to the common ones. */
export interface ProblemExtras {
  invalid_request: { readonly errors: readonly FieldProblem[] };
  unknown_field: { readonly errors: readonly FieldProblem[] };
  unauthenticated: object;
  /** The reason is told only to the holder of the credential. */
  session_ended: { readonly reason?: EndReason; readonly message?: string };
  session_locked: { readonly required: { readonly factors: number } };
  step_up_required: { readonly required: StepUpRequirement };
  csrf_failed: { readonly check: CsrfCheck };
  forbidden: { readonly scope?: string };
  not_found: object;
  conflict: VersionExtra;
  version_conflict: VersionExtra;
  precondition_required: object;
  /** With the policy `ask`: what the subject may end to make room. */
  limit_reached: { readonly sessions?: readonly object[] };
  tenant_suspended: object;
  payload_too_large: { readonly limitBytes?: number };
  idempotency_conflict: object;
  rate_limited: object;
  unavailable: object;
  internal: object;
  /** What the person may be told, and until when as far as that is set (RFC 3339). */
  locked_out: { readonly message: string; readonly expiresAt?: string };
}

/** The members every problem has. RFC 9457 section 3.1, plus `code` and `retryable`. */
export interface ProblemHead<Code extends ProblemCode> {
  readonly type: `urn:sojourn:problem:${Code}`;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly code: Code;
  readonly retryable: boolean;
}

/** The body of an error response, told apart by `code`. */
export type Problem = {
  readonly [Code in ProblemCode]: ProblemHead<Code> & ProblemExtras[Code];
}[ProblemCode];

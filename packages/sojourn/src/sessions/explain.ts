/** Answers "why am I signed out?": what the session of a request is worth, and why, as data. */
import { handleOf } from "../protocol/words.ts";
import type { EndReason, SessionState } from "../protocol/words.ts";
import { endsAt, idleExpiresAt } from "../engine/record.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import { meaningOf, noticeLink } from "./cookie-notice.ts";
import type { CredentialNotice } from "./cookie-notice.ts";
import type { Ended, LiveState, SessionBody } from "./session-body.ts";

/** Why there is nobody: the credential was not used, did not come, or nobody has signed in. */
export type AbsenceReason = CredentialNotice | "no-cookie" | "cross-site" | "not-signed-in";

/** One deadline of a session. */
export interface ExplainedDeadline {
  readonly at: number;
  readonly passed: boolean;
  /** What it does. */
  readonly effect: "end" | "lock";
}

/**
 * For developers and operators: shows a handle, never a secret. Not meant for the client, which
 * has no business knowing why a forged token was refused.
 */
export interface SessionExplanation {
  readonly state: "active" | "pending" | "locked" | "ended" | "anonymous";
  /** Absent while active, pending or locked. */
  readonly reason?: EndReason | AbsenceReason;
  /** In whose words it ended. */
  readonly cause?: string;
  readonly endedAt?: number;
  readonly says: string;
  /** What would make it active, or keep it from happening again. */
  readonly fix?: string;
  /** A page in the package, below `node_modules`. */
  readonly link: string;
  /** When this was judged. */
  readonly now: number;
  /** Public handle. */
  readonly session?: string;
  readonly idle?: ExplainedDeadline;
  readonly absolute?: ExplainedDeadline;
}

/** A session as operators see it, live or not. */
export interface Description {
  readonly summary: SessionSummary;
  /** As judged now: a passed deadline reads `ended` before the sweep has written it. */
  readonly state: SessionState;
  readonly reason?: EndReason;
  readonly version: string;
  readonly dataKeys: readonly string[];
}

type Said = Pick<SessionExplanation, "says" | "fix" | "link">;

const STATES = "sojourn/docs/concepts/standing.md#states";
const REASONS = "sojourn/docs/concepts/standing.md#end-reasons";

const ENDS: Readonly<Record<EndReason, string>> = {
  logout: "Somebody signed out with this session.",
  revoked: "The session was ended from elsewhere: a list of devices, an operator, a program.",
  subject_revoked: "All sessions of the subject were ended at once.",
  replaced: "A later login or a hard rotation gave the client a newer token than this one.",
  evicted: "A login elsewhere was one more than `concurrency.max` allows.",
  idle_timeout: "There was no activity for `idleMs`. Polls with activity: false do not count.",
  absolute_timeout: "`absoluteMs` have passed since the login; activity does not move that.",
  locked_out: "Somebody set a lock that keeps it out; what a lock ended does not come back.",
  reuse_detected: "Two holders used one session, and the policy ends it then.",
};
const SIGN_IN = "Sign in again: nothing leaves `ended`.";
const ENDS_FIX: Readonly<Partial<Record<EndReason, string>>> = {
  locked_out: `${SIGN_IN} That works once the lock is lifted or has expired: sojourn locks list.`,
  replaced: `${SIGN_IN} Look for a client that does not keep the newer cookie.`,
  evicted: `${SIGN_IN} The limit is a decision of the policy: sojourn policy explain.`,
  idle_timeout: `${SIGN_IN} The span is a decision of the policy: sojourn policy explain.`,
  absolute_timeout: `${SIGN_IN} The span is a decision of the policy: sojourn policy explain.`,
};

const ABSENT: Readonly<Record<Exclude<AbsenceReason, CredentialNotice>, Omit<Said, "link">>> = {
  "no-cookie": {
    says: "The request carries no session cookie.",
    fix:
      "If one was set before: look in the browser whether it was kept, and let fetch send it " +
      '(credentials: "same-origin").',
  },
  "cross-site": {
    says: "The request was begun by another site, so SameSite kept the cookie in the browser.",
    fix:
      'Top-level links bring a "Lax" cookie; a "Strict" one comes with the next click. Embedded ' +
      "pages need cookie: { partitioned: true }.",
  },
  "not-signed-in": {
    says: "This is a visitor's session: nobody has signed in on it.",
    fix: "Call session.login().",
  },
};

/** Explain the session in a request's hands. Costs no I/O. */
export function explainSession(body: SessionBody): SessionExplanation {
  const now = body.core.lastNow();
  const live = body.shown;
  if (live !== undefined) return explainLive(live, now);
  const { ended } = body;
  if (ended !== undefined) return explainEnded(ended, now);
  return { state: "anonymous", now, ...absence(body.fate?.unused ?? "no-cookie") };
}

/** Explain a session as it was loaded, live or not. @param now When it was judged. */
export function explainLive(
  { stored, judgement }: Pick<LiveState, "stored" | "judgement">,
  now: number,
): SessionExplanation {
  const { record } = stored;
  const facts = { now, ...clocksOf(record, now) };
  switch (judgement.state) {
    case "ended":
      return explainEnded({ ...judgement.end, record }, now);
    case "pending":
      return {
        state: "pending",
        says: "A factor is missing since the login.",
        fix: "Take it and call session.stepUp().",
        link: STATES,
        ...facts,
      };
    case "locked":
      return {
        state: "locked",
        says: `${lockedBy(record, now)} ${judgement.factors} factor(s) are needed.`,
        fix: "Take them and call session.unlock().",
        link: STATES,
        ...facts,
      };
    case "active":
      if (record.subject === null) {
        return { state: "anonymous", ...absence("not-signed-in"), ...facts };
      }
      return { state: "active", says: "The session is active.", link: STATES, ...facts };
  }
}

function lockedBy(record: SessionRecord, now: number): string {
  return now >= idleExpiresAt(record) && record.lockFactors === undefined
    ? "Idleness locked the session."
    : "The session was locked, by a call of lock() or because two holders were noticed.";
}

function explainEnded(ended: Ended, now: number): SessionExplanation {
  const { reason, at, cause, record } = ended;
  return {
    state: "ended",
    reason,
    ...(cause === undefined ? {} : { cause }),
    endedAt: at,
    says: ENDS[reason],
    fix: ENDS_FIX[reason] ?? SIGN_IN,
    link: REASONS,
    now,
    ...(record === undefined ? {} : clocksOf(record, now)),
  };
}

function absence(reason: AbsenceReason): Said & { readonly reason: AbsenceReason } {
  if (reason === "no-cookie" || reason === "cross-site" || reason === "not-signed-in") {
    return { reason, ...ABSENT[reason], link: noticeLink(reason) };
  }
  return { reason, ...meaningOf(reason), link: noticeLink(reason) };
}

function clocksOf(
  record: SessionRecord,
  now: number,
): Required<Pick<SessionExplanation, "session" | "idle" | "absolute">> {
  const idleAt = idleExpiresAt(record);
  const { absoluteExpiresAt } = record;
  const locks = endsAt(record) !== idleAt;
  return {
    session: handleOf(record.id),
    idle: { at: idleAt, passed: now >= idleAt, effect: locks ? "lock" : "end" },
    absolute: { at: absoluteExpiresAt, passed: now >= absoluteExpiresAt, effect: "end" },
  };
}

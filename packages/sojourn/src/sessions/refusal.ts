/** What a guard answers a request whose session does not suffice. */
import type { Requirement, Unmet } from "../engine/assurance.ts";
import { problemOf, STAND_IN } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { StepUpRequirement } from "../protocol/problem.ts";
import type { EndReason } from "../protocol/words.ts";
import type { Session } from "./session.ts";

/**
 * @returns `undefined` for an active session that meets `required`; else 401 (nobody, or ended,
 * with the reason), 423 (locked), or 403 with the challenge of RFC 9470 (a factor is missing, too
 * few, too old).
 */
export function refusalOf<Data extends object>(
  session: Session<Data>,
  required: Requirement = {},
): ProblemAnswer | undefined {
  const reason = session.endedReason;
  if (session.state === "anonymous") {
    return reason === undefined
      ? problemOf("unauthenticated")
      : problemOf("session_ended", ended(session, reason));
  }
  if (session.state === "locked") {
    const summary = session.describe();
    const factors = Math.max(1, summary?.lockFactors ?? summary?.idleLockFactors ?? 1);
    return problemOf("session_locked", { required: { factors } });
  }
  const unmet = session.unmet(required);
  if (unmet === undefined) return undefined;
  // No challenge: whoever acts for somebody has none of their factors.
  if (session.actor !== undefined) return problemOf("forbidden", { detail: STAND_IN });
  return stepUpProblem(unmet);
}

function stepUpProblem(unmet: Unmet): ProblemAnswer {
  const { factors = 1 } = unmet;
  const detail = factors > 1 ? { detail: `${factors} kinds of factors are asked for.` } : {};
  return problemOf("step_up_required", { required: challengeOf(unmet), ...detail });
}

/** What the holder of an ended credential may know. */
function ended<Data extends object>(
  { endedMessage: message }: Session<Data>,
  reason: EndReason,
): { readonly reason: EndReason; readonly message?: string } {
  return { reason, ...(message === undefined ? {} : { message }) };
}

/** Elevation is a factor given just now. */
function challengeOf({ acr, maxAgeMs, elevated, factors }: Unmet): StepUpRequirement {
  const ageMs = elevated === true ? 0 : maxAgeMs;
  return {
    ...(acr === undefined ? {} : { acr }),
    ...(ageMs === undefined ? {} : { maxAge: Math.round(ageMs / 1_000) }),
    ...(factors === undefined ? {} : { factors }),
  };
}

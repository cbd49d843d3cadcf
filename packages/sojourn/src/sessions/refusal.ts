/** What a guard answers a request whose session does not suffice. */
import type { Requirement, Unmet } from "../engine/assurance.ts";
import { problemOf } from "../http/problem.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import type { StepUpRequirement } from "../protocol/problem.ts";
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
      : problemOf("session_ended", { reason });
  }
  if (session.state === "locked") {
    const summary = session.describe();
    const factors = Math.max(1, summary?.lockFactors ?? summary?.idleLockFactors ?? 1);
    return problemOf("session_locked", { required: { factors } });
  }
  const unmet = session.unmet(required);
  return unmet && problemOf("step_up_required", { required: challengeOf(unmet) });
}

/** Elevation is a factor given just now; a number of factors has no word in RFC 9470. */
function challengeOf({ acr, maxAgeMs, elevated }: Unmet): StepUpRequirement {
  const ageMs = elevated === true ? 0 : maxAgeMs;
  return {
    ...(acr === undefined ? {} : { acr }),
    ...(ageMs === undefined ? {} : { maxAge: Math.round(ageMs / 1_000) }),
  };
}

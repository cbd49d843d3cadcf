/** A verdict as the application gets it. */
import type { LiveVerdict, Verdict } from "./rotation-steps.ts";
import type { Session } from "./session.ts";
import type { Standing } from "./standing.ts";

export function endedStanding({
  reason,
  message,
}: Extract<Verdict, { state: "ended" }>): Extract<Standing, { state: "ended" }> {
  return { state: "ended", reason, ...(message === undefined ? {} : { message }) };
}

export function standingOf<Data extends object>(
  { judgement: { state }, successor }: LiveVerdict,
  session: Session<Data>,
): Extract<Standing<Data>, { session: unknown }> {
  if (state === "pending" || state === "locked") return { state, session };
  return successor === undefined
    ? { state: "active", session }
    : { state: "active", session, successor };
}

/**
 * What a store must be able to judge at a given instant: is a session live, has a deadline ended
 * it, whom does a limit evict. Pure: `now` is an argument, a deadline is exclusive (a session has
 * ended *at* it, not one millisecond before).
 */
import { invariant } from "./invariant.ts";
import type { SessionLimits } from "./ports.ts";
import { endsAt, idleExpiresAt, REFRESH_KIND } from "./record.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "./record.ts";
import { deadlineEnd } from "./session.ts";

/** True when neither its end, nor its subject's epoch, nor a deadline has ended the session. */
export function isLive(session: SessionSummary, subjectEpoch: number, now: number): boolean {
  return session.state !== "ended" && session.epoch >= subjectEpoch && now < endsAt(session);
}

/** How a deadline ended the session. @returns `undefined` when none has, or it had ended before. */
export function overdueEnd(session: SessionSummary, now: number): SessionEnd | undefined {
  return session.state === "ended" ? undefined : deadlineEnd(session, now);
}

/**
 * True when activity at `seenAt` may be recorded. At or past the idle deadline it would revive a
 * session that idleness ended, or unlock one that it locked, without anybody having judged so.
 */
export function acceptsActivity(session: SessionSummary, seenAt: number): boolean {
  return session.state !== "ended" && seenAt < idleExpiresAt(session);
}

/** The record once `end` has happened. A lock ends with the session; nothing leaves `ended`. I2. */
export function endedRecord(record: SessionRecord, end: SessionEnd): SessionRecord {
  invariant(record.state !== "ended", "ending an ended session");
  const { lockFactors: _lockFactors, ...rest } = record;
  return { ...rest, state: "ended", end };
}

/** What lists and events show of a record. */
export function summaryOf(record: SessionRecord): SessionSummary {
  const { rotation: _rotation, ...summary } = record;
  return summary;
}

/** What a limit means for one more session: whom to end first, or that there is no room. */
export type LimitVerdict =
  | { readonly outcome: "fits"; readonly evict: readonly SessionSummary[] }
  | { readonly outcome: "limit"; readonly sessions: readonly SessionSummary[] };

/**
 * Decide a limit. Families of refresh tokens are under their session's and count for none.
 *
 * @param all The subject's live sessions, without the new one and without one it replaces.
 * @returns `sessions` newest first; `evict` in the order of eviction, as few as make room.
 */
export function chooseEvictions(
  all: readonly SessionSummary[],
  limits: SessionLimits,
): LimitVerdict {
  const live = all.filter(({ kind }) => kind !== REFRESH_KIND);
  invariant(limits.max >= 1, "a session limit is at least 1");
  const surplus = live.length + 1 - limits.max;
  if (surplus <= 0) return { outcome: "fits", evict: [] };
  switch (limits.onLimit) {
    case "reject":
    case "ask":
      return { outcome: "limit", sessions: live.toSorted(byAge).reverse() };
    case "evict-oldest":
      return { outcome: "fits", evict: live.toSorted(byAge).slice(0, surplus) };
    case "evict-idle":
      return { outcome: "fits", evict: live.toSorted(byIdleness).slice(0, surplus) };
  }
}

/** Oldest first; the id makes the order total, so that every store evicts the same. */
function byAge(a: SessionSummary, b: SessionSummary): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

function byIdleness(a: SessionSummary, b: SessionSummary): number {
  return a.seenAt - b.seenAt || byAge(a, b);
}

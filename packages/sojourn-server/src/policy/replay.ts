/**
 * Replays what the audit trail tells of sessions against another policy: who would have been
 * signed out, when and why. Pure. What the trail does not tell is activity: requests that only
 * slid the idle deadline. So an end by idleness is certain only after the last activity that is
 * known, from the session's row or from its own end; before, it is a span.
 */
import type { EndReason, Policy } from "sojourn";

/** What is known of one session. */
export interface History {
  readonly session: string;
  readonly subject: string;
  readonly openedAt: number;
  /** When it is known to have been used, ascending; `openedAt` is the first. */
  readonly seen: readonly number[];
  /** The very last activity, where it is known. */
  readonly lastSeenAt?: number;
  /** Absent: it is live. */
  readonly end?: { readonly at: number; readonly reason: EndReason };
  readonly remembered: boolean;
  /** What idleness it lived under: whatever is not recorded, its pauses were no longer. */
  readonly heldIdleMs: number;
}

export type WouldReason = "idle_timeout" | "absolute_timeout" | "evicted" | "refused";

export interface Would {
  /** The earliest; `undefined` for one that would live still. */
  readonly at: number | undefined;
  readonly reason: WouldReason | EndReason | undefined;
  /** False: activity that is not recorded may have kept it, until the second instant at most. */
  readonly between?: readonly [number, number];
}

export interface Outcome {
  readonly history: History;
  readonly would: Would;
  readonly change: "unchanged" | "earlier" | "later";
}

interface Limits {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

/** Ends that other limits can bring forward or put off. */
const BY_POLICY: ReadonlySet<string> = new Set(["idle_timeout", "absolute_timeout", "evicted"]);

/** @param now Until when it is replayed; live sessions are judged there. */
export function replay(
  histories: readonly History[],
  policy: Pick<Policy, "idleMs" | "absoluteMs" | "remember" | "onIdle" | "concurrency">,
  now: number,
): readonly Outcome[] {
  const ordered = histories.toSorted((one, other) => one.openedAt - other.openedAt);
  const outcomes = new Map<string, Outcome>();
  for (const history of ordered) outcomes.set(history.session, alone(history, policy, now));
  crowd(ordered, policy, outcomes);
  return [...outcomes.values()];
}

function limitsOf(history: History, policy: Limits & Pick<Policy, "remember">): Limits {
  return history.remembered && policy.remember !== null ? policy.remember : policy;
}

/** By its own clocks. */
function alone(
  history: History,
  policy: Limits & Pick<Policy, "remember" | "onIdle">,
  now: number,
): Outcome {
  const { idleMs, absoluteMs } = limitsOf(history, policy);
  const { openedAt, end } = history;
  const absoluteAt = openedAt + absoluteMs;
  // Idleness that locks signs nobody out.
  const idle = policy.onIdle === "end" ? idleEnd(history, idleMs, now) : {};
  const happened = end?.at ?? Infinity;
  const surely = Math.min(idle.surely ?? Infinity, absoluteAt);
  const reason = surely === absoluteAt ? "absolute_timeout" : "idle_timeout";
  const perhaps = idle.perhaps ?? Infinity;
  const horizon = Math.min(happened, now);
  if (perhaps < Math.min(surely, horizon)) {
    const between = [perhaps, Math.min(surely, horizon)] as const;
    const would = { at: perhaps, reason: "idle_timeout" as const, between };
    return { history, would, change: "earlier" };
  }
  if (surely < horizon) return { history, would: { at: surely, reason }, change: "earlier" };
  if (end === undefined) {
    return { history, would: { at: undefined, reason: undefined }, change: "unchanged" };
  }
  return put(history, end, { at: surely, reason }, now);
}

/** It had ended by then: as it did, or later under wider limits. */
function put(
  history: History,
  end: NonNullable<History["end"]>,
  would: { readonly at: number; readonly reason: WouldReason },
  now: number,
): Outcome {
  const kept = { at: end.at, reason: end.reason };
  if (!BY_POLICY.has(end.reason) || would.at === end.at) {
    return { history, would: kept, change: "unchanged" };
  }
  // Eviction is judged with the others of the subject.
  if (end.reason === "evicted") return { history, would: kept, change: "unchanged" };
  const live = would.at >= now;
  const later: Would = live ? { at: undefined, reason: undefined } : would;
  return { history, would: later, change: "later" };
}

interface IdleEnd {
  readonly surely?: number;
  readonly perhaps?: number;
}

function idleEnd(history: History, idleMs: number, now: number): IdleEnd {
  const { lastSeenAt } = history;
  const perhaps = idleMs < history.heldIdleMs ? firstPause(history, idleMs, now) : undefined;
  return {
    ...(lastSeenAt === undefined ? {} : { surely: lastSeenAt + idleMs }),
    ...(perhaps === undefined ? {} : { perhaps }),
  };
}

/** When the first pause in what is recorded would have been too long. */
function firstPause(
  { seen, lastSeenAt, end }: History,
  idleMs: number,
  now: number,
): number | undefined {
  const until = lastSeenAt ?? Math.min(end?.at ?? now, now);
  const marks = [...seen.filter((at) => at < until), until];
  const before = marks.find((at, index) => {
    const next = marks[index + 1];
    return next !== undefined && next - at >= idleMs;
  });
  return before === undefined ? undefined : before + idleMs;
}

/** How many of one subject there would have been: what one more does to the others. */
function crowd(
  ordered: readonly History[],
  { concurrency }: Pick<Policy, "concurrency">,
  outcomes: Map<string, Outcome>,
): void {
  const { max, onLimit } = concurrency;
  if (max === null) return;
  const bySubject = new Map<string, History[]>();
  for (const history of ordered) {
    const own = bySubject.get(history.subject) ?? [];
    own.push(history);
    bySubject.set(history.subject, own);
  }
  for (const own of bySubject.values()) {
    if (own.length <= max) continue;
    for (const [index, arriving] of own.entries()) {
      const at = arriving.openedAt;
      const live = own.slice(0, index).filter((one) => endOf(outcomes, one) > at);
      if (live.length < max) continue;
      const refused = onLimit === "reject" || onLimit === "ask";
      const gone = refused ? arriving : leaving(live, onLimit === "evict-idle", at);
      if (gone === undefined) continue;
      const reason = refused ? "refused" : "evicted";
      outcomes.set(gone.session, { history: gone, would: { at, reason }, change: "earlier" });
    }
  }
}

function endOf(outcomes: ReadonlyMap<string, Outcome>, { session, end }: History): number {
  const would = outcomes.get(session)?.would;
  return would?.at ?? end?.at ?? Infinity;
}

/** The oldest, or whoever is known to have been away longest. */
function leaving(live: readonly History[], idle: boolean, at: number): History | undefined {
  const seenBefore = ({ seen }: History): number => Math.max(...seen.filter((one) => one <= at));
  if (!idle) return live[0];
  return live.toSorted((one, other) => seenBefore(one) - seenBefore(other))[0];
}

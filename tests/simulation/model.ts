/**
 * The reference: what sessions must be, from what their users were told and nothing else. Written
 * apart from the library, and simpler: no tokens, no versions, no stored records.
 *
 * Times are the world's milliseconds, except `low`, `high`, `seen…` and `…ExpiresAt`: those are
 * readings of the serving node's clock.
 */
import type { DataModel } from "./data-model.ts";
import type { Floors, Snapshot, Write } from "./data-model.ts";

/** What the model must know of a scenario. */
export interface Rules {
  readonly idleMs: number;
  readonly pendingMs: number;
  readonly absoluteMs: number;
  /** g of invariant I6. */
  readonly touchEveryMs: number;
  /** δ of invariant I6. */
  readonly touchLagMs: number;
  /** Two nodes' clocks differ by at most this. */
  readonly skewMs: number;
  /** Longest way of a batch of touches to the store, queued behind others. */
  readonly flightMs: number;
  readonly idleLocks: boolean;
  /** S of invariant I3; 0 where every answer is read from the store. */
  readonly stalenessMs: number;
}

/** One use of a session by one caller, from arrival to answer. */
export interface Use {
  readonly session: SessionModel;
  /** Who serves it. */
  readonly node: number;
  readonly beganAt: number;
  /** The node's clock on arrival. */
  readonly low: number;
  /** Counts as activity or moves the idle clock otherwise. */
  readonly slides: boolean;
  readonly floors: Floors | undefined;
  /** Stored last activity on arrival. */
  readonly storedSeenAt: number;
  /** Writes to be doubted if the node crashes under them. */
  readonly writes: Write[];
}

export interface Ended {
  readonly reason: string;
  readonly at: number;
}

export class SessionModel {
  readonly id: string;
  /** Short, for traces. */
  readonly name: string;
  readonly subject: string | null;
  readonly absoluteExpiresAt: number;
  readonly createdAt: number;
  /** The world's time when it was made. */
  readonly bornAt: number;
  /** Present once somebody was told of the session. */
  data: DataModel | undefined;
  /** Somebody was told that it has ended. */
  endAckedAt: number = Infinity;
  /** The node that told it. */
  endAckedNode = -1;
  ended: Ended | undefined;
  readonly events: string[] = [];
  /** No activity that was ever attempted is later. */
  seenHigh: number;
  /** Uses under way that may slide it. */
  sliding = 0;
  /** The last activity whose caller was answered, and by whom it was served. */
  activity: { readonly low: number; readonly beganAt: number; readonly doneAt: number } | undefined;
  activityNode = -1;
  /** A touch of this session was lost then: activity before it proves nothing. */
  touchLostAt = -1;
  /** Somebody asked for a lock, ever. */
  lockAsked = false;
  lockAckedAt = Infinity;
  lockAckedNode = -1;
  /** Unlocks under way, and until when one of unknown outcome may take effect. */
  unlocking = 0;
  unlockedUntil = -1;
  hardRotations = 0;
  failovers = 0;
  /** The last revoke-all of its subject before it was made, in effects of the store. */
  revokedAllBefore = -1;
  everPending = false;
  /** Methods that a step-up was acknowledged for. */
  readonly amr: Set<string> = new Set();

  constructor(facts: {
    id: string;
    name: string;
    subject: string | null;
    createdAt: number;
    bornAt: number;
    rules: Rules;
  }) {
    this.id = facts.id;
    this.name = facts.name;
    this.subject = facts.subject;
    this.createdAt = facts.createdAt;
    this.bornAt = facts.bornAt;
    this.absoluteExpiresAt = facts.createdAt + facts.rules.absoluteMs;
    this.seenHigh = facts.createdAt;
  }

  get handle(): string {
    return `ses_${this.id}`;
  }

  ackEnd(now: number, node: number): void {
    if (now >= this.endAckedAt) return;
    this.endAckedAt = now;
    this.endAckedNode = node;
  }

  loseTouch(now: number): void {
    this.touchLostAt = now;
    this.activity = undefined;
  }
}

/** What a caller was shown of a live session; no data while it is locked. */
export interface Shown {
  readonly state: string;
  readonly data: Snapshot | undefined;
}

/** Judge a live standing. @returns the broken promise, if one is. */
export function problemOfLive(rules: Rules, use: Use, shown: Shown): string | undefined {
  const { session } = use;
  const endKnownAt = session.endAckedAt + boundOf(rules, use, session.endAckedNode);
  if (endKnownAt < use.beganAt) {
    return `I1, I3: served ${use.beganAt - session.endAckedAt} ms after its end was acknowledged`;
  }
  if (use.low >= session.absoluteExpiresAt) return "I11: served past its absolute end";
  return (
    (shown.state === "locked"
      ? problemOfLocked(rules, session)
      : problemOfUnlocked(rules, use, session)) ??
    (shown.data && problemOfData(rules, use, shown.data))
  );
}

/** What a node was told itself it knows at once; what others were told, after S. Invariant I3. */
function boundOf({ stalenessMs }: Rules, use: Use, node: number): number {
  return use.node === node ? 0 : stalenessMs;
}

function problemOfData({ stalenessMs }: Rules, use: Use, data: Snapshot): string | undefined {
  const floors = stalenessMs === 0 ? use.floors : NO_FLOORS;
  return use.session.data?.problem(data, use.beganAt - stalenessMs, floors);
}

/** Of how long ago they would have to be is not kept. */
const NO_FLOORS: Floors = new Map();

function problemOfLocked(rules: Rules, session: SessionModel): string | undefined {
  return session.lockAsked || rules.idleLocks ? undefined : "I7: locked, and nobody asked for it";
}

function problemOfUnlocked(rules: Rules, use: Use, session: SessionModel): string | undefined {
  const lockKnownAt = session.lockAckedAt + boundOf(rules, use, session.lockAckedNode);
  if (lockKnownAt < use.beganAt) return "lost decision: its lock was acknowledged";
  const idleMs = use.low - session.seenHigh;
  // Somebody else who is under way may have slid it further than is known.
  const alone = session.sliding === (use.slides ? 1 : 0);
  return idleMs >= rules.idleMs && alone
    ? `I6: served ${idleMs} ms after its last activity`
    : undefined;
}

/** Judge an end by idleness, seen at `high` of a clock by whomever looked at `sinceAt` or later. */
export function problemOfIdleEnd(
  rules: Rules,
  session: SessionModel,
  seen: { readonly high: number; readonly sinceAt: number },
): string | undefined {
  const { activity } = session;
  if (activity === undefined || session.everPending) return undefined;
  // Answered while this look was under way: it may have come too late for it.
  if (activity.doneAt >= seen.sinceAt) return undefined;
  const { high } = seen;
  const early = activity.low + rules.idleMs - high;
  const allowed = rules.touchEveryMs + rules.touchLagMs + rules.skewMs;
  if (early <= allowed) return undefined;
  return `I6: ended ${early} ms early, at most ${allowed} are allowed`;
}

/** Judge the stored last activity, once everything that was under way must have arrived. */
export function problemOfStoredSeen(
  rules: Rules,
  session: SessionModel,
  stored: { readonly seenAt: number; readonly now: number },
): string | undefined {
  const { activity } = session;
  if (activity === undefined) return undefined;
  const arrivedAt = activity.doneAt + rules.touchLagMs + rules.flightMs;
  if (stored.now <= arrivedAt || stored.seenAt > activity.low - rules.touchEveryMs) {
    return undefined;
  }
  return `I6: stored last activity lags by ${activity.low - stored.seenAt} ms`;
}

/** All sessions that were ever made, and who is using them. */
export class Model {
  readonly rules: Rules;
  readonly sessions: Map<string, SessionModel> = new Map();
  readonly #bySubject: Map<string, SessionModel[]> = new Map();

  constructor(rules: Rules) {
    this.rules = rules;
  }

  create(facts: {
    id: string;
    subject: string | null;
    createdAt: number;
    bornAt: number;
  }): SessionModel {
    const { id, subject } = facts;
    const name = `s${this.sessions.size}`;
    const session = new SessionModel({ ...facts, name, rules: this.rules });
    this.sessions.set(id, session);
    if (subject !== null) {
      const list = this.#bySubject.get(subject) ?? [];
      list.push(session);
      this.#bySubject.set(subject, list);
    }
    return session;
  }

  byHandle(handle: string | null): SessionModel | undefined {
    return handle === null ? undefined : this.sessions.get(handle.slice("ses_".length));
  }

  /** Sessions of a subject that have not ended in the store. */
  liveOf(subject: string): SessionModel[] {
    const live = (this.#bySubject.get(subject) ?? []).filter((one) => one.ended === undefined);
    this.#bySubject.set(subject, live);
    return [...live];
  }

  /** The store went back: an ended session is what it was before. */
  revive(session: SessionModel): void {
    session.ended = undefined;
    if (session.subject === null) return;
    const list = this.#bySubject.get(session.subject);
    if (list?.includes(session) === false) list.push(session);
  }

  begin(
    session: SessionModel,
    facts: { node: number; now: number; low: number; slides: boolean; storedSeenAt: number },
  ): Use {
    const { node, now, low, slides, storedSeenAt } = facts;
    if (slides) session.sliding += 1;
    const floors = session.data?.floors();
    return { session, node, beganAt: now, low, slides, floors, storedSeenAt, writes: [] };
  }

  /** The use is over, at `high` of the node's clock; also by a crash. */
  finish(use: Use, high: number): void {
    if (!use.slides) return;
    use.session.sliding -= 1;
    use.session.seenHigh = Math.max(use.session.seenHigh, high);
  }

  /** An activity was answered: from now on it is known to have been recorded, but for losses. */
  active(use: Use, now: number, node: number): void {
    const { session, low, beganAt } = use;
    if (beganAt <= session.touchLostAt) return;
    if (session.activity !== undefined && session.activity.low > low) return;
    session.activity = { low, beganAt, doneAt: now };
    session.activityNode = node;
  }
}

/**
 * The rotation protocol as a pure decision: what a MAC-valid token that presents some generation
 * is worth, and what must be written for it. The table of the concept page
 * `docs/concepts/rotation.md` is this file's order of cases. Forged tokens never get here.
 *
 * G is `rotateGraceMs`, T is `transitMs`: the longest an honest message is under way.
 */
import { equalText } from "./equal.ts";
import type { Policy } from "./policy/policy.ts";
import type {
  Assurance,
  Holder,
  PendingToken,
  ReplacedTokens,
  Rotation,
  SessionRecord,
} from "./record.ts";

/** How far ahead of the store an honest token can be after the store lost writes. */
export const GENERATION_AHEAD_MAX = 64;
/** How long after a change of the store's incarnation a token may be ahead of it. */
export const AHEAD_WINDOW_MS: number = 15 * 60_000;
/** A browser writes its cookies to disk within this time. */
const COOKIE_FLUSH_MS = 60_000;
/** `sentAt` moves at most this often, so that a burst costs one write. */
export const SENT_EVERY_MS = 1_000;
const FORGIVING_CONFIRMATIONS = 2;

/** A token that passed its MAC, reduced to what the record can be compared with. */
export type Presented = Holder;

export interface RotationContext {
  readonly now: number;
  readonly policy: Policy;
  /** The caller can send a new token back to the client. */
  readonly canSetToken: boolean;
  /** Keyed hash of the client's context; absent when the caller gave none. */
  readonly fingerprint?: string | undefined;
  /** When the store's incarnation last changed; absent until it was asked. */
  readonly incarnationSince?: number | undefined;
  /**
   * Every use rotates, and the client keeps a token before it uses it: refresh tokens. A browser
   * rotates now and then and may lose cookies that it has used.
   */
  readonly eachUse?: boolean | undefined;
}

export type ForkReaction = "alert" | "step-up" | "revoke";

export type RotationDecision =
  /** Good as it is. With `assurance`: the token was replaced, this is what it is still worth. */
  | { readonly act: "serve"; readonly assurance?: Assurance }
  /** Send the identical successor again. `markSent`: record that it left. */
  | { readonly act: "resend"; readonly pending: PendingToken; readonly markSent: boolean }
  /** Issue a new successor by compare-and-set. `from` names the row the branch starts from. */
  | { readonly act: "issue"; readonly from: "confirmed" | "previous" }
  | { readonly act: "confirm" }
  /** Confirm it and issue the next in the same write. */
  | { readonly act: "advance" }
  /** The client lost its cookies and can be given none now: what it holds is confirmed again. */
  | { readonly act: "restore" }
  /** The store lost writes. `roll`: move the record forward to what the client holds. */
  | { readonly act: "ahead"; readonly roll: boolean }
  /** Replaced by a hard rotation: ended, without an alarm. */
  | { readonly act: "replaced" }
  /** Two holders. */
  | { readonly act: "fork"; readonly reaction: ForkReaction; readonly sameContext: boolean };

const SERVE: RotationDecision = { act: "serve" };

function holds(holder: Holder | undefined, presented: Presented): boolean {
  return (
    holder !== undefined &&
    holder.generation === presented.generation &&
    equalText(holder.verifier, presented.verifier)
  );
}

/** True when a token of the confirmed generation must be answered with a successor. */
export function rotationDue(rotation: Rotation, policy: Policy, now: number): boolean {
  return now >= rotationDueAt(rotation, policy);
}

export function rotationDueAt(rotation: Rotation, policy: Policy): number {
  return rotation.confirmedAt + policy.rotateEveryMs;
}

/** Decide what the presented token is worth. Judge a fork only on a record just read. */
export function judgePresented(
  record: SessionRecord,
  presented: Presented,
  context: RotationContext,
): RotationDecision {
  const { rotation } = record;
  const { now, policy } = context;
  const replaced = rotation.replaced;
  if (replaced !== undefined && coversReplaced(replaced, presented)) {
    const inTransit = now <= replaced.at + policy.transitMs;
    if (inTransit && replaced.holders.some((holder) => holds(holder, presented))) {
      return { act: "serve", assurance: replaced.assurance };
    }
    return { act: "replaced" };
  }
  if (holds(rotation.pending, presented)) return judgePending(rotation, context);
  if (holds(rotation, presented)) return judgeConfirmed(rotation, context);
  if (holds(rotation.previous, presented)) return judgePrevious(record, context);
  return judgeUnheld(record, presented, context);
}

/** A context that was not told is no other context: back ends verify on a browser's behalf. */
function isSameContext(held: string | undefined, presented: string | undefined): boolean {
  return held === undefined || presented === undefined || held === presented;
}

function coversReplaced(replaced: ReplacedTokens, presented: Presented): boolean {
  return presented.generation >= replaced.from && presented.generation <= replaced.to;
}

/**
 * Confirming drops the previous token. Where every use rotates, its stragglers may still be under
 * way, and an answer that carries the present one may yet turn the client back to it.
 */
function judgePending({ previous }: Rotation, context: RotationContext): RotationDecision {
  if (context.eachUse !== true) return { act: "confirm" };
  return previous !== undefined && context.now <= previous.graceUntil ? SERVE : { act: "advance" };
}

function judgeConfirmed(rotation: Rotation, context: RotationContext): RotationDecision {
  const { now, policy, canSetToken } = context;
  const pending = rotation.pending;
  if (pending === undefined) {
    return canSetToken && rotationDue(rotation, policy, now)
      ? { act: "issue", from: "confirmed" }
      : SERVE;
  }
  if (!canSetToken) return SERVE;
  if (now - pending.issuedAt <= policy.rotateGraceMs) {
    if (!isSameContext(pending.fingerprint, context.fingerprint)) return SERVE;
    return { act: "resend", pending, markSent: now - pending.sentAt >= SENT_EVERY_MS };
  }
  // The successor may still be under way: a branch now would orphan a token the client is about
  // to hold, whose use would then count as theft.
  return mayBeUnderWay(pending, context) ? SERVE : { act: "issue", from: "confirmed" };
}

/**
 * True while an honest client may yet come to hold the pending successor: a response leaves up to
 * T after it was made and travels up to T, and so does the last request that did not have it.
 */
function mayBeUnderWay(pending: PendingToken, { now, policy }: RotationContext): boolean {
  if (now - pending.issuedAt <= policy.rotateGraceMs) return true;
  return now - pending.sentAt <= 3 * policy.transitMs + SENT_EVERY_MS;
}

function judgePrevious(record: SessionRecord, context: RotationContext): RotationDecision {
  const { rotation } = record;
  const { now, policy } = context;
  const previous = rotation.previous;
  if (previous === undefined) return SERVE;
  // A straggler gets no token: it must not turn the cookie jar back.
  if (now <= previous.graceUntil) return SERVE;
  // The two holders are compared, not this one with its own past: who confirmed the successor in
  // another context did not lose it here.
  const sameContext = isSameContext(rotation.fingerprint, context.fingerprint);
  const flushMs = Math.max(COOKIE_FLUSH_MS, policy.touchEveryMs);
  // The confirmed token was hardly used after it was confirmed: a browser that crashed before its
  // cookies reached the disk looks like this.
  const mayHaveLostIt = context.eachUse !== true;
  if (mayHaveLostIt && sameContext && record.seenAt <= rotation.confirmedAt + flushMs) {
    return context.canSetToken ? { act: "issue", from: "previous" } : { act: "restore" };
  }
  return fork(rotation, context, sameContext);
}

function judgeUnheld(
  record: SessionRecord,
  presented: Presented,
  context: RotationContext,
): RotationDecision {
  const { rotation } = record;
  const sameContext = isSameContext(rotation.fingerprint, context.fingerprint);
  if (!storeLostWrites(record, context)) return fork(rotation, context, sameContext);
  const ahead = presented.generation - rotation.generation;
  if (ahead > GENERATION_AHEAD_MAX) return fork(rotation, context, sameContext);
  if (ahead >= 0) {
    const { pending } = rotation;
    return { act: "ahead", roll: pending === undefined || !mayBeUnderWay(pending, context) };
  }
  // A straggler of a client that was rolled forward. Which of both is genuine was lost, too.
  return sameContext ? { act: "ahead", roll: false } : fork(rotation, context, sameContext);
}

/** Only a session older than the store's present past can have lost something with it. */
function storeLostWrites(
  record: SessionRecord,
  { now, incarnationSince }: RotationContext,
): boolean {
  if (incarnationSince === undefined || record.createdAt >= incarnationSince) return false;
  return now - incarnationSince <= AHEAD_WINDOW_MS;
}

function fork(
  rotation: Rotation,
  context: RotationContext,
  sameContext: boolean,
): RotationDecision {
  const wanted = context.policy.onFork;
  const reaction: ForkReaction = wanted === "auto" ? (sameContext ? "step-up" : "revoke") : wanted;
  const forgiven = reaction === "revoke" && (rotation.forgiving ?? 0) > 0;
  return { act: "fork", reaction: forgiven ? "step-up" : reaction, sameContext };
}

/** A freshly minted successor, not yet part of a record. */
export interface Successor extends Holder {
  readonly sealed: string;
  readonly fingerprint?: string | undefined;
}

/** The generation the next issued token must carry. */
export function nextGeneration(rotation: Rotation): number {
  return rotation.lastIssued + 1;
}

/** Record a successor as issued. `from: "previous"` orphans the confirmed token. */
export function issuePending(
  record: SessionRecord,
  successor: Successor,
  from: "confirmed" | "previous",
  now: number,
): SessionRecord {
  const { rotation } = record;
  const pending: PendingToken = {
    generation: successor.generation,
    verifier: successor.verifier,
    issuedAt: now,
    sentAt: now,
    sealed: successor.sealed,
    ...(successor.fingerprint === undefined ? {} : { fingerprint: successor.fingerprint }),
  };
  const lastIssued = Math.max(rotation.lastIssued, successor.generation);
  const previous = rotation.previous;
  if (from === "previous" && previous !== undefined) {
    const { previous: _dropped, fingerprint: _orphaned, ...kept } = rotation;
    const { graceUntil: _over, ...base } = previous;
    return { ...record, rotation: { ...kept, ...base, lastIssued, pending } };
  }
  return { ...record, rotation: { ...rotation, lastIssued, pending } };
}

/**
 * The oldest generation that no alarm is raised for after a hard rotation: the previous one while
 * it may be a straggler, or a browser that lost the cookies it had not yet written to disk.
 */
function firstExcused({ rotation, seenAt }: SessionRecord, now: number): number {
  const { previous, confirmedAt, generation } = rotation;
  if (previous === undefined) return generation;
  const excused = now <= previous.graceUntil || seenAt <= confirmedAt + COOKIE_FLUSH_MS;
  return excused ? previous.generation : generation;
}

/** Every token that is worth something now, oldest generation first. */
function liveHolders(rotation: Rotation, now: number): Holder[] {
  const { previous, pending } = rotation;
  const inGrace = previous !== undefined && now <= previous.graceUntil ? previous : undefined;
  return [inGrace, rotation, pending].flatMap((holder) =>
    holder === undefined ? [] : [{ generation: holder.generation, verifier: holder.verifier }],
  );
}

/** Make the next request that can take a token rotate: rights changed while no client was there. */
export function rotateSoon(record: SessionRecord, policy: Policy, now: number): SessionRecord {
  const confirmedAt = Math.min(record.rotation.confirmedAt, now - policy.rotateEveryMs);
  return { ...record, rotation: { ...record.rotation, confirmedAt } };
}

/**
 * Confirm the previous token again. Serving it and no more would let its own use count as use of
 * the confirmed one, and so take away its excuse.
 */
export function restorePrevious(record: SessionRecord): SessionRecord {
  const { rotation } = record;
  if (rotation.previous === undefined) return record;
  const { previous, pending: _orphan, fingerprint: _orphaned, ...kept } = rotation;
  const { graceUntil: _over, ...base } = previous;
  return { ...record, rotation: { ...kept, ...base } };
}

/** The client has presented its successor: it becomes the confirmed token. */
export function confirmPending(record: SessionRecord, context: RotationContext): SessionRecord {
  const { rotation } = record;
  const { pending } = rotation;
  if (pending === undefined) return record;
  const forgiving = (rotation.forgiving ?? 0) - 1;
  return {
    ...record,
    rotation: {
      generation: pending.generation,
      verifier: pending.verifier,
      confirmedAt: context.now,
      lastIssued: rotation.lastIssued,
      previous: {
        generation: rotation.generation,
        verifier: rotation.verifier,
        graceUntil: context.now + context.policy.rotateGraceMs,
        ...(rotation.fingerprint === undefined ? {} : { fingerprint: rotation.fingerprint }),
      },
      ...(context.fingerprint === undefined ? {} : { fingerprint: context.fingerprint }),
      ...(rotation.replaced === undefined ? {} : { replaced: rotation.replaced }),
      ...(forgiving > 0 ? { forgiving } : {}),
    },
  };
}

/** The store lost writes and the client holds a later token: move forward to it. */
export function rollForward(
  record: SessionRecord,
  presented: Presented,
  context: RotationContext,
): SessionRecord {
  // A pending successor that nobody came to hold went with what was lost.
  const { pending: _lost, ...rotation } = record.rotation;
  return {
    ...record,
    rotation: {
      ...rotation,
      generation: presented.generation,
      verifier: presented.verifier,
      confirmedAt: context.now,
      lastIssued: Math.max(rotation.lastIssued, presented.generation),
      previous: {
        generation: rotation.generation,
        verifier: rotation.verifier,
        graceUntil: context.now + context.policy.rotateGraceMs,
        ...(rotation.fingerprint === undefined ? {} : { fingerprint: rotation.fingerprint }),
      },
      forgiving: FORGIVING_CONFIRMATIONS,
    },
  };
}

/**
 * Replace every live token at once, after a change of rights. The new generation is confirmed at
 * once and never sealed.
 *
 * @param straggling What the old tokens are still worth: `"served"` at their old assurance for T,
 * where the session was active and only assurance rose; else `"refused"` at once, because the
 * record no longer knows what they lacked. Either way they are `replaced`, never an alarm.
 */
export function rotateHard(
  record: SessionRecord,
  next: Holder,
  now: number,
  straggling: "served" | "refused" = "served",
): SessionRecord {
  const { rotation } = record;
  const holders = liveHolders(rotation, now);
  const first = firstExcused(record, now);
  const earlier = rotation.replaced;
  const from = earlier !== undefined && earlier.to + 1 >= first ? earlier.from : first;
  return {
    ...record,
    rotation: {
      generation: next.generation,
      verifier: next.verifier,
      confirmedAt: now,
      lastIssued: next.generation,
      replaced: {
        from,
        to: rotation.lastIssued,
        at: now,
        holders: straggling === "served" ? holders : [],
        assurance: record.assurance,
      },
      ...(rotation.fingerprint === undefined ? {} : { fingerprint: rotation.fingerprint }),
      ...(rotation.forgiving === undefined ? {} : { forgiving: rotation.forgiving }),
    },
  };
}

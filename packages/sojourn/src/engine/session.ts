/**
 * Session lifecycle as pure decisions: no clock, store, crypto or await in this file.
 * pending → active ⇄ locked → ended; nothing leaves `ended`.
 */
import type { EndReason } from "../protocol/words.ts";
import { addAuthentication, factorCount } from "./assurance.ts";
import type { Authentication } from "./assurance.ts";
import { ArgumentError } from "./errors.ts";
import { invariant } from "./invariant.ts";
import { IMPERSONATION_MS } from "./impersonation.ts";
import { limitsFor } from "./policy/policy.ts";
import type { Policy } from "./policy/policy.ts";
import { endsAt, idleExpiresAt } from "./record.ts";
import type {
  Assurance,
  Device,
  Holder,
  SessionEnd,
  SessionRecord,
  SessionSummary,
} from "./record.ts";

/** What a session is worth now. `ended` carries the end, also when a deadline made it. */
export type Judgement =
  | { readonly state: "pending" }
  | { readonly state: "active" }
  | { readonly state: "locked"; readonly factors: number }
  | { readonly state: "ended"; readonly end: SessionEnd };

const ACTIVE: Judgement = { state: "active" };
const PENDING: Judgement = { state: "pending" };

/** The end that a passed deadline made: the earlier deadline's, whenever it is looked at. */
export function deadlineEnd(record: SessionSummary, now: number): SessionEnd | undefined {
  const at = endsAt(record);
  if (now < at) return undefined;
  const reason: EndReason = at < record.absoluteExpiresAt ? "idle_timeout" : "absolute_timeout";
  return { reason, at };
}

/**
 * Judge a session at `now`. Revocation outranks deadlines; a deadline is exclusive.
 *
 * @param subjectEpoch The subject's present epoch; a session below it has ended. Invariant I5.
 */
export function assess(record: SessionSummary, subjectEpoch: number, now: number): Judgement {
  if (record.end !== undefined) return { state: "ended", end: record.end };
  invariant(record.state !== "ended", "an ended record without its end");
  if (record.epoch < subjectEpoch) {
    return { state: "ended", end: { reason: "subject_revoked", at: now } };
  }
  const end = deadlineEnd(record, now);
  if (end !== undefined) return { state: "ended", end };
  if (record.state === "pending") return PENDING;
  // Only a session that idleness locks gets here past its idle deadline.
  const idleFactors = now >= idleExpiresAt(record) ? record.idleLockFactors : 0;
  const factors = Math.max(record.lockFactors ?? 0, idleFactors);
  return factors > 0 ? { state: "locked", factors } : ACTIVE;
}

/** Facts of a new session, as the caller gives them. */
export interface Opening extends Authentication {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly kind?: string | undefined;
  readonly holder: Holder;
  readonly fingerprint?: string | undefined;
  /** A factor is still missing: the session starts `pending`. */
  readonly pending?: boolean | undefined;
  readonly remember?: boolean | undefined;
  readonly client?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly device?: Device | undefined;
  readonly parent?: string | undefined;
  readonly actor?: string | undefined;
}

/** The idle reaction as stored: how many factors leave it, 0 for an end. */
function idleFactors(policy: Policy): number {
  if (policy.onIdle === "end") return 0;
  return policy.onIdle === "lock-one-factor" ? 1 : Math.max(2, policy.reauthFactors);
}

/** Make the record of a new session. Its absolute end is fixed here. Invariant I11. */
export function openSession(opening: Opening, policy: Policy, now: number): SessionRecord {
  const remember = opening.remember === true;
  const limits = limitsFor(policy, { remember, bound: false });
  const pending = opening.pending === true;
  const longest = opening.actor === undefined ? limits.absoluteMs : IMPERSONATION_MS;
  const absoluteMs = Math.min(limits.absoluteMs, longest);
  const record: SessionRecord = {
    id: opening.id,
    tenant: opening.tenant,
    subject: opening.subject,
    kind: opening.kind ?? (opening.subject === null ? "anonymous" : "user"),
    version: 1,
    state: pending ? "pending" : "active",
    epoch: 0,
    createdAt: now,
    authenticatedAt: now,
    seenAt: now,
    idleMs: pending ? Math.min(policy.pendingMs, limits.idleMs) : limits.idleMs,
    idleLockFactors: opening.subject === null ? 0 : idleFactors(policy),
    absoluteExpiresAt: now + absoluteMs,
    assurance: addAuthentication(undefined, opening, now),
    rotation: {
      ...opening.holder,
      confirmedAt: now,
      lastIssued: opening.holder.generation,
      ...(opening.fingerprint === undefined ? {} : { fingerprint: opening.fingerprint }),
    },
    ...optionalFacts(opening),
    ...(limits === policy ? {} : { remember: true }),
  };
  invariant(record.idleMs > 0, "a session without an idle span");
  return record;
}

function optionalFacts(opening: Opening): Partial<SessionRecord> {
  const facts: { -readonly [K in keyof SessionRecord]?: SessionRecord[K] } = {};
  if (opening.client !== undefined) facts.client = opening.client;
  if (opening.roles !== undefined) facts.roles = opening.roles;
  if (opening.device !== undefined) facts.device = opening.device;
  if (opening.parent !== undefined) facts.parent = opening.parent;
  if (opening.actor !== undefined) facts.actor = opening.actor;
  return facts;
}

/**
 * True when the activity at `now` is worth a write: `now − seenAt ≥ g`. A pending or locked session
 * does not slide. Writes fall to 1 + λg of the request rate. Invariant I6.
 */
export function touchDue(record: SessionRecord, policy: Policy, now: number): boolean {
  return record.state === "active" && now >= touchDueAt(record, policy);
}

/** When an active session's next activity is worth a write. */
export function touchDueAt(record: SessionRecord, policy: Policy): number {
  return record.seenAt + policy.touchEveryMs;
}

/** True when the touch must reach the store before the answer leaves: the deadline is near. */
export function touchUrgent(
  record: SessionRecord,
  policy: Policy,
  now: number,
  lagMs: number,
): boolean {
  return record.seenAt + record.idleMs - now <= policy.touchEveryMs + lagMs;
}

/** When people are to be warned: before the earlier of both deadlines. */
export function warnAt(record: SessionSummary, policy: Policy): number {
  return idleExpiresAt(record) - policy.warnBeforeMs;
}

/** Suspend until `factors` distinct factors are given again. A lock is never made lighter. */
export function lockSession(record: SessionRecord, factors: number): SessionRecord {
  invariant(record.state !== "ended", "locking an ended session");
  const needed = Math.max(factors, record.lockFactors ?? 0, 1);
  return { ...record, state: "locked", lockFactors: needed };
}

/**
 * Lift a lock with the factors just given. The caller rotates hard. ASVS 5.0 7.5; NIST 63B-4 2.2.3.
 *
 * @throws {ArgumentError} `ERR_ASSURANCE` when too few distinct factors were given.
 */
export function unlockSession(
  record: SessionRecord,
  needed: number,
  given: Authentication,
  now: number,
): SessionRecord {
  invariant(record.state !== "ended", "unlocking an ended session");
  const assurance = addAuthentication(record.assurance, given, now);
  const count = factorCount(given.amr ?? []);
  if (count < needed) {
    const message = `unlocking needs ${needed} distinct factor(s), ${count} given`;
    throw new ArgumentError("unlock.amr", message, "ERR_ASSURANCE");
  }
  const { lockFactors: _lifted, ...rest } = record;
  return { ...rest, state: "active", assurance, seenAt: Math.max(record.seenAt, now) };
}

/** How long elevation lasts. `sudoMs: 0` asks for a factor each time: it covers the act at hand. */
function elevationMs(policy: Policy): number {
  return Math.max(policy.sudoMs, policy.transitMs);
}

/**
 * Raise assurance, and complete a pending session. Elevation ends by itself after `sudoMs`.
 * The caller rotates hard. The absolute end stays where authentication put it. Invariant I11.
 *
 * @throws {ArgumentError} `ERR_ASSURANCE` when no factor is named or the class is out of reach.
 */
export function stepUpSession(
  record: SessionRecord,
  given: Authentication,
  policy: Policy,
  now: number,
): SessionRecord {
  const raised = addAuthentication(record.assurance, given, now);
  const assurance: Assurance = { ...raised, elevatedUntil: now + elevationMs(policy) };
  if (record.state !== "pending") return { ...record, assurance };
  const { idleMs } = limitsFor(policy, { remember: record.remember === true, bound: false });
  return { ...record, state: "active", assurance, idleMs, seenAt: Math.max(record.seenAt, now) };
}

/** Change roles, and with them the limits: only ever to stricter ones. The caller rotates hard. */
export function changeRoles(
  record: SessionRecord,
  roles: readonly string[],
  policy: Policy,
): SessionRecord {
  const limits = limitsFor(policy, { remember: record.remember === true, bound: false });
  return {
    ...record,
    roles,
    idleMs: Math.min(record.idleMs, limits.idleMs),
    absoluteExpiresAt: Math.min(
      record.absoluteExpiresAt,
      record.authenticatedAt + limits.absoluteMs,
    ),
  };
}

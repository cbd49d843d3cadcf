/**
 * The binding of a session to a client's key, as pure decisions. A key is taken once and soon after
 * an authentication; a challenge is answered once.
 */
import type { BindingTier, DeviceBinding, SessionRecord, SessionSummary } from "./record.ts";
import { BINDING_TIERS } from "./record.ts";

/** A key is taken this long after a factor was given, in milliseconds. */
export const BIND_WITHIN_MS = 120_000;
/** How long a challenge may be answered. */
export const CHALLENGE_MS = 300_000;
/** How long one that was not answered is good after a sibling was. */
const PREVIOUS_CHALLENGE_MS = 60_000;
/** Requests that left before the first bound cookie arrived. */
export const BOUND_GRACE_MS = 10_000;

export interface NewKey {
  readonly tier: BindingTier;
  readonly key: string;
  readonly thumbprint: string;
}

/** True while an authentication is fresh and a key of this tier would be news. */
export function mayBind(record: SessionSummary, tier: BindingTier, now: number): boolean {
  const { assurance, binding, subject, state } = record;
  // A pending session is bound with the factor that completes it.
  if (subject === null || state !== "active") return false;
  if (now - assurance.authTime > BIND_WITHIN_MS) return false;
  if (binding === undefined) return true;
  const raises = BINDING_TIERS.indexOf(tier) > BINDING_TIERS.indexOf(binding.tier);
  // A tier rises with an authentication of its own, not with the one that the lower tier had.
  return raises && assurance.authTime > binding.boundAt;
}

/** @returns `undefined` when it may not be. Registering the same key again changes nothing. */
export function bindKey(
  record: SessionRecord,
  given: NewKey,
  now: number,
): SessionRecord | undefined {
  if (record.binding?.thumbprint === given.thumbprint) return record;
  if (!mayBind(record, given.tier, now)) return undefined;
  const binding: DeviceBinding = { ...given, boundAt: now, proofs: 0 };
  return { ...record, binding };
}

/** True where a cookie shows the device. DPoP proves itself with each request. */
export function isShownByCookie<Binding extends { readonly tier: BindingTier }>(
  binding: Binding | undefined,
): binding is Binding {
  return binding !== undefined && binding.tier !== "dpop";
}

/** A challenge as it was made: when, after how many proofs, and which one. */
export interface Challenge {
  readonly at: number;
  readonly count: number;
  readonly nonce: string;
}

/**
 * Answer a challenge. Each is good once: those made since the last proof, and for a short while a
 * sibling of the one that proof answered, whose answer was under way.
 *
 * @returns `undefined` for one that was answered, is too old, or is ahead of the record.
 */
export function answerChallenge(
  record: SessionRecord,
  challenge: Challenge,
  now: number,
): SessionRecord | undefined {
  const { binding } = record;
  if (binding === undefined || now - challenge.at > CHALLENGE_MS) return undefined;
  if (!isOpen(binding, challenge, now)) return undefined;
  const lastProof = { challenge: challenge.nonce, at: now };
  return { ...record, binding: { ...binding, proofs: binding.proofs + 1, lastProof } };
}

/**
 * A proof raises the count by one. So of the challenges one below it only the last that was
 * answered is used up, and of those further below nobody can tell.
 */
function isOpen({ proofs, lastProof }: DeviceBinding, challenge: Challenge, now: number): boolean {
  if (challenge.count === proofs) return true;
  if (challenge.count !== proofs - 1 || lastProof === undefined) return false;
  return challenge.nonce !== lastProof.challenge && now - lastProof.at <= PREVIOUS_CHALLENGE_MS;
}

/** The same session without its key: an authentication without the key has taken its place. */
export function unbind(record: SessionRecord): SessionRecord {
  const { binding: _lost, ...rest } = record;
  return rest;
}

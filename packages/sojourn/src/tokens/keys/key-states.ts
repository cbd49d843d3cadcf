/**
 * What a signing key is at an instant. Pure. A key is published, signs, verifies what it signed,
 * and is gone; at any instant at most one key of a purpose signs.
 */
import type { SigningKey } from "./provider.ts";

/**
 * `published`: verifiers may learn it, nothing is signed with it yet. `signing`: the one that
 * signs. `standby`: could sign, another does. `verifying`: what it signed is still good.
 * `retired`: nothing of it can be live. `revoked`: compromised, nothing of it is good.
 */
export type KeyState = "published" | "signing" | "standby" | "verifying" | "retired" | "revoked";

export interface KeyStanding {
  readonly key: SigningKey;
  readonly state: KeyState;
  /** When it signed last, or will have; `undefined` while nothing ends it. */
  readonly signsUntil: number | undefined;
}

/**
 * Judge all keys of one purpose.
 *
 * @param overlapMs How long after a key's last signature something of it may be presented.
 */
export function judgeKeys(
  keys: readonly SigningKey[],
  overlapMs: number,
  now: number,
): readonly KeyStanding[] {
  const signer = signerOf(keys, now);
  return keys.map((key) => {
    const signsUntil = signsUntilOf(key, keys);
    return { key, state: stateOf(key, { signer, signsUntil, overlapMs, now }), signsUntil };
  });
}

/**
 * The key that signs: of those that may, the one that began last; of equals the first in the list.
 * With none, the next one begins before its time: verifiers know it, since it is published.
 */
function signerOf(keys: readonly SigningKey[], now: number): SigningKey | undefined {
  const able = keys.filter(
    (key) => key.revokedAt === undefined && now < (key.retiresAt ?? Infinity),
  );
  const begun = able.filter((key) => key.activatesAt <= now);
  if (begun.length > 0) {
    return begun.reduce((best, key) => (key.activatesAt > best.activatesAt ? key : best));
  }
  if (able.length === 0) return undefined;
  return able.reduce((best, key) => (key.activatesAt < best.activatesAt ? key : best));
}

/** A later key that is not revoked ends an earlier one; without dates the list's order decides. */
function signsUntilOf(key: SigningKey, keys: readonly SigningKey[]): number | undefined {
  const ends = keys
    .filter((other) => other.revokedAt === undefined && other.activatesAt > key.activatesAt)
    .map((other) => other.activatesAt);
  if (key.retiresAt !== undefined) ends.push(key.retiresAt);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

interface Surroundings {
  readonly signer: SigningKey | undefined;
  readonly signsUntil: number | undefined;
  readonly overlapMs: number;
  readonly now: number;
}

function stateOf(key: SigningKey, around: Surroundings): KeyState {
  const { signer, signsUntil, overlapMs, now } = around;
  if (key.revokedAt !== undefined) return "revoked";
  if (key === signer) return "signing";
  if (now < key.activatesAt) return "published";
  if (signsUntil === undefined || now < signsUntil) return "standby";
  return now < signsUntil + overlapMs ? "verifying" : "retired";
}

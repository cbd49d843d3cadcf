/**
 * What a store keeps of a credential that counts once: a row under its claim, in a tenant of its
 * own that no caller can name. `create` makes an id live once and never again (invariant I1), so
 * of all who bring the same credential, to whatever process, exactly one makes the row.
 */
import type { SessionRef } from "../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";

/** No tenant name has this character: nothing that lists, counts or finds sessions comes here. */
const MARK = "~";
/** A verifier that no secret has been hashed to. */
const NO_VERIFIER = "A".repeat(32);

export interface Claim extends SessionRef {
  readonly kind: "ticket" | "conversion" | "node";
}

/** Where the row of a claim is. */
export function claimRef({ tenant, id, kind }: Claim): SessionRef {
  return { tenant: tenant + MARK + kind, id };
}

/** @param until The row is kept until then, and some time longer. */
export function claimRecord(claim: Claim, now: number, until: number): SessionRecord {
  return {
    ...claimRef(claim),
    subject: null,
    kind: claim.kind,
    version: 1,
    state: "active",
    epoch: 0,
    createdAt: now,
    authenticatedAt: now,
    seenAt: now,
    idleMs: until - now,
    idleLockFactors: 0,
    absoluteExpiresAt: until,
    assurance: { amr: [], authTime: now, factors: [] },
    rotation: { generation: 1, verifier: NO_VERIFIER, confirmedAt: now, lastIssued: 1 },
  };
}

/** True for the row of a claim: its end is no event of a session. */
export function isClaim(record: SessionSummary): boolean {
  return record.tenant.includes(MARK);
}

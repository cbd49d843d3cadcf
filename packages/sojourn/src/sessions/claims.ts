/**
 * What a store keeps of a ticket that was used: a row under the ticket's claim, in a tenant of its
 * own that no caller can name. `create` makes an id live once and never again (invariant I1), so
 * of all who bring the same ticket, to whatever process, exactly one makes the row.
 */
import type { SessionRecord, SessionSummary } from "../engine/record.ts";

/** No tenant name has this character: nothing that lists, counts or finds sessions comes here. */
const MARK = "~tickets";
/** A verifier that no secret has been hashed to. */
const NO_VERIFIER = "A".repeat(32);

export function claimRecord(
  claim: { readonly tenant: string; readonly id: string },
  now: number,
  until: number,
): SessionRecord {
  return {
    id: claim.id,
    tenant: claim.tenant + MARK,
    subject: null,
    kind: "ticket",
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

/** True for the row of a used ticket: its end is no event of a session. */
export function isClaim(record: SessionSummary): boolean {
  return record.tenant.endsWith(MARK);
}

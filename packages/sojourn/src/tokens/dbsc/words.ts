/** The words of the draft that more than one file knows. */

/** Why a browser did not refresh. */
export const SKIP_REASONS = ["server_error", "unreachable", "quota_exceeded"] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Why a proof is worth nothing. For logs: the outside gets the same answer for all of them. */
export type ProofFlaw =
  | "absent"
  | "form"
  | "key"
  | "signature"
  | "challenge"
  | "challenge_used"
  | "authorization"
  | "audience"
  | "origin";

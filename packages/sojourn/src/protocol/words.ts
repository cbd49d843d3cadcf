/**
 * The closed vocabularies of the wire: end reasons, states, token types.
 * Values are wire format: add, never rename.
 */

/** Why a session ended. The free-text `cause` and the `actor` say who or what wanted it. */
export const END_REASONS = [
  "revoked",
  "logout",
  "idle_timeout",
  "absolute_timeout",
  "replaced",
  "evicted",
  "reuse_detected",
  "subject_revoked",
  "locked_out",
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What a stored session can be. `locked` by idleness is judged, not stored. */
export const SESSION_STATES = ["pending", "active", "locked", "ended"] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** What a mutating call achieved. Invariant I8: never more is claimed than was confirmed. */
export type Durability = "memory" | "local" | "replicated" | "quorum" | "unknown";

/** The printed form of a session id: a public handle, never a secret. */
const SESSION_HANDLE_PREFIX = "ses_";
/** Characters of a session id without its prefix (18 bytes as base64url). */
export const SESSION_ID_LENGTH = 24;

/** Print a session id as the handle people and APIs see. */
export function handleOf(id: string): string {
  return SESSION_HANDLE_PREFIX + id;
}

const HANDLE: RegExp = /^ses_[A-Za-z0-9_-]{24}$/;

/** Read a handle. @returns `undefined` when the text is no session handle. */
export function idOfHandle(handle: string): string | undefined {
  return HANDLE.test(handle) ? handle.slice(SESSION_HANDLE_PREFIX.length) : undefined;
}

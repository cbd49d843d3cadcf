/** Closed lists of the wire, in the shape that schemas want: at least one entry. */
import { END_REASONS as REASONS, SESSION_STATES as STATES } from "sojourn";
import type { Durability, EndReason, SessionState } from "sojourn";

export const END_REASONS = REASONS as readonly EndReason[] as [EndReason, ...EndReason[]];
export const SESSION_STATES = STATES as readonly SessionState[] as [
  SessionState,
  ...SessionState[],
];

const DURABILITY = {
  memory: true,
  local: true,
  replicated: true,
  quorum: true,
  unknown: true,
} as const satisfies Readonly<Record<Durability, true>>;

/** What a write got when it was answered. Invariant I8. */
export const DURABILITIES = Object.keys(DURABILITY) as [Durability, ...Durability[]];

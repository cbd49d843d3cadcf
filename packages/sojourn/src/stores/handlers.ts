/** Telling those who follow a store's changes. */
import type { TailHandlers } from "../engine/ports.ts";

export interface Follower {
  readonly handlers: TailHandlers;
  /** False once its subscription was closed. */
  readonly open: boolean;
}

/** A handler's mistake must undo neither the write it was told of nor what others are told. */
export function tell(follower: Follower, run: (handlers: TailHandlers) => void): void {
  const { handlers, open } = follower;
  if (!open) return;
  try {
    run(handlers);
  } catch (error) {
    try {
      handlers.error?.(error);
    } catch {
      // A handler of errors that fails has nobody left to tell.
    }
  }
}

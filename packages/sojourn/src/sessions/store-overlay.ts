/**
 * A store with some of its operations replaced by ours, as one flat object: no proxy on the way.
 */
import type { SessionStore } from "../engine/ports.ts";

const OPERATIONS = [
  "installation",
  "subjectEpoch",
  "create",
  "find",
  "replace",
  "patchData",
  "touch",
  "revoke",
  "revokeSubject",
  "listBySubject",
  "query",
  "count",
  "sweep",
  "tail",
  "apply",
  "purgeSubject",
  "health",
  "close",
] as const satisfies readonly (keyof SessionStore)[];

type Call = (...args: never[]) => unknown;

/** What is not in `ours` goes to `store`. */
export function overlay(store: SessionStore, ours: Partial<SessionStore>): SessionStore {
  const whole: Record<string, unknown> = { capabilities: store.capabilities };
  if (store.near !== undefined) whole["near"] = store.near;
  for (const name of OPERATIONS) {
    const own = ours[name];
    whole[name] = own ?? ((...args: never[]): unknown => (store[name] as Call)(...args));
  }
  return whole as unknown as SessionStore;
}

/** Events that several operations share. */
import type { EndedSession } from "../engine/ports.ts";
import type { Core } from "./core.ts";

/** One `session-ended` each, for ends that a store call has just made. */
export function announceEnds(core: Core, ended: readonly EndedSession[]): void {
  if (!core.emitter.wanted("session-ended")) return;
  for (const { record, end } of ended) {
    core.emit("session-ended", {
      tenant: record.tenant,
      subject: record.subject ?? undefined,
      session: record.id,
      reason: end.reason,
      cause: end.cause,
      actor: end.actor,
    });
  }
}

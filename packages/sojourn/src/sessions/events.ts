/** Events that several operations share. */
import type { EndedSession } from "../engine/ports.ts";
import { REFRESH_KIND } from "../engine/record.ts";
import type { SessionSummary } from "../engine/record.ts";
import type { Core } from "./core.ts";
import type { LoginOptions } from "./login-options.ts";

/** Facts that events of one session share: by both names where somebody acts as the subject. */
export function subjectOf({ tenant, subject, id, actor }: SessionSummary): {
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly session: string;
  readonly actor?: string;
} {
  const shared = { tenant, subject: subject ?? undefined, session: id };
  return actor === undefined ? shared : { ...shared, actor };
}

/** @param options As the caller gave them: why somebody acts as it is kept nowhere else. */
export function announceOpened(
  core: Core,
  record: SessionSummary,
  { cause }: Pick<LoginOptions, "cause">,
): void {
  const { kind, absoluteExpiresAt } = record;
  const { acr, amr } = record.assurance;
  const level = acr === undefined ? {} : { acr };
  const shared = subjectOf(record);
  core.emit("session-established", { ...shared, kind, amr: [...amr], ...level });
  if (record.actor === undefined) return;
  core.emit("impersonation-started", { ...shared, cause, expiresAt: absoluteExpiresAt });
}

/** One `session-ended` each, for ends that a store call has just made. */
export function announceEnds(core: Core, ended: readonly EndedSession[]): void {
  const { emitter } = core;
  if (!emitter.wanted("session-ended") && !emitter.wanted("impersonation-ended")) return;
  for (const { record, end } of ended) {
    if (record.actor !== undefined && record.kind !== REFRESH_KIND) {
      core.emit("impersonation-ended", { ...subjectOf(record), reason: end.reason });
    }
    core.emit("session-ended", {
      tenant: record.tenant,
      subject: record.subject ?? undefined,
      session: record.id,
      reason: end.reason,
      kind: record.kind,
      lastedMs: Math.max(0, end.at - record.createdAt),
      cause: end.cause,
      actor: end.actor,
    });
  }
}

/** What one store call may make of one stored session. Looks at before and after, nothing else. */
import type { StoredSession } from "sojourn";

export type Operation =
  | "create"
  | "replace"
  | "patchData"
  | "touch"
  | "revoke"
  | "revokeSubject"
  | "sweep"
  | "nothing";

export interface Transition {
  readonly operation: Operation;
  readonly before: StoredSession | undefined;
  readonly after: StoredSession | undefined;
  /** The sending node's clock. */
  readonly now: number;
  readonly absoluteExpiresAt: number | undefined;
  /** What `replace` was told to expect. */
  readonly expectedVersion?: number | undefined;
}

/** @returns the broken promise, if one is. */
export function problemOfTransition(change: Transition): string | undefined {
  const { before, after, operation } = change;
  if (before === after) return undefined;
  if (before === undefined) {
    return operation === "create" ? undefined : `I1: ${operation} made a session`;
  }
  if (after === undefined) {
    const purged = operation === "sweep" && before.record.end !== undefined;
    return purged ? undefined : `I1: ${operation} erased a live session`;
  }
  if (before.record.end !== undefined) return problemAfterEnd(change, before, after);
  return (
    problemOfFixed(change, before, after) ??
    problemOfMonotone(change, before, after) ??
    problemOfKind(change, before, after)
  );
}

function problemAfterEnd(
  { operation }: Transition,
  before: StoredSession,
  after: StoredSession,
): string | undefined {
  if (after.record.state !== "ended" || after.record.end === undefined) {
    return `I2: ${operation} revived an ended session`;
  }
  if (!same(before.record, after.record)) return `I1: ${operation} wrote to an ended session`;
  if (!same(before.data, after.data) || before.dataVersion !== after.dataVersion) {
    return `I1: ${operation} wrote data of an ended session`;
  }
  return undefined;
}

function problemOfFixed(
  { operation, absoluteExpiresAt }: Transition,
  before: StoredSession,
  after: StoredSession,
): string | undefined {
  for (const field of ["id", "tenant", "subject", "createdAt", "authenticatedAt"] as const) {
    if (before.record[field] !== after.record[field]) return `${operation} changed ${field}`;
  }
  if (after.record.absoluteExpiresAt === absoluteExpiresAt) return undefined;
  return `I11: ${operation} moved the absolute end`;
}

function problemOfMonotone(
  { operation, now }: Transition,
  before: StoredSession,
  after: StoredSession,
): string | undefined {
  const [old, next] = [before.record, after.record];
  if (next.seenAt < old.seenAt) return `I6: ${operation} turned the last activity back`;
  if (next.seenAt > Math.max(now, old.seenAt)) {
    return `I6: ${operation} wrote an activity of the future`;
  }
  if (next.epoch < old.epoch) return `I2: ${operation} lowered the epoch`;
  if (after.subjectEpoch < before.subjectEpoch) return "I2: the subject's epoch went back";
  if (next.rotation.lastIssued < old.rotation.lastIssued) {
    return `${operation} gave a generation out again`;
  }
  return sentEarlier(before, after)
    ? `${operation} forgot when the successor was last sent`
    : undefined;
}

function sentEarlier(before: StoredSession, after: StoredSession): boolean {
  const old = before.record.rotation.pending;
  const next = after.record.rotation.pending;
  if (old === undefined || next === undefined || after.record.end !== undefined) return false;
  return next.generation === old.generation && next.sentAt < old.sentAt;
}

const ENDING: ReadonlySet<Operation> = new Set(["create", "revoke", "revokeSubject", "sweep"]);

/** Decisions move the version, data writes the data version, touches neither. */
function problemOfKind(
  change: Transition,
  before: StoredSession,
  after: StoredSession,
): string | undefined {
  const { operation } = change;
  const { version } = before.record;
  const dataSame = same(before.data, after.data) && before.dataVersion === after.dataVersion;
  if (operation === "patchData") return problemOfPatch(before, after);
  if (!dataSame) return `I4: ${operation} wrote data`;
  if (after.record.end !== undefined) {
    return ENDING.has(operation) ? undefined : `${operation} ended a session`;
  }
  if (operation === "replace") return problemOfReplace(change, version, after.record.version);
  if (operation === "touch")
    return after.record.version === version ? undefined : "a touch decided";
  // The one that a revoke-all leaves out is raised to the new epoch.
  if (operation === "revokeSubject" || same(before.record, after.record)) return undefined;
  return `${operation} changed a live session`;
}

function problemOfReplace(
  { expectedVersion }: Transition,
  version: number,
  next: number,
): string | undefined {
  if (expectedVersion !== version) return "lost decision: a stale replace held";
  return next === version + 1 ? undefined : "replace left the version";
}

function problemOfPatch(before: StoredSession, after: StoredSession): string | undefined {
  if (!same(before.record, after.record)) return "patchData changed the record";
  return after.dataVersion === before.dataVersion + 1 ? undefined : "I4: data without a version";
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

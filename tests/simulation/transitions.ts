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
  if (after.record.seenAt < before.record.seenAt) {
    return `I6: ${operation} turned the last activity back`;
  }
  if (after.record.seenAt > Math.max(now, before.record.seenAt)) {
    return `I6: ${operation} wrote an activity of the future`;
  }
  if (after.record.epoch < before.record.epoch) return `I2: ${operation} lowered the epoch`;
  if (after.subjectEpoch < before.subjectEpoch) return "I2: the subject's epoch went back";
  if (after.record.rotation.lastIssued < before.record.rotation.lastIssued) {
    return `${operation} gave a generation out again`;
  }
  const ended = after.record.end !== undefined && before.record.end === undefined;
  const { pending } = before.record.rotation;
  const next = after.record.rotation.pending;
  const resent = pending !== undefined && next?.generation === pending.generation;
  if (!ended && resent && next !== undefined && next.sentAt < pending.sentAt) {
    return `${operation} forgot when the successor was last sent`;
  }
  return undefined;
}

/** Decisions move the version, data writes the data version, touches neither. */
function problemOfKind(
  change: Transition,
  before: StoredSession,
  after: StoredSession,
): string | undefined {
  const { operation, expectedVersion } = change;
  const recordSame = same(before.record, after.record);
  const dataSame = same(before.data, after.data) && before.dataVersion === after.dataVersion;
  const ended = after.record.end !== undefined;
  switch (operation) {
    case "replace":
      if (expectedVersion !== before.record.version) return "lost decision: a stale replace held";
      if (after.record.version !== before.record.version + 1) return "replace left the version";
      return dataSame ? undefined : "I4: replace wrote data";
    case "patchData":
      if (!recordSame) return "patchData changed the record";
      return after.dataVersion === before.dataVersion + 1 ? undefined : "I4: data without version";
    case "touch":
      if (!dataSame) return "touch wrote data";
      return after.record.version === before.record.version ? undefined : "touch took a version";
    case "create":
    case "revoke":
    case "sweep":
      if (!dataSame) return `I4: ${operation} wrote data of another session`;
      return ended || recordSame ? undefined : `${operation} changed a session without ending it`;
    case "revokeSubject":
      return dataSame ? undefined : "I4: revokeSubject wrote data";
    case "nothing":
      return recordSame && dataSame ? undefined : "a session changed and no call did it";
  }
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

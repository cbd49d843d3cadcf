/**
 * A history sorted by session and subject, with each call as it turned out. Linear but for sorts.
 */
import { isOperation } from "./history.ts";
import type { HistoryEvent, HistoryHappening, HistoryOperation, OperationKind } from "./history.ts";

export type Fault = Extract<HistoryHappening, { kind: "fault" }>;

export interface SessionRow {
  readonly id: string;
  /** Absent: no process was told that it was opened. */
  open?: HistoryOperation;
  /** Another process was told that it opened the very same. */
  reopened?: HistoryOperation;
  /** Calls that presented one of its tokens and got an answer, by `invokedAt`. */
  readonly answers: HistoryOperation[];
  /** Acknowledged or maybe done. */
  readonly revokes: HistoryOperation[];
  readonly rotations: HistoryOperation[];
  readonly writes: HistoryOperation[];
}

export interface SubjectRow {
  readonly sessions: SessionRow[];
  /** Acknowledged or maybe done. */
  readonly revokes: HistoryOperation[];
  readonly lists: HistoryOperation[];
}

export interface HistoryIndex {
  /** One per call, `pending` replaced by how it went; by `invokedAt`. */
  readonly operations: readonly HistoryOperation[];
  readonly sessions: ReadonlyMap<string, SessionRow>;
  readonly subjects: ReadonlyMap<string, SubjectRow>;
  readonly faults: readonly Fault[];
  readonly deaths: ReadonlyMap<string, number>;
}

export function indexHistory(events: Iterable<HistoryEvent>): HistoryIndex {
  const calls = new Map<string, HistoryOperation>();
  const faults: Fault[] = [];
  const deaths = new Map<string, number>();
  for (const event of events) {
    if (isOperation(event)) {
      const name = nameOf(event);
      if (event.outcome !== "pending" || !calls.has(name)) calls.set(name, event);
    } else if (event.kind === "fault") faults.push(event);
    else deaths.set(event.process, event.at);
  }
  const operations = [...calls.values()].sort((a, b) => a.invokedAt - b.invokedAt);
  const shelves = new Shelves();
  for (const operation of operations) shelves.put(operation);
  const { sessions, subjects } = shelves;
  return { operations, sessions, subjects, faults, deaths };
}

/** As violations name it: `w1#12`. */
export function nameOf(operation: HistoryOperation): string {
  return `${operation.process}#${operation.op}`;
}

/** When it had taken effect at the latest; never, for one that may yet. */
export function settledAt(operation: HistoryOperation): number {
  const { outcome, returnedAt } = operation;
  return outcome === "ok" || outcome === "failed" ? (returnedAt ?? Infinity) : Infinity;
}

const WRITES: ReadonlySet<OperationKind> = new Set<OperationKind>(["patch", "count", "rotate"]);

/** A write that was done says that the session was active. */
function answerOf(operation: HistoryOperation): HistoryOperation | undefined {
  if (operation.answer !== undefined) return operation;
  const { outcome, kind } = operation;
  return outcome === "ok" && WRITES.has(kind) ? { ...operation, answer: "active" } : undefined;
}

class Shelves {
  readonly sessions: Map<string, SessionRow> = new Map<string, SessionRow>();
  readonly subjects: Map<string, SubjectRow> = new Map<string, SubjectRow>();

  put(operation: HistoryOperation): void {
    const { kind, session, subject, outcome } = operation;
    if (kind === "revokeSubject") {
      if (outcome !== "failed") this.#subject(subject).revokes.push(operation);
    } else if (kind === "list") {
      if (outcome === "ok") this.#subject(subject).lists.push(operation);
    } else if (session !== undefined) this.#putSession(this.#session(session), operation);
  }

  #putSession(row: SessionRow, operation: HistoryOperation): void {
    const { kind, outcome } = operation;
    const answer = answerOf(operation);
    if (answer !== undefined) row.answers.push(answer);
    if (outcome === "failed") return;
    if (kind === "open" && outcome === "ok") {
      if (row.open !== undefined) row.reopened ??= operation;
      else {
        row.open = operation;
        this.#subject(operation.subject).sessions.push(row);
      }
    } else if (kind === "revoke") row.revokes.push(operation);
    else if (kind === "rotate") row.rotations.push(operation);
    else if (kind === "patch" || kind === "count") row.writes.push(operation);
  }

  #session(id: string): SessionRow {
    let row = this.sessions.get(id);
    if (row === undefined) {
      row = { id, answers: [], revokes: [], rotations: [], writes: [] };
      this.sessions.set(id, row);
    }
    return row;
  }

  #subject(name: string = ""): SubjectRow {
    let row = this.subjects.get(name);
    if (row === undefined) {
      row = { sessions: [], revokes: [], lists: [] };
      this.subjects.set(name, row);
    }
    return row;
  }
}

/** What may have ended a session, and what certainly has. */
export interface Ends {
  /** The earliest instant at which it may have been ended; `Infinity` when nobody tried. */
  readonly possibleAt: number;
  /** The revocation of this session that was acknowledged first. */
  readonly revoked?: HistoryOperation;
  /** The same of its subject, begun after the session was acknowledged. */
  readonly subjectRevoked?: HistoryOperation;
}

export function endsOf(row: SessionRow, subject: SubjectRow | undefined): Ends {
  const { open, id } = row;
  const openedFrom = open?.invokedAt ?? -Infinity;
  const openedBy = open?.returnedAt ?? Infinity;
  const whole = (subject?.revokes ?? []).filter((one) => one.except !== id);
  const touching = [...row.revokes, ...whole.filter((one) => settledAt(one) > openedFrom)];
  const possibleAt = touching.reduce((least, one) => Math.min(least, one.invokedAt), Infinity);
  const revoked = firstSettled(row.revokes);
  const subjectRevoked = firstSettled(whole.filter((one) => one.invokedAt > openedBy));
  return {
    possibleAt,
    ...(revoked === undefined ? {} : { revoked }),
    ...(subjectRevoked === undefined ? {} : { subjectRevoked }),
  };
}

function firstSettled(operations: readonly HistoryOperation[]): HistoryOperation | undefined {
  let first: HistoryOperation | undefined;
  for (const one of operations) {
    if (settledAt(one) < (first === undefined ? Infinity : settledAt(first))) first = one;
  }
  return first;
}

/** A later end may have caught a session whose own `open` overlapped or preceded it. */
export function mayHaveEndedBy(
  row: SessionRow,
  ends: Ends,
  at: number,
  coalesceMs: number,
): boolean {
  return ends.possibleAt < at || mayHaveExpiredBy(row, at, coalesceMs);
}

function mayHaveExpiredBy(row: SessionRow, at: number, coalesceMs: number): boolean {
  const { open } = row;
  if (open === undefined) return false;
  if (open.absoluteMs !== undefined && at >= open.invokedAt + open.absoluteMs) return true;
  if (open.idleMs === undefined || at < open.invokedAt + open.idleMs - coalesceMs) return false;
  const seen = row.answers.filter((one) => one.kind === "touch" && settledAt(one) <= at);
  const last = seen.reduce((latest, one) => Math.max(latest, one.invokedAt), open.invokedAt);
  return at >= last + open.idleMs - coalesceMs;
}

/** Said of a token alone; every other reason ends the whole session. */
const OF_THE_TOKEN: ReadonlySet<string> = new Set(["replaced", "reuse_detected"]);

/** True when what was said may be due to another token of the session, and no end of it. */
export function mayBeOfTheToken(row: SessionRow, call: HistoryOperation): boolean {
  const { answer, reason = "replaced" } = call;
  return (answer !== "ended" || OF_THE_TOKEN.has(reason)) && mayBeReplaced(row, call);
}

/** True when the token presented may have been replaced by another of the same session. */
export function mayBeReplaced(row: SessionRow, call: HistoryOperation): boolean {
  const issuer = row.rotations.find((one) => one.gives === call.token);
  const issuedFrom = issuer?.invokedAt ?? -Infinity;
  const answeredAt = call.returnedAt ?? Infinity;
  return row.rotations.some(
    (one) => one !== issuer && one.invokedAt < answeredAt && settledAt(one) > issuedFrom,
  );
}

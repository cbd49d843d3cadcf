/**
 * A history: what several processes asked of one session store, what they were told, and when.
 * One event per line of JSON. Instants are milliseconds of one monotonic clock that all processes
 * share; on one machine `Number(process.hrtime.bigint()) / 1e6` is that.
 */

export type OperationKind =
  | "open"
  | "verify"
  | "touch"
  | "patch"
  | "count"
  | "rotate"
  | "revoke"
  | "revokeSubject"
  | "list";

/** What a process was told of a session. `locked` also covers `pending`. */
export type HistoryAnswer = "active" | "locked" | "ended" | "unknown";

/**
 * `ok`: done and acknowledged. `failed`: certainly not done. `unknown`: trouble; it may have been
 * done, may yet be, or never. `pending`: begun; another line of the same `process` and `op` tells
 * how it went, and where there is none it counts as `unknown`.
 */
export type OperationOutcome = "ok" | "failed" | "unknown" | "pending";

/** One call of one process. */
export interface HistoryOperation {
  readonly kind: OperationKind;
  /** A process that is started anew has a name of its own. */
  readonly process: string;
  /** Unlike any other of its process. */
  readonly op: number;
  readonly invokedAt: number;
  /** Absent: it never returned. */
  readonly returnedAt?: number;
  readonly outcome: OperationOutcome;
  /** Every kind but `revokeSubject` and `list`. */
  readonly session?: string;
  /** `open`, `revokeSubject`, `list`. */
  readonly subject?: string;
  /** Any name for the token that was presented: `verify`, `touch`, `patch`, `count`, `rotate`. */
  readonly token?: string;
  /** The name of the token that was given: `open`, `rotate`. */
  readonly gives?: string;
  /** What was said of the session: every kind that presents a token, unless there was trouble. */
  readonly answer?: HistoryAnswer;
  readonly reason?: string;
  /** The session that the token was taken for, where it was taken. */
  readonly answered?: string;
  /**
   * `open` and `patch`: what was written, each value unlike any other of its key. `count`: 1 under
   * each counter that was raised by one. `verify`, `touch`: what was read, all of it.
   */
  readonly data?: Readonly<Record<string, unknown>>;
  /** `revokeSubject`: the session that stays. */
  readonly except?: string;
  /** `list`: every session it gave. */
  readonly sessions?: readonly string[];
  /** Code of the trouble, if there was any. */
  readonly error?: string;
  /** Made after every fault was healed. */
  readonly audit?: true;
  /** `open`: the session may end by itself this long after it was last touched. */
  readonly idleMs?: number;
  /** `open`: the session may end by itself this long after it was opened. */
  readonly absoluteMs?: number;
}

/** What was done to the store or a process, by those who made the history. */
export type HistoryHappening =
  | {
      readonly kind: "fault";
      readonly name: string;
      readonly at: number;
      /** When the store answered again and its processes had written again what they remember. */
      readonly healedAt?: number;
      /** True when the engine may lose acknowledged writes by it. */
      readonly forgets: boolean;
    }
  | { readonly kind: "died"; readonly process: string; readonly at: number };

export type HistoryEvent = HistoryOperation | HistoryHappening;

/** A line that is no event. */
export class HistoryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "HistoryError";
  }
}

const KINDS: ReadonlySet<unknown> = new Set<OperationKind>([
  "open",
  "verify",
  "touch",
  "patch",
  "count",
  "rotate",
  "revoke",
  "revokeSubject",
  "list",
]);
const OUTCOMES: ReadonlySet<unknown> = new Set<OperationOutcome>([
  "ok",
  "failed",
  "unknown",
  "pending",
]);

export function isOperation(event: HistoryEvent): event is HistoryOperation {
  return event.kind !== "fault" && event.kind !== "died";
}

/**
 * Read a history as it was written, a chunk at a time. A torn last line is what a process leaves
 * that is killed while it writes, and is left out.
 *
 * @throws {HistoryError} for any other line that is no event, with its number.
 */
export async function* readHistory(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<HistoryEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  for await (const chunk of chunks) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      number += 1;
      if (line !== "") yield parseEvent(line, number);
    }
  }
  if (!isJson(rest)) return;
  yield parseEvent(rest, number + 1);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parseEvent(line: string, number: number): HistoryEvent {
  const value: unknown = isJson(line) ? JSON.parse(line) : undefined;
  const problem = problemOf(value);
  if (problem === undefined) return value as HistoryEvent;
  throw new HistoryError(`line ${number} of the history ${problem}`);
}

function problemOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "is no JSON object";
  const event: Partial<Record<string, unknown>> = { ...value };
  if (event["kind"] === "died" || event["kind"] === "fault") {
    return Number.isFinite(event["at"]) ? undefined : "has no instant `at`";
  }
  return shapeProblem(event) ?? timeProblem(event);
}

function shapeProblem(event: Partial<Record<string, unknown>>): string | undefined {
  if (!KINDS.has(event["kind"])) return `is of no kind of ours: ${String(event["kind"])}`;
  if (typeof event["process"] !== "string") return "names no `process`";
  if (!Number.isSafeInteger(event["op"])) return "has no number `op`";
  if (!OUTCOMES.has(event["outcome"])) return `has no outcome: ${String(event["outcome"])}`;
  return undefined;
}

function timeProblem(event: Partial<Record<string, unknown>>): string | undefined {
  const { invokedAt, returnedAt, outcome } = event;
  if (typeof invokedAt !== "number") return "has no instant `invokedAt`";
  if (returnedAt === undefined) return outcome === "ok" ? "is ok and never returned" : undefined;
  if (typeof returnedAt === "number" && returnedAt >= invokedAt) return undefined;
  return "returned before it was invoked";
}

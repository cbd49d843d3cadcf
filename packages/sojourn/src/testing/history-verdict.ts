/** What a check found: broken promises, named by operation, each one excused or not. */
import type { HistoryOperation } from "./history.ts";
import { nameOf, settledAt } from "./history-index.ts";
import type { Fault, HistoryIndex } from "./history-index.ts";

/** Promises of the design by number; `identity`: a token stands for its own session alone. */
export type HistoryInvariant = "I1" | "I2" | "I3" | "I4" | "I5" | "I7" | "identity";

/** Whose call showed it: one that was accepted, refused, gave a list, or read data. */
export type Evidence = "accepted" | "refused" | "listed" | "read" | "locked";

export interface Violation {
  readonly invariant: HistoryInvariant;
  readonly shows: Evidence;
  /** The call that showed it, as `process#op`; the first, where several did. */
  readonly operation: string;
  /** The calls that were not honoured. */
  readonly because: readonly string[];
  readonly session?: string;
  readonly subject?: string;
  /** In words. */
  readonly why: string;
  /** When the first call that showed it was begun, and the last one. */
  readonly at: number;
  readonly lastAt: number;
  /** How many calls showed it. */
  readonly times: number;
  /** True when a call of the final audit still showed it. */
  readonly remains: boolean;
  /** Why the engine cannot promise otherwise; absent where it can. */
  readonly excuse?: string;
}

/** One call that showed it, before those of one session are taken together. */
export interface Finding {
  readonly invariant: HistoryInvariant;
  readonly shows: Evidence;
  readonly by: HistoryOperation;
  /** The acknowledged call that was not honoured. */
  readonly culprit?: HistoryOperation | undefined;
  readonly session?: string | undefined;
  readonly subject?: string | undefined;
  readonly why: string;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Takes findings of one kind about one session together, and knows what excuses them. */
export class Findings {
  readonly #index: HistoryIndex;
  readonly #found: Map<string, Mutable<Violation>> = new Map<string, Mutable<Violation>>();

  /** See {@link HistoryFigures.longestStaleMs}. */
  longestStaleMs = 0;

  constructor(index: HistoryIndex) {
    this.#index = index;
  }

  stale(ms: number): void {
    this.longestStaleMs = Math.max(this.longestStaleMs, ms);
  }

  add(finding: Finding): void {
    const { invariant, shows, by, culprit, session, subject, why } = finding;
    const excuse = this.#excuse(finding);
    const key = JSON.stringify([invariant, shows, session ?? "", subject ?? "", excuse ?? ""]);
    const known = this.#found.get(key);
    if (known === undefined) {
      this.#found.set(key, {
        invariant,
        shows,
        operation: nameOf(by),
        because: culprit === undefined ? [] : [nameOf(culprit)],
        ...(session === undefined ? {} : { session }),
        ...(subject === undefined ? {} : { subject }),
        why,
        at: by.invokedAt,
        lastAt: by.invokedAt,
        times: 1,
        remains: by.audit === true,
        ...(excuse === undefined ? {} : { excuse }),
      });
      return;
    }
    known.times += 1;
    known.remains ||= by.audit === true;
    known.lastAt = Math.max(known.lastAt, by.invokedAt);
    if (by.invokedAt >= known.at) return;
    known.at = by.invokedAt;
    known.operation = nameOf(by);
    known.because = culprit === undefined ? [] : [nameOf(culprit)];
    known.why = why;
  }

  /**
   * Whom to name where some calls were not honoured and nobody can tell which: one that is excused,
   * where enough of them are.
   */
  culprit(
    by: HistoryOperation,
    among: { readonly calls: readonly HistoryOperation[]; readonly missing: number },
  ): HistoryOperation | undefined {
    const { calls, missing } = among;
    const of = { invariant: "I4", shows: "read", by, why: "" } as const;
    const excused = calls.filter((culprit) => this.#excuse({ ...of, culprit }) !== undefined);
    return (excused.length >= missing ? excused : calls).at(-1);
  }

  all(): Violation[] {
    return [...this.#found.values()].sort((a, b) => a.at - b.at);
  }

  /**
   * A store that forgets can lose what it acknowledged before its failover was over. Whoever opened
   * or ended a session writes that again, data excepted: until then, and where that process died
   * first, no promise holds. But what is missing is trouble until then, and no logout.
   */
  #excuse(finding: Finding): string | undefined {
    for (const fault of this.#index.faults) {
      const excuse = fault.forgets ? this.#excusedBy(fault, finding) : undefined;
      if (excuse !== undefined) return excuse;
    }
    return undefined;
  }

  #excusedBy(
    { name, at, healedAt = Infinity }: Fault,
    { by, culprit, shows }: Finding,
  ): string | undefined {
    if (culprit === undefined || settledAt(culprit) >= healedAt) return undefined;
    if ((by.returnedAt ?? Infinity) <= at) return undefined;
    if (shows === "read") return `data written before ${name} was over is not written again`;
    // Decision 9: after writes were lost a mismatch costs its holder a factor at most.
    if (shows === "locked") return `a rotation before ${name} was over may be lost`;
    if (by.invokedAt < healedAt && shows !== "refused") return `while ${name} lasted`;
    const { process } = culprit;
    const died = this.#index.deaths.get(process) ?? Infinity;
    return died <= healedAt
      ? `acknowledged by ${process}, which died before ${name} was over`
      : undefined;
  }
}

export interface HistoryFigures {
  readonly operations: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Calls that may have been done or not. */
  readonly unknown: number;
  /** Calls that met trouble, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Sessions that were answered as ended or unknown and were not, excused or not. */
  readonly falseLogouts: number;
  /** Sessions that were locked for a factor although nobody had asked for that. */
  readonly stepUps: number;
  /** Sessions accepted after a revocation was acknowledged, and those still in the audit. */
  readonly activeAgain: number;
  readonly activeAgainAfterHeal: number;
  /** From the first such acceptance of a session to its last, the longest of all. */
  readonly activeAgainMs: number;
  /** The longest time after an acknowledged end at which a session was accepted, S included. */
  readonly longestStaleMs: number;
  /** Sessions of which acknowledged data was missing. */
  readonly lostWrites: number;
  /** The longest time one process could verify nothing. */
  readonly longestOutageMs: number;
}

export interface HistoryVerdict {
  readonly violations: readonly Violation[];
  /** What no promise covers; measured, not hidden. */
  readonly excused: readonly Violation[];
  readonly figures: HistoryFigures;
}

export function figuresOf(
  index: HistoryIndex,
  found: readonly Violation[],
  longestStaleMs: number,
): HistoryFigures {
  const byKind: Record<string, number> = {};
  const errors: Record<string, number> = {};
  let unknown = 0;
  for (const { kind, outcome, error } of index.operations) {
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    if (outcome === "unknown" || outcome === "pending") unknown += 1;
    if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1;
  }
  const sessionsOf = (those: readonly Violation[]): number =>
    new Set(those.map(({ session }) => session)).size;
  const showing = (evidence: Evidence): Violation[] =>
    found.filter((one) => one.shows === evidence);
  const again = showing("accepted").filter((one) => one.invariant !== "identity");
  return {
    operations: index.operations.length,
    byKind,
    unknown,
    errors,
    falseLogouts: sessionsOf(showing("refused")),
    stepUps: sessionsOf(showing("locked")),
    activeAgain: sessionsOf(again),
    activeAgainAfterHeal: sessionsOf(again.filter((one) => one.remains)),
    activeAgainMs: again.reduce((most, { at, lastAt }) => Math.max(most, lastAt - at), 0),
    longestStaleMs,
    lostWrites: sessionsOf(showing("read")),
    longestOutageMs: longestOutage(index.operations),
  };
}

/** Per process: from the first verify that met trouble to the next that got an answer. */
function longestOutage(operations: readonly HistoryOperation[]): number {
  const since = new Map<string, number>();
  let longest = 0;
  for (const { kind, process, invokedAt, returnedAt = invokedAt, answer } of operations) {
    if (kind !== "verify" && kind !== "touch") continue;
    const from = since.get(process);
    if (answer === undefined && from === undefined) since.set(process, invokedAt);
    if (from === undefined) continue;
    longest = Math.max(longest, returnedAt - from);
    if (answer !== undefined) since.delete(process);
  }
  return longest;
}

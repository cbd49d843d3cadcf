/**
 * Does a history keep the promises? Only certain breaks are found: a call that may have been done
 * may have been done at any later time or never, and calls that overlap came in either order.
 */
import type { HistoryEvent, HistoryOperation } from "./history.ts";
import { checkData } from "./history-data.ts";
import {
  endsOf,
  indexHistory,
  mayBeOfTheToken,
  mayBeReplaced,
  mayHaveEndedBy,
  nameOf,
} from "./history-index.ts";
import type { Ends, HistoryIndex, SessionRow, SubjectRow } from "./history-index.ts";
import { figuresOf, Findings } from "./history-verdict.ts";
import type { Finding, HistoryVerdict } from "./history-verdict.ts";

export interface HistoryOptions {
  /** S of invariant I3: how long an answer may come from what was known before. Default 0. */
  readonly stalenessMs?: number;
  /** g + δ of invariant I6: how much early a session may end for want of activity. Default 0. */
  readonly coalesceMs?: number;
}

/**
 * Check a history against invariants I1–I5 and I7. Time n·log n in its events; lists and
 * revocations of a subject are each compared with every session of that subject.
 */
export function checkHistory(
  events: Iterable<HistoryEvent>,
  { stalenessMs = 0, coalesceMs = 0 }: HistoryOptions = {},
): HistoryVerdict {
  const index = indexHistory(events);
  const findings = new Findings(index);
  const bounds = { stalenessMs, coalesceMs };
  const ends = new Map<SessionRow, Ends>();
  for (const row of index.sessions.values()) {
    const found = endsOf(row, index.subjects.get(row.open?.subject ?? ""));
    ends.set(row, found);
    new SessionCheck(row, found, bounds, findings).run();
    checkData(row, stalenessMs, findings);
  }
  for (const [subject, row] of index.subjects) {
    checkLists(subject, row, (one) => ends.get(one), { coalesceMs, findings });
    checkStrangers(subject, row, index, findings);
  }
  const all = findings.all();
  return {
    violations: all.filter((one) => one.excuse === undefined),
    excused: all.filter((one) => one.excuse !== undefined),
    figures: figuresOf(index, all, findings.longestStaleMs),
  };
}

/** Follows one session through its answers in the order they were asked for. */
class SessionCheck {
  readonly #row: SessionRow;
  readonly #ends: Ends;
  readonly #bounds: Required<HistoryOptions>;
  readonly #findings: Findings;
  /** Answers that said it had ended, and could be right; the first returned by each process. */
  readonly #seenBy: Map<string, HistoryOperation> = new Map<string, HistoryOperation>();
  #seenFirst: HistoryOperation | undefined;
  #lastEndedAt = -Infinity;

  constructor(row: SessionRow, ends: Ends, bounds: Required<HistoryOptions>, findings: Findings) {
    this.#row = row;
    this.#ends = ends;
    this.#bounds = bounds;
    this.#findings = findings;
  }

  run(): void {
    this.#openedTwice();
    for (const answer of this.#row.answers) {
      if (answer.answer === "active") continue;
      if (this.#isFalse(answer)) this.#falseLogout(answer);
      else if (this.#isEnd(answer)) this.#seen(answer);
    }
    for (const answer of this.#row.answers) {
      if (answer.answer === "active") this.#accepted(answer);
    }
  }

  #openedTwice(): void {
    const { id, open, reopened } = this.#row;
    if (open === undefined || reopened === undefined) return;
    const why = `${nameOf(reopened)} was given ${id}, which ${nameOf(open)} had opened`;
    this.#add({ invariant: "identity", by: reopened, culprit: open, why });
  }

  /** It speaks of the session, not of a token that another has replaced. */
  #isEnd({ answer, reason = "replaced", ...call }: HistoryOperation): boolean {
    if (answer !== "ended") return false;
    return reason !== "replaced" || !mayBeReplaced(this.#row, { answer, ...call });
  }

  #seen(answer: HistoryOperation): void {
    const earlier = this.#seenBy.get(answer.process);
    if (earlier === undefined || returned(answer) < returned(earlier)) {
      this.#seenBy.set(answer.process, answer);
    }
    if (this.#seenFirst === undefined || returned(answer) < returned(this.#seenFirst)) {
      this.#seenFirst = answer;
    }
    this.#lastEndedAt = Math.max(this.#lastEndedAt, answer.invokedAt);
  }

  #isFalse(answer: HistoryOperation): boolean {
    const { open } = this.#row;
    if (open === undefined || mayBeOfTheToken(this.#row, answer)) return false;
    return !mayHaveEndedBy(this.#row, this.#ends, returned(answer), this.#bounds.coalesceMs);
  }

  #falseLogout(by: HistoryOperation): void {
    const { open, rotations, id } = this.#row;
    const issuer = rotations.find((one) => one.gives === by.token) ?? open;
    const what = by.reason === undefined ? by.answer : `${by.answer} (${by.reason})`;
    const given = issuer === undefined ? "" : `, its token given by ${nameOf(issuer)}`;
    this.#findings.add({
      invariant: "I7",
      shows: by.answer === "locked" ? "locked" : "refused",
      by,
      culprit: issuer,
      session: id,
      why:
        `${nameOf(by)} was told "${what}" of ${id}${given}, ` +
        "and nobody had asked for its end, nor had a deadline passed",
    });
  }

  #accepted(by: HistoryOperation): void {
    const { id: session, open } = this.#row;
    const found = `${nameOf(by)} found ${session} active`;
    if (by.answered !== undefined && by.answered !== session) {
      const why = `${nameOf(by)} presented a token of ${session} and was taken for ${by.answered}`;
      this.#add({ invariant: "identity", by, culprit: open, why });
    } else if (open === undefined) {
      this.#add({ invariant: "I1", by, why: `${found}, which nobody was told was opened` });
    } else this.#afterItsEnd(by, found);
  }

  #afterItsEnd(by: HistoryOperation, found: string): void {
    const since = by.invokedAt - this.#bounds.stalenessMs;
    const { revoked, subjectRevoked } = this.#ends;
    const acknowledged = [revoked, subjectRevoked].find((one) => wasBefore(one, by.invokedAt));
    if (acknowledged !== undefined) this.#findings.stale(by.invokedAt - returned(acknowledged));
    const end = [revoked, subjectRevoked].find((one) => wasBefore(one, since));
    const own = this.#seenBy.get(by.process);
    const seen = [own, this.#seenFirst].find((one) => wasBefore(one, since));
    if (seen !== undefined && (seen === own || by.invokedAt > this.#lastEndedAt)) {
      const why = `${found} again after ${nameOf(seen)} had seen its end`;
      this.#add({ invariant: "I1", by, culprit: end ?? seen, why });
    } else if (end !== undefined) this.#unheeded(by, end, found);
    else if (seen !== undefined) {
      const why = `${found} ${late(by, seen)} after ${nameOf(seen)} had seen its end`;
      this.#add({ invariant: "I3", by, culprit: seen, why });
    }
  }

  /** Accepted although its end was acknowledged, before anybody had looked. */
  #unheeded(by: HistoryOperation, culprit: HistoryOperation, found: string): void {
    const after = `${found} ${late(by, culprit)} after ${nameOf(culprit)} was acknowledged`;
    if (culprit.kind === "revokeSubject") {
      const why = `${after}, which ended all of its subject`;
      this.#add({ invariant: "I5", by, culprit, why });
    } else if (this.#lastEndedAt > by.invokedAt) {
      const why = `${after}; ${this.#bounds.stalenessMs} ms is the bound`;
      this.#add({ invariant: "I3", by, culprit, why });
    } else {
      const why = `${after}, and nobody saw it ended after that`;
      this.#add({ invariant: "I2", by, culprit, why });
    }
  }

  #add(finding: Omit<Finding, "shows" | "session">): void {
    this.#findings.add({ shows: "accepted", session: this.#row.id, ...finding });
  }
}

function wasBefore(one: HistoryOperation | undefined, at: number): one is HistoryOperation {
  return one !== undefined && returned(one) < at;
}

function returned(operation: HistoryOperation): number {
  return operation.returnedAt ?? Infinity;
}

function late(by: HistoryOperation, end: HistoryOperation): string {
  return `${(by.invokedAt - returned(end)).toFixed(1)} ms`;
}

interface ListCheck {
  readonly coalesceMs: number;
  readonly findings: Findings;
}

/** A list has every session that lived all the while it was made, and none that ended before. */
function checkLists(
  subject: string,
  { sessions, lists }: SubjectRow,
  endsOf: (row: SessionRow) => Ends | undefined,
  { coalesceMs, findings }: ListCheck,
): void {
  for (const by of lists) {
    const listed = new Set(by.sessions);
    for (const row of sessions) {
      const { id, open } = row;
      const ends = endsOf(row);
      if (open === undefined || ends === undefined) continue;
      const { revoked, subjectRevoked } = ends;
      if (!listed.has(id)) {
        if (returned(open) >= by.invokedAt) continue;
        if (mayHaveEndedBy(row, ends, returned(by), coalesceMs)) continue;
        const why = `${nameOf(by)} did not list ${id}, opened by ${nameOf(open)} and not ended`;
        findings.add({
          invariant: "I5",
          shows: "listed",
          by,
          culprit: open,
          session: id,
          subject,
          why,
        });
        continue;
      }
      const end = [revoked, subjectRevoked].find(
        (one) => one !== undefined && returned(one) < by.invokedAt,
      );
      if (end === undefined) continue;
      const why = `${nameOf(by)} listed ${id}, whose end ${nameOf(end)} acknowledged before`;
      findings.add({
        invariant: "I5",
        shows: "listed",
        by,
        culprit: end,
        session: id,
        subject,
        why,
      });
    }
  }
}

/** No list has a session of somebody else. */
function checkStrangers(
  subject: string,
  { lists }: SubjectRow,
  { sessions }: HistoryIndex,
  findings: Findings,
): void {
  for (const by of lists) {
    for (const session of by.sessions ?? []) {
      const open = sessions.get(session)?.open;
      if (open === undefined || open.subject === subject) continue;
      const why = `${nameOf(by)} listed ${session}, which ${nameOf(open)} opened for another`;
      findings.add({
        invariant: "identity",
        shows: "listed",
        by,
        culprit: open,
        session,
        subject,
        why,
      });
    }
  }
}

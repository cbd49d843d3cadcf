import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkHistory } from "./history-check.ts";
import type { HistoryEvent, HistoryOperation, OperationKind } from "./history.ts";

/** A call as drawn: how far around its moment it stretches, and what becomes of it. */
interface Draw {
  readonly kind: OperationKind;
  readonly process: number;
  readonly session: number;
  readonly before: number;
  readonly after: number;
  readonly fate: "told" | "unknown" | "late" | "never";
  readonly stale: number;
}

const SUBJECTS = 3;
const SESSIONS = 9;
const STEP_MS = 10;
const LATE_MS = 77;

const draws = fc.array(
  fc.record<Draw>({
    kind: fc.constantFrom<OperationKind>(
      ...(["verify", "verify", "touch", "patch", "count", "rotate", "list"] as const),
      ...(["revoke", "verify", "patch", "revokeSubject"] as const),
    ),
    process: fc.nat({ max: 3 }),
    session: fc.nat({ max: SESSIONS - 1 }),
    before: fc.nat({ max: 45 }),
    after: fc.nat({ max: 45 }),
    fate: fc.constantFrom("told", "told", "told", "told", "unknown", "late", "never"),
    stale: fc.nat({ max: 100 }),
  }),
  { minLength: 20, maxLength: 150 },
);

/** A store that is right: what happened to each session, and at which moment. */
class Model {
  readonly #log = new Map<number, { at: number; apply: (row: Row) => void }[]>();

  happen(session: number, at: number, apply: (row: Row) => void): void {
    const log = this.#log.get(session) ?? [];
    log.push({ at, apply });
    this.#log.set(session, log);
  }

  /** The session as it was at a moment. What is written after the end has no effect. */
  at(session: number, moment: number): Row {
    const row: Row = { ended: false, token: "opened", data: { k0: `first-${session}` } };
    const log = (this.#log.get(session) ?? []).toSorted((a, b) => a.at - b.at);
    for (const { at, apply } of log) if (at <= moment && !row.ended) apply(row);
    return row;
  }
}

interface Row {
  ended: boolean;
  token: string;
  data: Record<string, unknown>;
}

const subjectOf = (session: number): string => `user-${session % SUBJECTS}`;
const idOf = (session: number): string => `ses-${session}`;
const peersOf = (session: number): number[] =>
  Array.from({ length: SESSIONS }, (_, index) => index).filter(
    (other) => subjectOf(other) === subjectOf(session),
  );

/** @param stalenessMs Answers of `verify` may be as old as this. */
function correctHistory(drawn: readonly Draw[], stalenessMs: number): HistoryOperation[] {
  const model = new Model();
  const history: HistoryOperation[] = Array.from({ length: SESSIONS }, (_, session) => ({
    kind: "open",
    process: "p0",
    op: -session - 1,
    invokedAt: -200,
    returnedAt: -190,
    outcome: "ok",
    session: idOf(session),
    subject: subjectOf(session),
    gives: "opened",
    data: { k0: `first-${session}` },
  }));
  const points = drawn.map((_, op) => (op + 1) * STEP_MS);
  drawn.forEach((draw, op) => effect(model, draw, { op, point: points[op] ?? 0 }));
  drawn.forEach((draw, op) => {
    const point = points[op] ?? 0;
    const told = answer(model, draw, { op, point, stalenessMs });
    const { kind, process, session, before, after, fate } = draw;
    const whole = kind === "revokeSubject" || kind === "list";
    history.push({
      kind,
      process: `p${process}`,
      op,
      invokedAt: point - before,
      ...(fate === "told" || after % 2 === 0 ? { returnedAt: point + after } : {}),
      ...(whole ? { subject: subjectOf(session) } : { session: idOf(session) }),
      ...told,
    });
  });
  return history;
}

interface Moment {
  readonly op: number;
  readonly point: number;
}

function effect(model: Model, draw: Draw, { op, point }: Moment): void {
  const { kind, session, fate } = draw;
  if (fate === "never") return;
  const at = fate === "late" ? point + LATE_MS : point;
  const end = (row: Row): void => void (row.ended = true);
  if (kind === "revoke") model.happen(session, at, end);
  if (kind === "revokeSubject") for (const peer of peersOf(session)) model.happen(peer, at, end);
  if (kind === "rotate") model.happen(session, at, (row) => void (row.token = `t${op}`));
  if (kind === "patch") {
    model.happen(session, at, (row) => void (row.data[`k${op % 3}`] = `v${op}`));
  }
  if (kind === "count") {
    model.happen(session, at, (row) => void (row.data["n"] = Number(row.data["n"] ?? 0) + 1));
  }
}

function answer(
  model: Model,
  { kind, session, fate, stale }: Draw,
  { op, point, stalenessMs }: Moment & { stalenessMs: number },
): Pick<HistoryOperation, "outcome"> & Partial<HistoryOperation> {
  const wrote = writtenBy(kind, op);
  if (fate !== "told") return { outcome: "unknown", error: "ERR_STORE_UNAVAILABLE", ...wrote };
  if (kind === "revoke" || kind === "revokeSubject") return { outcome: "ok" };
  if (kind === "list") {
    const live = peersOf(session).filter((peer) => !model.at(peer, point).ended);
    return { outcome: "ok", sessions: live.map(idOf) };
  }
  const write = kind === "patch" || kind === "count" || kind === "rotate";
  const read = model.at(session, write ? point - 1 : point - Math.min(stale, stalenessMs));
  if (read.ended) {
    return { outcome: write ? "failed" : "ok", answer: "ended", reason: "revoked", ...wrote };
  }
  const data = kind === "verify" || kind === "touch" ? { data: read.data } : {};
  return { outcome: "ok", answer: "active", token: read.token, ...data, ...wrote };
}

function writtenBy(kind: OperationKind, op: number): Partial<HistoryOperation> {
  if (kind === "patch") return { data: { [`k${op % 3}`]: `v${op}` } };
  if (kind === "count") return { data: { n: 1 } };
  return kind === "rotate" ? { gives: `t${op}` } : {};
}

describe("checkHistory on what a right store answers", () => {
  it("finds nothing, whatever overlaps, fails, comes late or never (I1-I5, I7)", () => {
    fc.assert(
      fc.property(draws, (drawn) => {
        expect(checkHistory(correctHistory(drawn, 0)).violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("finds nothing where answers are at most as old as the bound (I3)", () => {
    fc.assert(
      fc.property(draws, (drawn) => {
        const history = correctHistory(drawn, 100);
        expect(checkHistory(history, { stalenessMs: 100 }).violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("finds something when one answer after an acknowledged end is turned round", () => {
    let turned = 0;
    fc.assert(
      fc.property(draws, (drawn) => {
        const history = correctHistory(drawn, 0);
        const index = history.findIndex((one) => isLate(one, history));
        if (index < 0) return;
        turned += 1;
        const late = history[index];
        if (late === undefined) return;
        history[index] = { ...late, outcome: "ok", answer: "active", token: "opened" };
        const found = checkHistory(history).violations;
        expect(found.map(({ session }) => session)).toContain(late.session);
      }),
      { numRuns: 300 },
    );
    expect(turned).toBeGreaterThan(50);
  });

  it("finds the other kinds when a certain answer is turned round", () => {
    const turned = { refused: 0, list: 0, data: 0 };
    fc.assert(
      fc.property(draws, (drawn) => {
        const certain = drawn.map((draw) => ({ ...draw, fate: "told" as const }));
        const history = correctHistory(certain, 0);
        const last = Math.max(...history.map(({ returnedAt = 0 }) => returnedAt));
        const live = history.find(
          ({ answer, kind, token }) =>
            answer === "active" && kind === "verify" && token === "opened",
        );
        if (live?.session === undefined) return;
        const { session = "" } = live;
        const mine = history.filter((one) => one.session === session);
        if (mine.some(({ kind }) => kind === "revoke" || kind === "rotate")) return;
        const subject = mine[0]?.subject;
        if (history.some((one) => one.kind === "revokeSubject" && one.subject === subject)) return;
        const extra = { process: "p9", invokedAt: last + 1, returnedAt: last + 2 } as const;
        const asked = {
          ...extra,
          kind: "verify",
          outcome: "ok",
          session,
          token: "opened",
        } as const;
        const invariantsOf = (event: HistoryEvent): string[] =>
          checkHistory([...history, event]).violations.map((one) => one.invariant);
        expect(invariantsOf({ ...asked, op: 1, answer: "unknown" })).toEqual(["I7"]);
        turned.refused += 1;
        const list = { ...extra, kind: "list", op: 2, outcome: "ok", sessions: [] } as const;
        expect(invariantsOf({ ...list, subject: subject ?? "" })).toContain("I5");
        turned.list += 1;
        const written = mine.filter(({ kind, outcome }) => kind === "patch" && outcome === "ok");
        if (written.length === 0) return;
        expect(invariantsOf({ ...asked, op: 3, answer: "active", data: {} })).toContain("I4");
        turned.data += 1;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(turned.refused, turned.list, turned.data)).toBeGreaterThan(20);
  });
});

function isLate(one: HistoryOperation, history: readonly HistoryOperation[]): boolean {
  if (one.kind !== "verify" || one.answer !== "ended") return false;
  return history.some(
    ({ kind, session, outcome, returnedAt = Infinity }) =>
      kind === "revoke" &&
      session === one.session &&
      outcome === "ok" &&
      returnedAt < one.invokedAt,
  );
}

import { describe, expect, it } from "vitest";
import { checkHistory } from "./history-check.ts";
import { HistoryError, readHistory } from "./history.ts";
import type { HistoryEvent, HistoryOperation } from "./history.ts";
import type { Violation } from "./history-verdict.ts";
import { SeededRandom } from "./random.ts";

const LARGE = 100_000;
const LARGE_WITHIN_MS = 4_000;

async function events(chunks: readonly (string | Uint8Array)[]): Promise<HistoryEvent[]> {
  const found: HistoryEvent[] = [];
  for await (const event of readHistory(chunks)) found.push(event);
  return found;
}

function call(changes: Partial<HistoryOperation>): HistoryOperation {
  const usual = { kind: "verify", process: "p", op: 1, outcome: "ok" } as const;
  return { ...usual, invokedAt: 1, returnedAt: 2, session: "s", token: "t", ...changes };
}

const open = call({ kind: "open", subject: "alice", gives: "t", op: 0, invokedAt: 0 });

describe("readHistory", () => {
  const lines = [call({ session: "ä" }), call({ op: 2 })].map((one) => JSON.stringify(one));

  it("reads lines however they are cut, characters of several bytes too", async () => {
    const bytes = new TextEncoder().encode(`${lines.join("\n")}\n`);
    const whole = await events([bytes]);
    expect(whole).toHaveLength(2);
    const cut = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(await events(cut)).toEqual(whole);
    expect(await events([lines.join("\n")])).toEqual(whole);
  });

  it("leaves out a torn last line", async () => {
    expect(await events([`${lines[0]}\n${lines[1]?.slice(0, 30)}`])).toHaveLength(1);
  });

  it.each([
    ["torn", '{"kind":\n'],
    ["no JSON object", "7\n"],
    ["of no kind", '{"kind":"dance"}\n'],
    ["without a process", JSON.stringify({ ...open, process: undefined })],
    ["without a number", JSON.stringify({ ...open, op: "7" })],
    ["without an outcome", JSON.stringify({ ...open, outcome: "maybe" })],
    ["without an instant", JSON.stringify({ ...open, invokedAt: null })],
    ["ok and never returned", JSON.stringify({ ...open, returnedAt: undefined })],
    ["returned before it began", JSON.stringify({ ...open, returnedAt: -1 })],
  ])("refuses a line that is %s, with its number", async (_what, line) => {
    const read = events([`${JSON.stringify(open)}\n${line}\n`]);
    await expect(read).rejects.toThrow(HistoryError);
    await expect(read).rejects.toThrow("line 2");
  });
});

describe("checkHistory", () => {
  it("takes a call that never returned for one that may yet be done", () => {
    const revoke = call({ kind: "revoke", op: 5, invokedAt: 3, outcome: "pending" });
    const { returnedAt: _never, ...pending } = revoke;
    const ended = call({ op: 6, invokedAt: 9, returnedAt: 10, answer: "ended" });
    expect(checkHistory([open, pending, ended]).violations).toEqual([]);
    expect(checkHistory([open, ended]).violations).toMatchObject([{ invariant: "I7" }]);
    const failed = { ...revoke, outcome: "failed" } as const;
    expect(checkHistory([open, pending, failed, ended]).violations).toHaveLength(1);
  });

  it("lets a session end by itself when its deadlines allow, not before", () => {
    const idle = { ...open, idleMs: 100 };
    const touched = call({ kind: "touch", op: 2, invokedAt: 50, returnedAt: 51, answer: "active" });
    const at = (invokedAt: number) =>
      call({ op: 3, invokedAt, returnedAt: invokedAt, answer: "ended", reason: "idle_timeout" });
    expect(checkHistory([idle, touched, at(149)]).violations).toHaveLength(1);
    expect(checkHistory([idle, touched, at(150)]).violations).toEqual([]);
    expect(checkHistory([idle, touched, at(145)], { coalesceMs: 5 }).violations).toEqual([]);
    const absolute = { ...open, absoluteMs: 60 };
    expect(checkHistory([absolute, touched, at(59)]).violations).toHaveLength(1);
    expect(checkHistory([absolute, touched, at(60)]).violations).toEqual([]);
  });

  it("does not take a token that was replaced for a logout", () => {
    const rotate = call({ kind: "rotate", op: 2, invokedAt: 3, returnedAt: 4, answer: "active" });
    const rotated = { ...rotate, gives: "t2" };
    const old = call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "ended", reason: "replaced" });
    expect(checkHistory([open, rotated, old]).violations).toEqual([]);
    const given = { ...old, token: "t2" };
    expect(checkHistory([open, rotated, given]).violations).toMatchObject([{ invariant: "I7" }]);
  });

  it("finds a session that nobody was told was opened (I1)", () => {
    const verdict = checkHistory([call({ answer: "active" })]);
    expect(verdict.violations).toMatchObject([{ invariant: "I1", operation: "p#1" }]);
  });

  it("takes a count for lost that a failover may have lost, not one made after it (I4)", () => {
    const at = (op: number, invokedAt: number): HistoryOperation =>
      call({ kind: "count", op, invokedAt, returnedAt: invokedAt + 1, data: { n: 1 } });
    const fault = { kind: "fault", name: "failover", forgets: true, at: 5, healedAt: 50 } as const;
    const read = (n: number): HistoryOperation =>
      call({ op: 9, invokedAt: 90, returnedAt: 91, answer: "active", data: { n } });
    const history = [open, fault, at(2, 10), at(3, 60), at(4, 70)];
    const lostOne = checkHistory([...history, read(2)]);
    expect([lostOne.violations, lostOne.excused.length]).toEqual([[], 1]);
    expect(checkHistory([...history, read(1)]).violations).toMatchObject([
      { invariant: "I4", because: ["p#4"] },
    ]);
  });

  it("finds a count that was made twice (I4)", () => {
    const count = call({ kind: "count", op: 2, invokedAt: 3, returnedAt: 4, data: { n: 1 } });
    const read = (n: number) =>
      call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "active", data: { n } });
    expect(checkHistory([open, count, read(1)]).violations).toEqual([]);
    expect(checkHistory([open, count, read(2)]).violations).toMatchObject([
      { invariant: "I4", operation: "p#3", because: ["p#2"] },
    ]);
  });

  it.each<[string, HistoryEvent[], Partial<Violation>]>([
    [
      "data in a session that wrote none (I4)",
      [call({ answer: "active", data: { k: "another's" } })],
      { invariant: "I4", operation: "p#1", because: [] },
    ],
    [
      "an unknown write that was seen, and is gone (I4)",
      [
        call({ kind: "patch", op: 2, invokedAt: 3, outcome: "unknown", data: { k: "new" } }),
        call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "active", data: { k: "new" } }),
        call({ op: 4, invokedAt: 7, returnedAt: 8, answer: "active", data: {} }),
      ],
      { invariant: "I4", operation: "p#4", because: ["p#2"] },
    ],
    [
      "another's session in a list",
      [call({ kind: "list", op: 2, subject: "bob", sessions: ["s"] })],
      { invariant: "identity", operation: "p#2", because: ["p#0"] },
    ],
    [
      "one id given twice",
      [call({ kind: "open", op: 2, subject: "bob", gives: "t2", invokedAt: 3 })],
      { invariant: "identity", operation: "p#2", because: ["p#0"] },
    ],
    [
      "an end that nobody asked for, told to a token that was replaced (I7)",
      [
        call({ kind: "rotate", op: 2, invokedAt: 3, returnedAt: 4, gives: "t2", answer: "active" }),
        call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "ended", reason: "revoked" }),
      ],
      { invariant: "I7", operation: "p#3", because: ["p#0"] },
    ],
    [
      "a write that was done after the end (I2)",
      [
        call({ kind: "revoke", op: 2, invokedAt: 3, returnedAt: 4 }),
        call({ kind: "rotate", op: 3, invokedAt: 5, returnedAt: 6, gives: "t2" }),
      ],
      { invariant: "I2", operation: "p#3", because: ["p#2"] },
    ],
  ])("finds %s", (_what, calls, violation) => {
    const { violations } = checkHistory([open, ...calls]);
    expect(violations).toMatchObject([violation]);
  });

  it("excuses nothing that nobody wrote", () => {
    const fault = { kind: "fault", name: "failover", forgets: true, at: 0, healedAt: 99 } as const;
    const read = call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "active", data: { k: 1 } });
    expect(checkHistory([fault, open, read]).violations).toMatchObject([{ invariant: "I4" }]);
  });

  it("excuses no loss of what was acknowledged after a fault was over", () => {
    const fault = { kind: "fault", name: "failover", forgets: true, at: 0 } as const;
    const write = call({ kind: "patch", op: 2, invokedAt: 3, returnedAt: 4, data: { k: "new" } });
    const read = call({ op: 3, invokedAt: 5, returnedAt: 6, answer: "active", data: {} });
    const until = (healedAt: number) => checkHistory([{ ...fault, healedAt }, open, write, read]);
    expect(until(4.5)).toMatchObject({ violations: [], excused: [{ invariant: "I4" }] });
    expect(until(3.5)).toMatchObject({ violations: [{ invariant: "I4" }], excused: [] });
  });

  it("measures the longest outage of one process", () => {
    const trouble = (op: number, at: number): HistoryOperation =>
      call({ op, invokedAt: at, returnedAt: at + 1, outcome: "unknown", error: "ERR" });
    const good = call({ op: 9, invokedAt: 40, returnedAt: 45, answer: "active" });
    const other = call({ process: "q", invokedAt: 20, returnedAt: 21, answer: "active" });
    const { figures } = checkHistory([open, trouble(2, 10), other, trouble(3, 20), good]);
    expect(figures).toMatchObject({ longestOutageMs: 35, errors: { ERR: 2 }, unknown: 2 });
  });

  it(`judges ${LARGE} calls in seconds`, () => {
    const random = new SeededRandom(7);
    const history: HistoryOperation[] = [];
    const live: string[] = [];
    for (let op = 0; op < LARGE; op += 1) {
      const at = { process: `p${op % 4}`, op, invokedAt: op, returnedAt: op + 1 };
      const draw = random.fraction();
      if (live.length < 100 || draw < 0.05) {
        live.push(`s${op}`);
        const subject = `user-${random.int(0, 20)}`;
        history.push(call({ ...at, kind: "open", session: `s${op}`, subject, gives: "t" }));
      } else if (draw < 0.1) {
        const [session = ""] = live.splice(random.int(0, live.length - 1), 1);
        history.push(call({ ...at, kind: "revoke", session }));
      } else history.push(call({ ...at, session: random.pick(live), answer: "active", data: {} }));
    }
    const began = performance.now();
    expect(checkHistory(history).violations).toEqual([]);
    expect(performance.now() - began).toBeLessThan(LARGE_WITHIN_MS);
  });
});

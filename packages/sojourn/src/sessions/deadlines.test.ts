import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { Deadlines } from "./deadlines.ts";

function place(spanMs: number) {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock, spanMs);
  const late: string[] = [];
  return {
    clock,
    deadlines,
    late,
    begin: (name: string) => deadlines.begin(() => late.push(name)),
  };
}

describe("deadlines", () => {
  it.each([1, 7, 10, 99, 5_000])("come exactly after %i ms to whoever waits alone", (spanMs) => {
    const { clock, late, begin } = place(spanMs);
    for (const name of ["a", "b"]) {
      begin(name);
      clock.advance(spanMs - 1);
      expect(late).not.toContain(name);
      clock.advance(1);
      expect(late).toContain(name);
      expect(clock.pending).toBe(0);
    }
  });

  it("come to all that wait, in the order of beginning, at most a tenth too soon", () => {
    const { clock, late, begin } = place(100);
    const cameAt = new Map<string, number>();
    for (let name = 0; name < 35; name += 1) {
      begin(`${name}`);
      clock.advance(3);
      for (const one of late) if (!cameAt.has(one)) cameAt.set(one, clock.now());
    }
    for (let ms = 0; ms < 100; ms += 1) {
      clock.advance(1);
      for (const one of late) if (!cameAt.has(one)) cameAt.set(one, clock.now());
    }
    expect(late).toEqual(Array.from({ length: 35 }, (_, name) => `${name}`));
    const startedAt = new ManualClock().now();
    for (const [name, at] of cameAt) {
      const tookMs = at - (startedAt + 3 * Number(name));
      expect(tookMs).toBeGreaterThanOrEqual(90);
      expect(tookMs).toBeLessThan(103);
    }
  });

  it("share one timer, which goes with the last of them", () => {
    const { clock, deadlines, late, begin } = place(100);
    const waits = Array.from({ length: 50 }, (_, name) => begin(`${name}`));
    clock.advance(35);
    expect(clock.pending).toBe(1);
    // From the middle, the back and the front.
    for (const part of [1, 2, 0]) {
      const some = waits.filter((_wait, at) => at % 3 === part);
      for (const wait of part === 2 ? some.toReversed() : some) {
        expect(deadlines.end(wait)).toBe(true);
      }
    }
    expect(clock.pending).toBe(0);
    clock.advance(1_000);
    expect(late).toEqual([]);
  });

  it("end once: who is late is not in time as well", () => {
    const { clock, deadlines, late, begin } = place(10);
    const [a, b] = [begin("a"), begin("b")];
    expect(deadlines.end(a)).toBe(true);
    expect(deadlines.end(a)).toBe(false);
    clock.advance(10);
    expect(deadlines.end(b)).toBe(false);
    expect(late).toEqual(["b"]);
  });

  it("keep nothing of what has ended, whatever else goes on waiting", () => {
    const { deadlines, begin } = place(10);
    const [first, second, third] = [begin("a"), begin("b"), begin("c")];
    deadlines.end(second);
    expect([second.before, second.after]).toEqual([undefined, undefined]);
    expect([first.after, third.before]).toEqual([third, first]);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ClockJumpedError } from "../engine/errors.ts";
import { systemClock } from "./system-clock.ts";

const START = 1_790_000_000_000;

/** A machine whose two clocks are moved by hand. */
function machine() {
  const time = { wall: START, monotonic: 12_345.678 };
  return {
    clock: systemClock({ wall: () => time.wall, monotonic: () => time.monotonic }),
    pass(ms: number): void {
      time.wall += ms;
      time.monotonic += ms;
    },
    /** Someone sets the wall clock, or the machine slept while the monotonic clock stood. */
    setWallBy(ms: number): void {
      time.wall += ms;
    },
  };
}

describe("systemClock", () => {
  it("starts with the wall clock's time and follows the monotonic clock", () => {
    const { clock, pass } = machine();
    expect(clock.now()).toBe(START);
    pass(1_500);
    expect(clock.now()).toBe(START + 1_500);
  });

  it("gives whole milliseconds", () => {
    const { clock, pass } = machine();
    for (let step = 0; step < 50; step += 1) {
      pass(0.37);
      expect(Number.isInteger(clock.now())).toBe(true);
    }
  });

  it.each([1_000, -1_000])("stands a wall clock that is off by %i ms", (ms) => {
    const { clock, setWallBy } = machine();
    setWallBy(ms);
    expect(clock.now()).toBe(START);
  });

  it.each([1_001, -1_001, 3_600_000, -3_600_000])(
    "throws after the wall clock jumped by %i ms",
    (ms) => {
      const { clock, setWallBy } = machine();
      setWallBy(ms);
      expect(() => clock.now()).toThrow(ClockJumpedError);
      expect(() => clock.now()).toThrow(expect.objectContaining({ code: "ERR_CLOCK_JUMPED" }));
    },
  );

  it("goes on throwing when the wall clock jumps back, until it learns", () => {
    const { clock, setWallBy } = machine();
    setWallBy(60_000);
    expect(() => clock.now()).toThrow(ClockJumpedError);
    setWallBy(-60_000);
    expect(() => clock.now()).toThrow(ClockJumpedError);
    clock.learn(undefined);
    expect(clock.now()).toBe(START);
  });

  it("adopts the wall clock when there is no store time", () => {
    const { clock, setWallBy, pass } = machine();
    setWallBy(86_400_000);
    expect(() => clock.now()).toThrow(ClockJumpedError);
    clock.learn(undefined);
    pass(10);
    expect(clock.now()).toBe(START + 86_400_010);
  });

  it("adopts the store's time, however wrong the wall clock is", () => {
    const { clock, setWallBy, pass } = machine();
    setWallBy(-86_400_000);
    clock.learn(START + 5);
    pass(10);
    expect(clock.now()).toBe(START + 15);
    setWallBy(1_001);
    expect(() => clock.now()).toThrow(ClockJumpedError);
  });

  it("waits a correction of up to a second out instead of going back", () => {
    const { clock, pass } = machine();
    expect(clock.now()).toBe(START);
    clock.learn(START - 1_000);
    expect(clock.now()).toBe(START);
    pass(999);
    expect(clock.now()).toBe(START);
    pass(2);
    expect(clock.now()).toBe(START + 1);
  });

  it("goes back when it learns that it was more than a second ahead", () => {
    const { clock } = machine();
    expect(clock.now()).toBe(START);
    clock.learn(START - 1_001);
    expect(clock.now()).toBe(START - 1_001);
  });

  it("never goes back between two learnings, whatever the clocks do", () => {
    const step = fc.record({
      wall: fc.integer({ min: -400, max: 400 }),
      mono: fc.integer({ min: -5, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const time = { wall: START, monotonic: 0 };
        const clock = systemClock({ wall: () => time.wall, monotonic: () => time.monotonic });
        let last = clock.now();
        for (const { wall, mono } of steps) {
          time.wall += wall;
          time.monotonic += mono;
          const now = nowOrJumped(clock);
          if (now === undefined) return;
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });

  it.each([Number.NaN, Infinity])("refuses to learn %d and keeps its time", (storeNowAt) => {
    const { clock } = machine();
    expect(() => clock.learn(storeNowAt)).toThrow(ArgumentError);
    expect(clock.now()).toBe(START);
  });

  it("runs on the real clocks by default", () => {
    const before = Date.now();
    const now = systemClock().now();
    expect(now).toBeGreaterThanOrEqual(before - 1);
    expect(now).toBeLessThanOrEqual(Date.now() + 1);
  });
});

function nowOrJumped(clock: { now(): number }): number | undefined {
  try {
    return clock.now();
  } catch (error) {
    if (error instanceof ClockJumpedError) return undefined;
    throw error;
  }
}

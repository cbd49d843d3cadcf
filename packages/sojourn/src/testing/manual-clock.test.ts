import { describe, expect, it } from "vitest";
import { ClockJumpedError } from "../engine/errors.ts";
import { ManualClock } from "./manual-clock.ts";

describe("ManualClock", () => {
  it("stands still until it is told to go on", () => {
    const clock = new ManualClock(1000);
    expect([clock.now(), clock.now()]).toEqual([1000, 1000]);
    clock.advance(5);
    expect(clock.now()).toBe(1005);
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(NaN)).toThrow(RangeError);
  });

  it("runs what is due in order, each at its own instant, timers set by timers included", () => {
    const clock = new ManualClock(0);
    const ran: string[] = [];
    const note = (name: string) => (): void => void ran.push(`${name}@${clock.now()}`);
    clock.after(30, note("c"));
    clock.after(10, () => {
      note("a")();
      clock.after(10, note("b"));
      clock.after(100, note("never"));
    });
    clock.after(30, note("d"));
    clock.after(31, note("late"));
    clock.advance(30);
    expect(ran).toEqual(["a@10", "b@20", "c@30", "d@30"]);
    expect([clock.now(), clock.pending]).toEqual([30, 2]);
  });

  it("runs no timer that was cancelled", () => {
    const clock = new ManualClock(0);
    let ran = 0;
    const cancel = clock.after(10, () => void (ran += 1));
    cancel();
    cancel();
    clock.advance(100);
    expect([ran, clock.pending]).toEqual([0, 0]);
  });

  it("lets promises run between timers when it advances asynchronously", async () => {
    const clock = new ManualClock(0);
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        await new Promise<void>((resolve) => void clock.after(10, resolve));
        seen.push(clock.now());
      }
    };
    const done = loop();
    await clock.advanceAsync(30);
    await done;
    expect(seen).toEqual([10, 20, 30]);
  });

  it("tells no time after a jump until it has learnt the store's, and never goes back", () => {
    const clock = new ManualClock(1000);
    clock.jump(-500);
    expect(() => clock.now()).toThrow(ClockJumpedError);
    clock.learn(400);
    expect(clock.now()).toBe(1000);
    clock.jump(500);
    expect(() => clock.now()).toThrow(ClockJumpedError);
    clock.learn(undefined);
    expect(clock.now()).toBe(1500);
    clock.jump(10);
    clock.learn(9000);
    expect(clock.now()).toBe(9000);
  });
});

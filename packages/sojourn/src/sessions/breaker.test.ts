import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { Breaker } from "./breaker.ts";

function opened() {
  const clock = new ManualClock();
  const breaker = new Breaker(clock);
  for (let call = 0; call < 5; call += 1) breaker.unanswered();
  return { clock, breaker };
}

describe("circuit breaker", () => {
  it("admits every call until five in a row went unanswered", () => {
    const breaker = new Breaker(new ManualClock());
    for (let call = 0; call < 4; call += 1) breaker.unanswered();
    expect(breaker.admits()).toBe(true);
    breaker.unanswered();
    expect(breaker.admits()).toBe(false);
  });

  it("begins to count anew with every answer", () => {
    const breaker = new Breaker(new ManualClock());
    for (let call = 0; call < 19; call += 1) {
      breaker.unanswered();
      if (call % 4 === 3) breaker.answered();
    }
    expect(breaker.admits()).toBe(true);
  });

  it("lets one call through after half a second, not before, and no second one beside it", () => {
    const { clock, breaker } = opened();
    clock.advance(499);
    expect(breaker.admits()).toBe(false);
    clock.advance(1);
    expect(breaker.admits()).toBe(true);
    expect(breaker.admits()).toBe(false);
  });

  it("closes when that call is answered, pauses again when it is not", () => {
    const { clock, breaker } = opened();
    clock.advance(500);
    breaker.admits();
    breaker.unanswered();
    expect(breaker.admits()).toBe(false);
    clock.advance(500);
    expect(breaker.admits()).toBe(true);
    breaker.answered();
    expect([breaker.admits(), breaker.admits()]).toEqual([true, true]);
  });

  it("takes late answers of calls that were under way as answers", () => {
    const { breaker } = opened();
    breaker.answered();
    expect(breaker.admits()).toBe(true);
  });
});

import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, formatSpan, parseSpan } from "./span.ts";

describe("parseSpan", () => {
  it.each([
    ["0s", 0],
    ["250ms", 250],
    ["90s", 90_000],
    ["30m", 30 * MINUTE_MS],
    ["12h", 12 * HOUR_MS],
    [" 30d ", 30 * DAY_MS],
  ])("reads %j as %d ms", (text, ms) => {
    expect(parseSpan(text)).toBe(ms);
  });

  it.each(["", "30", "m", "-5m", "1.5h", "30 m", "30M", "1h30m", "30min", "١m", "30m\n;"])(
    "refuses %j and names the units",
    (text) => {
      expect(() => parseSpan(text)).toThrow(
        /accepted: a whole number and a unit \(ms, s, m, h, d\)/,
      );
    },
  );

  it("counts up to 2^53 - 1 ms and not one further", () => {
    expect(parseSpan(`${Number.MAX_SAFE_INTEGER}ms`)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => parseSpan("9007199254740992ms")).toThrow(/too long to count/);
    expect(() => parseSpan("9999999999999999d")).toThrow(/too long to count/);
  });

  it("names the option in the problem and cuts what was given", () => {
    const attempt = () => parseSpan("x".repeat(5000), "SOJOURN_IDLE");
    expect(attempt).toThrow(ConfigError);
    try {
      attempt();
    } catch (error) {
      const { problems } = error as ConfigError;
      expect(problems.map(({ path }) => path)).toEqual(["SOJOURN_IDLE"]);
      expect(problems[0]?.message.length).toBeLessThan(200);
    }
  });
});

describe("formatSpan", () => {
  it.each([
    [0, "0 seconds"],
    [1, "1 millisecond"],
    [999, "999 milliseconds"],
    [1000, "1 second"],
    [90_000, "1 minute 30 seconds"],
    [HOUR_MS, "1 hour"],
    [DAY_MS - 1, "23 hours 59 minutes 59 seconds 999 milliseconds"],
    [400 * DAY_MS, "400 days"],
  ])("says %d as %j", (ms, words) => {
    expect(formatSpan(ms)).toBe(words);
  });
});

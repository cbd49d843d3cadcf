import { describe, expect, it } from "vitest";
import type { ReadEntry } from "../audit/trail-reader.ts";
import { amountsOf, HOUR_MS } from "./figures.ts";
import { hoursOf, periodsOf } from "./report.ts";

const HOUR = 500_000;

function entry(name: string, more: Partial<ReadEntry> = {}): ReadEntry {
  return { seq: 1, id: "e.1", at: HOUR * HOUR_MS + 5, tenant: "acme", name, ...more };
}

function told(one: ReadEntry): readonly unknown[] {
  return amountsOf(one).map(({ figure, label, amount }) => [figure, label, amount]);
}

describe("an entry", () => {
  it("counts in the hour in which it happened, for its tenant", () => {
    expect(amountsOf(entry("session-extended"))).toEqual([
      { tenant: "acme", hour: HOUR, figure: "renewal", label: "extended", amount: 1 },
    ]);
  });

  it("of a sign-in counts by kind and by the agent, of which there is a bounded number", () => {
    const detail = { kind: "robot" };
    for (const [client, family] of [
      [{ agent: "Firefox" }, "Firefox"],
      [{ agent: "curl" }, "curl"],
      [{ agent: "made-up-by-a-client" }, "other"],
      [undefined, "unknown"],
    ] as const) {
      const one = entry("session-established", { detail, ...(client && { client }) });
      expect(told(one)).toEqual([
        ["sign-in", "robot", 1],
        ["agent", family, 1],
      ]);
    }
  });

  it("of a rotation counts when its client took it", () => {
    const of = (how: string): readonly unknown[] =>
      told(entry("session-rotated", { detail: { how } }));
    expect([of("sealed"), of("confirmed"), of("hard")]).toEqual([
      [],
      [["renewal", "confirmed", 1]],
      [["renewal", "hard", 1]],
    ]);
  });

  it("of an end counts by reason and by how long it lasted, bounds inclusive", () => {
    for (const [lastedMs, label, seconds] of [
      [0, "60", 0],
      [60_000, "60", 60],
      [61_000, "300", 61],
      [2_592_000_000, "2592000", 2_592_000],
      [2_592_001_000, "longer", 2_592_001],
      [-5, "60", 0],
    ] as const) {
      expect(told(entry("session-ended", { reason: "logout", detail: { lastedMs } }))).toEqual([
        ["end", "logout", 1],
        ["duration", label, 1],
        ["duration-seconds", "", seconds],
      ]);
    }
    expect(told(entry("session-ended", { erased: true }))).toEqual([["end", "erased", 1]]);
  });

  it("of an incident counts those that it stands for, and of anything else nothing", () => {
    const detail = { suppressed: 41 };
    expect(told(entry("token-forged", { detail }))).toEqual([["incident", "token-forged", 42]]);
    expect(told(entry("service-started"))).toEqual([]);
  });
});

describe("a report", () => {
  it("has whole steps, at least one", () => {
    const at = HOUR * HOUR_MS;
    expect(hoursOf("hour", at, at)).toEqual([HOUR, HOUR + 1]);
    expect(hoursOf("hour", at + 1, at + HOUR_MS)).toEqual([HOUR, HOUR + 1]);
    expect(hoursOf("hour", at, at + HOUR_MS + 1)).toEqual([HOUR, HOUR + 2]);
    const day = Math.floor(HOUR / 24) * 24;
    expect(hoursOf("day", at, at)).toEqual([day, day + 24]);
  });

  it("of a day adds up its hours, and of the gauge takes the last and the highest", () => {
    const day = Math.floor(HOUR / 24) * 24;
    const of = { tenant: "acme" };
    const gauge = (hour: number, last: number, peak: number, inexact: number) =>
      Object.entries({ last, peak, inexact }).map(([label, amount]) => {
        return { ...of, hour, figure: "active" as const, label, amount };
      });
    const [period] = periodsOf(
      "day",
      [day, day + 24],
      [
        { ...of, hour: day, figure: "end", label: "logout", amount: 2 },
        { ...of, hour: day + 23, figure: "end", label: "logout", amount: 3 },
        { ...of, hour: day + 23, figure: "end", label: "evicted", amount: 1 },
        ...gauge(day, 9, 20, 0),
        ...gauge(day + 3, 4, 8, 1),
      ],
    );
    expect(period).toMatchObject({
      at: day * HOUR_MS,
      ends: { total: 6, by: { evicted: 1, logout: 5 } },
      signIns: { total: 0, by: {} },
      active: { last: 4, peak: 20, exact: false },
    });
    expect(period?.durations.buckets).toHaveLength(10);
  });
});

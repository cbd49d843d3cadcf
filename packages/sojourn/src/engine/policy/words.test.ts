import { describe as suite, expect, it } from "vitest";
import { accepted, describe, exact, human, nearest, unknownName } from "./words.ts";

suite("nearest", () => {
  const known = ["idleMs", "absoluteMs", "refresh.keyBound", "csrf"];

  it.each([
    ["idlems", "idleMs"],
    ["idle", "idleMs"],
    ["absolutMs", "absoluteMs"],
    ["keybound", "refresh.keyBound"],
    ["crsf", "csrf"],
  ])("finds for %j %j", (given, name) => {
    expect(nearest(given, known)).toBe(name);
  });

  it("finds nothing when more than half would have to change", () => {
    expect(nearest("colour", known)).toBeUndefined();
    expect(nearest("", known)).toBeUndefined();
  });

  it("stays quick and short on a name of any length", () => {
    const long = "x".repeat(1_000_000);
    expect(nearest(long, known)).toBeUndefined();
    expect(unknownName("field", long, known).length).toBeLessThan(200);
  });

  it("makes a complaint list all names when none is near", () => {
    expect(unknownName("field", "colour", known)).toBe(
      'no field has the name "colour"; ' +
        'accepted: "idleMs", "absoluteMs", "refresh.keyBound", "csrf"',
    );
  });
});

suite("words for values", () => {
  it("say what was given, whatever its type, at bounded length", () => {
    const given = [undefined, null, 1n, -0.5, "a\n", [], {}, () => 1, Symbol("s"), "y".repeat(99)];
    expect(given.map(describe)).toEqual([
      "undefined",
      "null",
      "1n",
      "-0.5",
      '"a\\n"',
      "an array",
      "an object",
      "a function",
      "a symbol",
      `"${"y".repeat(40)}…"`,
    ]);
  });

  it("say a field's value with its unit", () => {
    expect(human("idleMs", 1_800_000)).toBe("30 minutes");
    expect(exact("idleMs", 1_800_000)).toBe("1800000 ms (30 minutes)");
    expect(human("retention.auditDays", 365)).toBe("365 days");
    expect(human("concurrency.max", null)).toBe("unlimited");
    expect(human("remember.idleMs", null)).toBe("never remembered");
    expect(human("cookie.sameSite", "Lax")).toBe("Lax");
    expect(exact("concurrency.max", 3)).toBe("3");
  });

  it("say what a field accepts", () => {
    expect(accepted("csrf")).toBe('"fetch-metadata+token", "fetch-metadata"');
    expect(accepted("sudoMs")).toBe("whole milliseconds from 0 to 34560000000 (400 days)");
    expect(accepted("retention.hotDays")).toBe(
      "a whole number from 1 to 36500, or null (not asked for)",
    );
  });
});

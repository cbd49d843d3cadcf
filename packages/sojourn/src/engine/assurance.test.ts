import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addAuthentication, factorCount, requirementProblems, unmetBy } from "./assurance.ts";
import type { Authentication, Requirement } from "./assurance.ts";
import { SojournError } from "./errors.ts";
import type { Assurance } from "./record.ts";

const T0 = 1_700_000_000_000;
const MINUTE_MS = 60_000;

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return error instanceof SojournError ? error.code : `a bare ${String(error)}`;
  }
  return undefined;
}

function signedIn(...amr: string[]): Assurance {
  return addAuthentication(undefined, { amr }, T0);
}

const METHODS = ["pwd", "pin", "otp", "sms", "hwk", "sc", "face", "fpt", "mfa", "user", "geo"];
const method = fc.oneof(
  fc.constantFrom(...METHODS, "__proto__", "constructor"),
  fc.string({ minLength: 1, maxLength: 10 }),
);
const acr = fc.option(fc.constantFrom("aal1", "aal2", "aal3", "urn:other", "AAL3"), {
  nil: undefined,
});
const authentication = fc.record({ amr: fc.array(method, { maxLength: 6 }), acr });

describe("factorCount", () => {
  it.each<readonly [string[], number]>([
    [[], 0],
    [["pwd"], 1],
    [["pwd", "pin"], 1],
    [["otp", "sms", "hwk"], 1],
    [["pwd", "otp"], 2],
    [["pin", "face"], 2],
    [["pwd", "otp", "fpt"], 3],
    [["user", "geo", "rba", "wia", "fed"], 0],
    [["mfa"], 2],
    [["mfa", "pwd", "otp", "face"], 3],
  ])("counts distinct kinds: %j are %i", (methods, count) => {
    expect(factorCount(methods)).toBe(count);
  });

  it("never falls when a method is added, nor grows by a repetition", () => {
    fc.assert(
      fc.property(fc.array(method), method, (methods, more) => {
        const count = factorCount(methods);
        expect(factorCount([...methods, more])).toBeGreaterThanOrEqual(count);
        expect(factorCount([...methods, ...methods])).toBe(count);
      }),
    );
  });
});

describe("an authentication", () => {
  it.each<readonly [string, string[], boolean]>([
    ["aal1", [], false],
    ["aal1", ["user"], false],
    ["aal1", ["pwd"], true],
    ["aal2", ["pwd"], false],
    ["aal2", ["pwd", "pin"], false],
    ["aal2", ["pwd", "otp"], true],
    ["aal3", ["pwd", "otp"], false],
    ["aal3", ["hwk"], false],
    ["aal3", ["pin", "hwk"], true],
    ["aal3", ["pin", "sc"], true],
  ])("claims %s with %j: accepted is %s", (claimed, amr, accepted) => {
    const code = codeOf(() => addAuthentication(undefined, { amr, acr: claimed }, T0));
    expect(code).toBe(accepted ? undefined : "ERR_ASSURANCE");
  });

  it("reaches a level together with what was given before", () => {
    const before = signedIn("pwd");
    const after = addAuthentication(before, { amr: ["otp"], acr: "aal2" }, T0 + 1);
    expect(after).toMatchObject({ acr: "aal2", amr: ["pwd", "otp"], authTime: T0 + 1 });
  });

  it("that raises a session names a factor: nothing else raises it", () => {
    const before = signedIn("pwd");
    for (const given of [{}, { amr: [] }, { amr: ["user", "geo"] }, { acr: "aal1" }]) {
      expect(codeOf(() => addAuthentication(before, given, T0))).toBe("ERR_ASSURANCE");
    }
  });

  it("never lowers a known level", () => {
    const high = addAuthentication(undefined, { amr: ["pin", "hwk"], acr: "aal3" }, T0);
    const next = addAuthentication(high, { amr: ["pwd"], acr: "aal1" }, T0 + 1);
    expect(next.acr).toBe("aal3");
    expect(addAuthentication(high, { amr: ["pwd"] }, T0 + 1).acr).toBe("aal3");
  });

  it("dates the factors it brought and leaves the others their time", () => {
    const after = addAuthentication(signedIn("pwd"), { amr: ["otp", "mfa"] }, T0 + 5);
    expect(after.factors).toEqual([
      { method: "pwd", at: T0 },
      { method: "otp", at: T0 + 5 },
      { method: "mfa", at: T0 + 5 },
    ]);
  });

  it("keeps an elevation that had been reached", () => {
    const before = { ...signedIn("pwd"), elevatedUntil: T0 + 9 };
    expect(addAuthentication(before, { amr: ["otp"] }, T0 + 1).elevatedUntil).toBe(T0 + 9);
  });

  it("has at most 16 methods of 1 to 64 characters, and a class likewise", () => {
    const many = Array.from({ length: 17 }, (_, index) => `m${index}`);
    expect(codeOf(() => addAuthentication(undefined, { amr: many.slice(1) }, T0))).toBeUndefined();
    const wrong: Authentication[] = [
      { amr: many },
      { amr: [""] },
      { amr: ["x".repeat(65)] },
      { amr: [7 as unknown as string] },
      { amr: ["pwd"], acr: "" },
      { amr: ["pwd"], acr: "x".repeat(65) },
    ];
    for (const given of wrong) {
      expect(codeOf(() => addAuthentication(undefined, given, T0))).toBe("ERR_INVALID_ARGUMENT");
    }
  });

  it("gives a value or an error of ours, for any methods and classes (total)", () => {
    fc.assert(
      fc.property(fc.array(authentication, { maxLength: 5 }), (given) => {
        let before: Assurance | undefined;
        let now = T0;
        for (const one of given) {
          now += 1;
          let after: Assurance;
          try {
            after = addAuthentication(before, one, now);
          } catch (error) {
            expect(error).toBeInstanceOf(SojournError);
            continue;
          }
          expect(new Set(after.amr).size).toBe(after.amr.length);
          expect(after.amr).toEqual(expect.arrayContaining([...(before?.amr ?? [])]));
          expect(after.factors.every((factor) => factor.at <= now)).toBe(true);
          if (after.acr === "aal2") expect(factorCount(after.amr)).toBeGreaterThanOrEqual(2);
          before = after;
        }
      }),
    );
  });
});

describe("a requirement", () => {
  const aal2 = addAuthentication(undefined, { amr: ["pwd", "otp"], acr: "aal2" }, T0);

  it("of a class is met by it and, among known levels, by a higher one", () => {
    expect(unmetBy(aal2, { acr: "aal1" }, T0)).toBeUndefined();
    expect(unmetBy(aal2, { acr: "aal2" }, T0)).toBeUndefined();
    expect(unmetBy(aal2, { acr: "aal3" }, T0)).toEqual({ acr: "aal3" });
    expect(unmetBy(aal2, { acr: "urn:other" }, T0)).toEqual({ acr: "urn:other" });
    expect(unmetBy(signedIn("pwd"), { acr: "aal1" }, T0)).toEqual({ acr: "aal1" });
    const other = addAuthentication(undefined, { amr: ["pwd"], acr: "urn:other" }, T0);
    expect(unmetBy(other, { acr: "urn:other" }, T0)).toBeUndefined();
    expect(unmetBy(other, { acr: "aal1" }, T0)).toEqual({ acr: "aal1" });
  });

  it("of an age includes its last millisecond", () => {
    const required = { maxAgeMs: 5 * MINUTE_MS };
    expect(unmetBy(aal2, required, T0 + 5 * MINUTE_MS)).toBeUndefined();
    expect(unmetBy(aal2, required, T0 + 5 * MINUTE_MS + 1)).toEqual(required);
  });

  it("[RA-01] of full re-authentication is met only by all factors given anew", () => {
    const full: Requirement = { factors: 2, maxAgeMs: 5 * MINUTE_MS };
    const later = T0 + 60 * MINUTE_MS;
    expect(unmetBy(aal2, full, later)).toEqual(full);
    const half = addAuthentication(aal2, { amr: ["otp"] }, later);
    expect(unmetBy(half, full, later)).toEqual({ factors: 2 });
    const anew = addAuthentication(half, { amr: ["pwd"] }, later + MINUTE_MS);
    expect(unmetBy(anew, full, later + MINUTE_MS)).toBeUndefined();
    expect(unmetBy(anew, full, later + 5 * MINUTE_MS + 1)).toEqual({ factors: 2 });
  });

  it("[RA-02] of a fresh factor for five minutes is met by a step-up and wears off", () => {
    const fresh: Requirement = { factors: 1, maxAgeMs: 5 * MINUTE_MS };
    const later = T0 + 60 * MINUTE_MS;
    expect(unmetBy(aal2, fresh, later)).toEqual(fresh);
    const stepped = addAuthentication(aal2, { amr: ["hwk"] }, later);
    expect(unmetBy(stepped, fresh, later + 5 * MINUTE_MS)).toBeUndefined();
    expect(unmetBy(stepped, fresh, later + 5 * MINUTE_MS + 1)).toEqual(fresh);
  });

  it("of factors counts kinds, not methods", () => {
    expect(unmetBy(signedIn("pwd", "pin"), { factors: 2 }, T0)).toEqual({ factors: 2 });
    expect(unmetBy(aal2, { factors: 2 }, T0)).toBeUndefined();
  });

  it("of elevation is met before its end, not at it", () => {
    const elevated = { ...aal2, elevatedUntil: T0 + 10 };
    expect(unmetBy(elevated, { elevated: true }, T0 + 9)).toBeUndefined();
    expect(unmetBy(elevated, { elevated: true }, T0 + 10)).toEqual({ elevated: true });
    expect(unmetBy(aal2, { elevated: true }, T0)).toEqual({ elevated: true });
    expect(unmetBy(aal2, { elevated: false }, T0)).toBeUndefined();
  });

  it("that asks for nothing is met, and what is unmet is part of what was asked", () => {
    const required = fc.record(
      {
        acr: fc.constantFrom("aal1", "aal2", "aal3", "urn:other"),
        maxAgeMs: fc.nat({ max: 10 }),
        factors: fc.nat({ max: 3 }),
        elevated: fc.boolean(),
      },
      { requiredKeys: [] },
    );
    expect(unmetBy(aal2, {}, T0)).toBeUndefined();
    fc.assert(
      fc.property(required, fc.nat({ max: 12 }), (asked, age) => {
        const unmet = unmetBy(aal2, asked, T0 + age);
        if (unmet !== undefined) expect(asked).toMatchObject(unmet);
        // Time alone never meets a requirement.
        if (unmet !== undefined) expect(unmetBy(aal2, asked, T0 + age + 1)).toMatchObject(unmet);
      }),
    );
  });
});

describe("requirementProblems", () => {
  it("accepts every requirement that can be met and missed", () => {
    expect(requirementProblems({}, "at")).toEqual([]);
    const all = { acr: "aal2", maxAgeMs: 0, factors: 1, elevated: true };
    expect(requirementProblems(all, "at")).toEqual([]);
    expect(requirementProblems({ acr: undefined, maxAgeMs: undefined }, "at")).toEqual([]);
  });

  it.each([
    ["a misspelt field", { maxAge: 300 }, "at.maxAge"],
    ["an inherited name", { toString: 1 }, "at.toString"],
    ["a span that is no number", { maxAgeMs: Number.NaN }, "at.maxAgeMs"],
    ["a span as text", { maxAgeMs: "5" }, "at.maxAgeMs"],
    ["a negative span", { maxAgeMs: -1 }, "at.maxAgeMs"],
    ["no factor at all", { factors: 0 }, "at.factors"],
    ["a count that is no number", { factors: Number.NaN }, "at.factors"],
    ["an empty level", { acr: "" }, "at.acr"],
    ["a word for yes", { elevated: "yes" }, "at.elevated"],
  ])("names %s, which everybody would meet", (_name, required, path) => {
    const problems = requirementProblems(required as Requirement, "at");
    expect(problems.map((problem) => problem.path)).toEqual([path]);
  });
});

import { describe, expect, it } from "vitest";
import type { ConfigProblem } from "../errors.ts";
import { FIELDS, FIELD_PATHS } from "./fields.ts";
import type { FieldPath } from "./policy.ts";
import { readPolicy, resolvePolicy } from "./resolve.ts";
import { DAY_MS, HOUR_MS, SECOND_MS, SPAN_MAX_MS } from "./span.ts";

/** Inputs from configuration files are not typed; these tests play such files. */
function problemsOf(input: unknown): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  readPolicy(input, "policy", problems);
  return problems;
}

function pathsOf(input: unknown): string[] {
  return problemsOf(input).map(({ path }) => path);
}

/** Nested input that sets one dotted path. */
function setting(path: FieldPath, value: unknown, preset = "consumer"): object {
  const [group = "", name] = path.split(".");
  const given = name === undefined ? { [path]: value } : { [group]: { [name]: value } };
  return { extends: preset, ...given };
}

const WHY = "signed off by the risk board";

describe("the range of a field", () => {
  const amounts = FIELD_PATHS.filter((path) => FIELDS[path].kind !== "choice");

  /** Complaints about the range alone: a boundary value may well break a rule between fields. */
  const outOfRange = (path: FieldPath, value: unknown): boolean =>
    problemsOf(setting(path, value)).some(
      (problem) => problem.path === `policy.${path}` && / from \d+ to /.test(problem.message),
    );

  it.each(amounts)("of %s includes both ends and nothing beyond", (path) => {
    const field = FIELDS[path];
    if (field.kind === "choice") throw new Error("not an amount");
    expect(outOfRange(path, field.min)).toBe(false);
    expect(outOfRange(path, field.min - 1)).toBe(true);
    expect(outOfRange(path, field.max)).toBe(false);
    expect(outOfRange(path, field.max + 1)).toBe(true);
    expect(outOfRange(path, null)).toBe(field.none === undefined);
  });

  it.each(amounts)("of %s refuses what is no whole number", (path) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1500.5, "1500", 1500n, {}, true]) {
      expect(outOfRange(path, value)).toBe(true);
    }
  });

  it("allows 0 for sudoMs alone", () => {
    const spans = amounts.filter((path) => FIELDS[path].kind === "span");
    expect(spans.filter((path) => !outOfRange(path, 0))).toEqual(["sudoMs"]);
  });

  it("[CK-06] ends at 400 days for all that a cookie carries, whatever the justification", () => {
    const longest = { extends: "consumer", absoluteMs: SPAN_MAX_MS } as const;
    expect(SPAN_MAX_MS).toBe(34_560_000 * SECOND_MS);
    expect(resolvePolicy(longest).policy.absoluteMs).toBe(SPAN_MAX_MS);
    const remember = { idleMs: SPAN_MAX_MS, absoluteMs: SPAN_MAX_MS + 1000 };
    expect(
      pathsOf({ ...longest, absoluteMs: SPAN_MAX_MS + 1, remember, justification: WHY }),
    ).toEqual(["policy.absoluteMs", "policy.remember.absoluteMs"]);
  });

  it("[DB-07] refuses a device-bound token that lives less than five minutes", () => {
    const bound = (boundTokenTtlMs: number) => ({ extends: "saas", boundTokenTtlMs }) as const;
    expect(resolvePolicy(bound(300_000)).policy.boundTokenTtlMs).toBe(300_000);
    expect(pathsOf(bound(299_999))).toEqual(["policy.boundTokenTtlMs"]);
  });

  it("never lets the absolute timeout be left out", () => {
    expect(pathsOf({ extends: "consumer", absoluteMs: null, justification: WHY })).toEqual([
      "policy.absoluteMs",
    ]);
  });
});

describe("rules between fields", () => {
  /** Both sides of each rule: the last value that holds, the first that breaks. */
  const T = 5000;
  const boundaries: readonly [rule: string, path: string, holds: object, breaks: object][] = [
    [
      "idle ≤ absolute",
      "idleMs",
      { absoluteMs: DAY_MS, idleMs: DAY_MS },
      { absoluteMs: DAY_MS, idleMs: DAY_MS + 1 },
    ],
    [
      "warning < idle",
      "warnBeforeMs",
      { idleMs: HOUR_MS, warnBeforeMs: HOUR_MS - 1 },
      { idleMs: HOUR_MS, warnBeforeMs: HOUR_MS },
    ],
    [
      "touch ≤ idle/4",
      "touchEveryMs",
      { idleMs: 4000, touchEveryMs: 1000 },
      { idleMs: 4000, touchEveryMs: 1001 },
    ],
    [
      "touch ≤ idle/4, uneven",
      "touchEveryMs",
      { idleMs: 4003, touchEveryMs: 1000 },
      { idleMs: 4003, touchEveryMs: 1001 },
    ],
    ["G ≥ 2T", "rotateGraceMs", { rotateGraceMs: 2 * T }, { rotateGraceMs: 2 * T - 1 }],
    ["T ≤ G/2", "rotateGraceMs", { transitMs: 15_000 }, { transitMs: 15_001 }],
    ["rotation > G + 2T", "rotateEveryMs", { rotateEveryMs: 40_001 }, { rotateEveryMs: 40_000 }],
    [
      "access ≤ absolute",
      "accessTtlMs",
      { absoluteMs: HOUR_MS, accessTtlMs: HOUR_MS },
      { absoluteMs: HOUR_MS, accessTtlMs: HOUR_MS + 1 },
    ],
    [
      "pending ≤ absolute",
      "pendingMs",
      { absoluteMs: HOUR_MS, pendingMs: HOUR_MS },
      { absoluteMs: HOUR_MS, pendingMs: HOUR_MS + 1 },
    ],
    [
      "refresh idle ≤ absolute",
      "refresh.idleMs",
      { refresh: { absoluteMs: DAY_MS, idleMs: DAY_MS } },
      { refresh: { absoluteMs: DAY_MS, idleMs: DAY_MS + 1 } },
    ],
    [
      "refresh ≤ session",
      "refresh.absoluteMs",
      { refresh: { absoluteMs: 90 * DAY_MS } },
      { refresh: { absoluteMs: 90 * DAY_MS + 1 } },
    ],
    [
      "refresh ≤ remembered session",
      "refresh.absoluteMs",
      {
        remember: { idleMs: 30 * DAY_MS, absoluteMs: 91 * DAY_MS },
        refresh: { absoluteMs: 91 * DAY_MS },
      },
      {
        remember: { idleMs: 30 * DAY_MS, absoluteMs: 91 * DAY_MS },
        refresh: { absoluteMs: 91 * DAY_MS + 1 },
      },
    ],
    [
      "remember idle ≤ absolute",
      "remember.idleMs",
      { remember: { idleMs: 95 * DAY_MS, absoluteMs: 95 * DAY_MS } },
      { remember: { idleMs: 95 * DAY_MS + 1, absoluteMs: 95 * DAY_MS } },
    ],
    [
      "remember idle ≥ idle",
      "remember.idleMs",
      { remember: { idleMs: 30 * DAY_MS, absoluteMs: 95 * DAY_MS } },
      { remember: { idleMs: 30 * DAY_MS - 1, absoluteMs: 95 * DAY_MS } },
    ],
    [
      "remember absolute ≥ absolute",
      "remember.absoluteMs",
      { remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS } },
      { remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS - 1 } },
    ],
    [
      "remember needs both",
      "remember.absoluteMs",
      { remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS } },
      { remember: { idleMs: 30 * DAY_MS } },
    ],
    [
      "remember needs both, the other",
      "remember.idleMs",
      { remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS } },
      { remember: { absoluteMs: 90 * DAY_MS } },
    ],
    [
      "remember needs a lasting cookie",
      "remember.idleMs",
      {
        remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS },
        cookie: { persistent: "bound-only" },
      },
      {
        remember: { idleMs: 30 * DAY_MS, absoluteMs: 90 * DAY_MS },
        cookie: { persistent: "never" },
      },
    ],
    [
      "hot ≤ kept",
      "retention.hotDays",
      { retention: { auditDays: 30, hotDays: 30 } },
      { retention: { auditDays: 30, hotDays: 31 } },
    ],
    [
      "hot needs kept",
      "retention.hotDays",
      { retention: { auditDays: 1, hotDays: 1 } },
      { retention: { hotDays: 1 } },
    ],
  ];

  it.each(boundaries)(
    "%s holds up to its boundary and breaks at %s beyond",
    (_rule, path, holds, breaks) => {
      expect(problemsOf({ extends: "consumer", ...holds })).toEqual([]);
      const problems = problemsOf({ extends: "consumer", ...breaks });
      expect(problems.map((problem) => problem.path)).toEqual([`policy.${path}`]);
      expect(problems[0]?.message).toMatch(/^(given|left at) .+; accepted: .+/);
    },
  );

  it("are not checked against a field that is wrong by itself", () => {
    expect(pathsOf({ extends: "saas", idleMs: -1, warnBeforeMs: 30 * DAY_MS })).toEqual([
      "policy.idleMs",
    ]);
  });
});

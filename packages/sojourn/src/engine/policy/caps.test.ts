import { describe, expect, it } from "vitest";
import type { ConfigProblem } from "../errors.ts";
import { readPolicy, resolvePolicy } from "./resolve.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./span.ts";

/** Inputs from configuration files are not typed; these tests play such files. */
function problemsOf(input: unknown): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  readPolicy(input, "policy", problems);
  return problems;
}

function pathsOf(input: unknown): string[] {
  return problemsOf(input).map(({ path }) => path);
}

const WHY = "signed off by the risk board";

describe("caps", () => {
  const loose: readonly [string, string, object, object][] = [
    [
      "NIST AAL1: 30 days overall",
      "absoluteMs",
      { extends: "nist-aal1", absoluteMs: 30 * DAY_MS },
      { extends: "nist-aal1", absoluteMs: 30 * DAY_MS + 1 },
    ],
    [
      "NIST AAL2: 24 hours overall",
      "absoluteMs",
      { extends: "nist-aal2", absoluteMs: 24 * HOUR_MS },
      { extends: "nist-aal2", absoluteMs: 24 * HOUR_MS + 1 },
    ],
    [
      "NIST AAL2: 1 hour idle",
      "idleMs",
      { extends: "nist-aal2", idleMs: HOUR_MS },
      { extends: "nist-aal2", idleMs: HOUR_MS + 1 },
    ],
    [
      "NIST AAL3: 12 hours overall",
      "absoluteMs",
      { extends: "nist-aal3", absoluteMs: 12 * HOUR_MS },
      { extends: "nist-aal3", absoluteMs: 12 * HOUR_MS + 1 },
    ],
    [
      "NIST AAL3: 15 minutes idle",
      "idleMs",
      { extends: "nist-aal3", idleMs: 15 * MINUTE_MS },
      { extends: "nist-aal3", idleMs: 15 * MINUTE_MS + 1 },
    ],
    [
      "ASVS L2: 30 minutes idle",
      "idleMs",
      { extends: "owasp-asvs-l2", idleMs: 30 * MINUTE_MS },
      { extends: "owasp-asvs-l2", idleMs: 30 * MINUTE_MS + 1 },
    ],
    [
      "refresh tokens as sessions",
      "refresh.idleMs",
      { extends: "nist-aal2", refresh: { idleMs: HOUR_MS } },
      { extends: "nist-aal2", refresh: { idleMs: HOUR_MS + 1 } },
    ],
  ];

  it.each(loose)("[TO-07] %s passes at the cap and not 1 ms beyond", (_name, path, at, beyond) => {
    expect(problemsOf(at)).toEqual([]);
    const problems = problemsOf(beyond);
    expect(problems.map((problem) => problem.path)).toEqual([`policy.${path}`]);
    expect(problems[0]?.message).toContain("looser than the cap of ");
    expect(problemsOf({ ...beyond, justification: WHY })).toEqual([]);
  });

  it("[TO-07] the refusal names the value, the cap, its source and the way out", () => {
    expect(problemsOf({ extends: "owasp-asvs-l2", idleMs: HOUR_MS })).toEqual([
      {
        path: "policy.idleMs",
        message:
          "given 3600000 ms (1 hour), looser than the cap of owasp-asvs-l2, 30 minutes " +
          "(ASVS 4.0.3 3.3.2 L2: 12 h or 30 min); " +
          "stay within it or justify it in 10 characters or more",
      },
    ]);
  });

  it("[TO-07] a justification counts from ten characters, blanks around it aside", () => {
    const input = { extends: "owasp-asvs-l2", idleMs: HOUR_MS };
    expect(pathsOf({ ...input, justification: "123456789" })).toContain("policy.justification");
    expect(pathsOf({ ...input, justification: "   12345678   " })).toContain("policy.idleMs");
    expect(problemsOf({ ...input, justification: "1234567890" })).toEqual([]);
    const resolved = resolvePolicy({ extends: "owasp-asvs-l2", justification: `  ${WHY} ` });
    expect(resolved.justification).toBe(WHY);
  });

  it("[CK-08] a NIST preset persists bearer cookies only with a justification", () => {
    for (const preset of ["nist-aal1", "nist-aal2", "nist-aal3"]) {
      const optIn = { extends: preset, cookie: { persistent: "opt-in" } };
      expect(problemsOf({ extends: preset, cookie: { persistent: "bound-only" } })).toEqual([]);
      expect(pathsOf(optIn)).toEqual(["policy.cookie.persistent"]);
      expect(problemsOf({ ...optIn, justification: WHY })).toEqual([]);
    }
  });

  it("[LG-06] a retention shorter than the preset's needs a justification, a longer passes", () => {
    const pci = (retention: unknown) => ({ extends: "pci-dss-4", retention });
    expect(pathsOf(pci({ auditDays: 364 }))).toEqual(["policy.retention.auditDays"]);
    expect(pathsOf(pci({ hotDays: 89 }))).toEqual(["policy.retention.hotDays"]);
    expect(pathsOf(pci(null))).toEqual(["policy.retention.auditDays", "policy.retention.hotDays"]);
    expect(problemsOf(pci({ auditDays: 366, hotDays: 91 }))).toEqual([]);
    expect(pathsOf({ extends: "hipaa", retention: { auditDays: 2189 } })).toHaveLength(1);
  });

  it("refuses one-factor unlocking and single-factor re-authentication at AAL3 unjustified", () => {
    const aal3 = (given: object) => pathsOf({ extends: "nist-aal3", ...given });
    expect(aal3({ onIdle: "lock-one-factor" })).toEqual(["policy.onIdle"]);
    expect(aal3({ onIdle: "lock-all-factors" })).toEqual([]);
    expect(aal3({ reauthFactors: 1 })).toEqual(["policy.reauthFactors"]);
  });

  it("leaves a field free whose source names no ceiling", () => {
    expect(problemsOf({ extends: "nist-aal1", idleMs: 30 * DAY_MS })).toEqual([]);
    expect(problemsOf({ extends: "pci-dss-4", absoluteMs: 100 * DAY_MS })).toEqual([]);
  });
});

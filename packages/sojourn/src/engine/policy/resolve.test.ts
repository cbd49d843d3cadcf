import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { presetPolicy, resolvePolicy } from "./resolve.ts";
import type { PolicyInput } from "./resolve.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./span.ts";

/** Inputs from configuration files are not typed; these tests play such files. */
function problemsOf(input: unknown): readonly { path: string; message: string }[] {
  try {
    resolvePolicy(input as PolicyInput);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function pathsOf(input: unknown): string[] {
  return problemsOf(input).map(({ path }) => path);
}

describe("resolving a preset", () => {
  it("gives its values and the defaults of the fields it leaves out", () => {
    const { policy, preset } = resolvePolicy("saas");
    expect(preset).toBe("saas");
    expect(policy).toMatchObject({
      name: "saas",
      idleMs: 8 * HOUR_MS,
      absoluteMs: 7 * DAY_MS,
      transitMs: 5000,
      pendingMs: 600_000,
      remember: null,
      retention: null,
      onFork: "auto",
    });
  });

  it.each([undefined, null, 7, [], () => "saas", true])("refuses %s as a policy", (input) => {
    expect(pathsOf(input)).toEqual(["policy"]);
    expect(problemsOf(input)[0]?.message).toContain('"owasp-asvs-l2"');
  });

  it("suggests the nearest preset", () => {
    expect(problemsOf("owasp-asvs-2")[0]).toEqual({
      path: "policy",
      message: 'no preset has the name "owasp-asvs-2"; did you mean "owasp-asvs-l2"?',
    });
    expect(problemsOf("owasp")[0]?.message).toBe(
      'no preset has the name "owasp"; did you mean "owasp-asvs-l1" or "owasp-asvs-l2" or ' +
        '"owasp-asvs-l3"?',
    );
    expect(problemsOf({ extends: "sass" })[0]?.message).toContain('did you mean "saas"?');
    expect(problemsOf({ extends: "toString" })[0]?.path).toBe("policy.extends");
  });

  it("lists the presets where `extends` is missing or no name", () => {
    expect(problemsOf({ idleMs: HOUR_MS })[0]?.message).toMatch(/accepted: "owasp-asvs-l1", /);
    expect(pathsOf({ extends: 3 })).toEqual(["policy.extends"]);
  });
});

describe("resolving overrides", () => {
  it("replaces single fields, inside groups too, and leaves the rest", () => {
    const { policy } = resolvePolicy({
      extends: "saas",
      sudoMs: 0,
      cookie: { sameSite: "Strict" },
      concurrency: { max: 3 },
    });
    const saas = presetPolicy("saas").policy;
    expect(policy).toEqual({
      ...saas,
      name: "saas (adjusted)",
      sudoMs: 0,
      cookie: { ...saas.cookie, sameSite: "Strict" },
      concurrency: { max: 3, onLimit: "evict-oldest" },
    });
  });

  it("treats undefined as not given", () => {
    const input = { extends: "saas", idleMs: undefined, cookie: { prefix: undefined } };
    expect(resolvePolicy(input as unknown as PolicyInput).policy).toEqual(
      presetPolicy("saas").policy,
    );
  });

  it("takes a name, and refuses one that could be mistaken for a composition", () => {
    expect(resolvePolicy({ extends: "saas", name: "acme-web" }).policy.name).toBe("acme-web");
    expect(resolvePolicy({ extends: "saas", name: "a".repeat(64) }).policy.name).toHaveLength(64);
    for (const name of ["", "a+b", " a", "a".repeat(65), 7]) {
      expect(pathsOf({ extends: "saas", name })).toEqual(["policy.name"]);
    }
  });

  it("lists every problem at once, with path, what was given and what is accepted", () => {
    const problems = problemsOf({
      extends: "saas",
      idleMs: "30m",
      absolutMs: 1,
      onIdle: "logout",
      cookie: { sameSite: "lax", prefx: "__Host-" },
      concurrency: 5,
      retention: { auditDays: 1.5 },
      justification: "because",
    });
    expect(problems).toEqual([
      {
        path: "policy.idleMs",
        message:
          'given "30m"; accepted: whole milliseconds from 1000 to 34560000000 (400 days); ' +
          "in milliseconds that is 1800000",
      },
      {
        path: "policy.absolutMs",
        message: 'no field has the name "absolutMs"; did you mean "absoluteMs"?',
      },
      {
        path: "policy.onIdle",
        message: 'given "logout"; accepted: "end", "lock-all-factors", "lock-one-factor"',
      },
      {
        path: "policy.cookie.sameSite",
        message: 'given "lax"; accepted: "Strict", "Lax", "None"',
      },
      {
        path: "policy.cookie.prefx",
        message: 'no field has the name "prefx"; did you mean "prefix"?',
      },
      {
        path: "policy.concurrency",
        message: "given 5; accepted: an object with any of max, onLimit",
      },
      {
        path: "policy.retention.auditDays",
        message: "given 1.5; accepted: a whole number from 1 to 36500, or null (not asked for)",
      },
      {
        path: "policy.justification",
        message: 'given "because"; accepted: a text of 10 to 2000 characters',
      },
    ]);
  });

  it("points a field given outside its group to its place", () => {
    expect(problemsOf({ extends: "saas", keyBound: "required" })[0]?.message).toContain(
      'did you mean "refresh.keyBound"?',
    );
    expect(problemsOf({ extends: "saas", "refresh.idleMs": HOUR_MS })).toEqual([
      { path: "policy.refresh.idleMs", message: "write it as refresh: { idleMs: … }" },
    ]);
  });

  it("takes no field from the prototype, and names __proto__ as unknown", () => {
    const input = JSON.parse('{"extends":"saas","__proto__":{"idleMs":1}}') as unknown;
    expect(pathsOf(input)).toEqual(["policy.__proto__"]);
    expect(pathsOf({ extends: "saas", cookie: { toString: "x" } })).toEqual([
      "policy.cookie.toString",
    ]);
  });
});

describe("fields that hang on a changed one", () => {
  it("follow it down when they are not given themselves", () => {
    const { policy, origins } = resolvePolicy({ extends: "saas", absoluteMs: 2 * MINUTE_MS });
    expect(policy).toMatchObject({
      idleMs: 2 * MINUTE_MS,
      warnBeforeMs: MINUTE_MS,
      touchEveryMs: 30 * SECOND_MS,
      accessTtlMs: 2 * MINUTE_MS,
      pendingMs: 2 * MINUTE_MS,
      refresh: { idleMs: 2 * MINUTE_MS, absoluteMs: 2 * MINUTE_MS },
    });
    expect(origins).toMatchObject({
      absoluteMs: "override",
      idleMs: "follows absoluteMs",
      warnBeforeMs: "follows idleMs",
      "refresh.idleMs": "follows refresh.absoluteMs",
      transitMs: "default",
      sudoMs: "preset saas",
    });
  });

  it("stay where they are when they still fit, and never follow up", () => {
    const { policy } = resolvePolicy({ extends: "saas", idleMs: 24 * HOUR_MS });
    const saas = presetPolicy("saas").policy;
    expect(policy).toEqual({ ...saas, name: "saas (adjusted)", idleMs: 24 * HOUR_MS });
  });
});

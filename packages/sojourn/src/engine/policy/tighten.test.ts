import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { composePolicies } from "./compose.ts";
import { FIELDS, FIELD_PATHS, strictness } from "./fields.ts";
import { flatten } from "./policy.ts";
import { presetPolicy } from "./resolve.ts";
import type { PolicyInput } from "./resolve.ts";
import { isValid } from "./rules.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./span.ts";
import { COMBINATIONS_MAX, createPolicyBook } from "./tighten.ts";
import type { Tightening } from "./tighten.ts";

function problemsOf(
  tighten: unknown,
  policy: unknown = "saas",
): readonly { path: string; message: string }[] {
  try {
    createPolicyBook({ policy: policy as PolicyInput, tighten: tighten as Tightening });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const layer = (given: unknown) => problemsOf({ tenants: { acme: given } });

describe("a policy book", () => {
  it("answers the base itself where nothing is configured or nothing applies", () => {
    const bare = createPolicyBook({ policy: "saas" });
    expect(bare.policyFor({ tenant: "acme", client: "app", roles: ["admin"] })).toBe(bare.base);
    expect(bare.base).toEqual(presetPolicy("saas").policy);
    const some = createPolicyBook({ policy: "saas", tighten: { roles: { admin: { sudoMs: 0 } } } });
    expect(some.policyFor({ tenant: "acme", roles: ["reader"] })).toBe(some.base);
  });

  it("composes the stricter of every layer that applies", () => {
    const book = createPolicyBook({
      policy: "saas",
      tighten: {
        tenants: { acme: { idleMs: HOUR_MS, cookie: { sameSite: "Strict" } } },
        clients: { kiosk: { extends: "hipaa", idleMs: 5 * MINUTE_MS } },
        roles: { admin: "owasp-asvs-l3", audit: { sudoMs: 0 } },
      },
    });
    expect(book.policyFor({ tenant: "acme" })).toMatchObject({
      name: "saas+tenant acme",
      idleMs: HOUR_MS,
      absoluteMs: 7 * DAY_MS,
      cookie: { sameSite: "Strict" },
    });
    const everything = { tenant: "acme", client: "kiosk", roles: ["admin", "audit"] };
    const composed = book.policyFor(everything);
    expect(composed).toMatchObject({
      idleMs: 5 * MINUTE_MS,
      absoluteMs: 8 * HOUR_MS,
      sudoMs: 0,
      reauthFactors: 2,
      csrf: "fetch-metadata+token",
      retention: { auditDays: 2190, hotDays: null },
    });
    expect(isValid(flatten(composed))).toBe(true);
  });

  it("gives the identical policy for the same layers, in any order and however often", () => {
    const book = createPolicyBook({
      policy: "saas",
      tighten: { tenants: { t: { sudoMs: 5 } }, roles: { a: { sudoMs: 6 }, b: { sudoMs: 7 } } },
    });
    const once = book.policyFor({ tenant: "t", roles: ["a", "b"] });
    expect(book.policyFor({ tenant: "t", roles: ["b", "x", "a", "b"] })).toBe(once);
    expect(book.policyFor({ tenant: "t", roles: ["b"] })).not.toBe(once);
    expect(book.policyFor({ tenant: "t" })).toBe(book.policyFor({ tenant: "t", roles: [] }));
  });

  it("remembers a bounded number of combinations and still answers right beyond it", () => {
    const names = Array.from({ length: 12 }, (_, index) => `r${index}`);
    const roles = Object.fromEntries(names.map((name, index) => [name, { sudoMs: 60 + index }]));
    const book = createPolicyBook({ policy: "saas", tighten: { roles } });
    const ask = (bits: number) =>
      book.policyFor({ tenant: "t", roles: names.filter((_, index) => (bits >> index) & 1) });
    const several = Array.from({ length: 2 ** 12 }, (_, bits) => bits).filter(
      (bits) => (bits & (bits - 1)) !== 0,
    );
    expect(several.length).toBeGreaterThan(2 * COMBINATIONS_MAX);
    const [first, ...rest] = several.map(ask);
    const last = rest.slice(-COMBINATIONS_MAX);
    const lastBits = several.slice(-COMBINATIONS_MAX);
    expect(lastBits.every((bits, index) => ask(bits) === last[index])).toBe(true);
    const again = ask(several[0] ?? 0);
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });

  it("keeps layer names apart from the prototype's", () => {
    const book = createPolicyBook({ policy: "saas", tighten: { tenants: { t: { sudoMs: 0 } } } });
    expect(book.policyFor({ tenant: "constructor", client: "toString" })).toBe(book.base);
  });

  it("never loosens a field, whatever presets are laid over each other", () => {
    const names = fc.constantFrom(
      ...(["saas", "hipaa", "banking", "consumer", "nist-aal1"] as const),
    );
    fc.assert(
      fc.property(names, names, names, (base, tenant, role) => {
        const book = createPolicyBook({
          policy: base,
          tighten: { tenants: { t: tenant }, roles: { r: role } },
        });
        const policy = book.policyFor({ tenant: "t", roles: ["r"] });
        const strict = ["idleMs", "absoluteMs", "sudoMs", "csrf", "binding", "storeDown"] as const;
        for (const path of strict) {
          const given = [base, tenant, role].map(
            (name) => flatten(presetPolicy(name).policy)[path],
          );
          const strictest = Math.min(...given.map((value) => strictness(path, value)));
          expect(strictness(path, flatten(policy)[path])).toBe(strictest);
        }
        const layers = [tenant, role].map((name) => presetPolicy(name).policy);
        expect(policy).toEqual(composePolicies(book.base, ...layers));
      }),
    );
  });
});

describe("a layer", () => {
  it("may give the base's value and anything stricter, and nothing looser by 1 ms", () => {
    expect(layer({ idleMs: 8 * HOUR_MS })).toEqual([]);
    expect(layer({ idleMs: 8 * HOUR_MS - 1 })).toEqual([]);
    expect(layer({ idleMs: 8 * HOUR_MS + 1 })).toEqual([
      {
        path: "tighten.tenants.acme.idleMs",
        message:
          "given 28800001 ms (8 hours 1 millisecond), looser than the base policy's " +
          "28800000 ms (8 hours); a layer may only tighten",
      },
    ]);
  });

  it.each(FIELD_PATHS.filter((path) => FIELDS[path].kind === "choice"))(
    "may choose for %s what is as strict as the base or stricter",
    (path) => {
      const field = FIELDS[path];
      if (field.kind !== "choice") throw new Error("not a choice");
      const base = flatten(presetPolicy("saas").policy)[path];
      const [group = "", name] = path.split(".");
      for (const value of field.strictestFirst) {
        const given = name === undefined ? { [path]: value } : { [group]: { [name]: value } };
        const looser = strictness(path, value as typeof base) > strictness(path, base);
        expect(layer(given).map((problem) => problem.path)).toEqual(
          looser ? [`tighten.tenants.acme.${path}`] : [],
        );
      }
    },
  );

  it("may not lift a limit, remember sessions, or shorten the warning", () => {
    const given = {
      concurrency: { max: null },
      remember: { idleMs: 8 * HOUR_MS, absoluteMs: 7 * DAY_MS },
      warnBeforeMs: 1000,
    };
    expect(layer(given).map(({ path }) => path)).toEqual([
      "tighten.tenants.acme.concurrency.max",
      "tighten.tenants.acme.remember.idleMs",
      "tighten.tenants.acme.remember.absoluteMs",
      "tighten.tenants.acme.warnBeforeMs",
    ]);
  });

  it("with a smaller limit chooses freely how it is enforced", () => {
    expect(layer({ concurrency: { max: 9, onLimit: "evict-idle" } })).toEqual([]);
    expect(layer({ concurrency: { max: 10, onLimit: "evict-idle" } })).toHaveLength(1);
    expect(layer({ concurrency: { onLimit: "reject" } })).toEqual([]);
  });

  it("may widen grace and transit, which are no security caps, but not narrow them", () => {
    expect(layer({ rotateGraceMs: 20_001, transitMs: 5001 })).toEqual([]);
    const [grace, transit] = layer({ rotateGraceMs: 19_999, transitMs: 4999 });
    expect(grace?.message).toContain("of the two the larger applies");
    expect(transit?.path).toBe("tighten.tenants.acme.transitMs");
  });

  it("is told when a value would have no effect beside the base", () => {
    const [problem] = layer({ extends: "consumer", concurrency: { onLimit: "reject" } });
    expect(problem).toEqual({
      path: "tighten.tenants.acme.concurrency.onLimit",
      message:
        'given "reject", but beside the base policy it comes to "evict-oldest"; ' +
        "give that or leave it out",
    });
  });

  it("is held to the base only where it says something itself, not where its preset does", () => {
    expect(problemsOf({ tenants: { acme: "consumer" } }, "banking")).toEqual([]);
    const written = { extends: "consumer", absoluteMs: 2 * HOUR_MS };
    expect(problemsOf({ tenants: { acme: written } }, "banking")[0]?.message).toContain(
      "looser than the base policy's 3600000 ms (1 hour)",
    );
  });

  it("may stay above a cap that the base was justified to pass, and is not asked again", () => {
    const base = {
      extends: "owasp-asvs-l2",
      idleMs: HOUR_MS,
      justification: "board says so, 7/26",
    };
    expect(problemsOf({ roles: { admin: { idleMs: 45 * MINUTE_MS } } }, base)).toEqual([]);
  });

  it("keeps the caps of a preset of its own", () => {
    const [problem] = problemsOf({ tenants: { acme: { extends: "banking", idleMs: HOUR_MS } } });
    expect(problem?.message).toContain("looser than the cap of banking");
  });

  it("keeps the rules between fields", () => {
    const [problem] = layer({ rotateEveryMs: 30_000 });
    expect(problem?.path).toBe("tighten.tenants.acme.rotateEveryMs");
    expect(layer({ rotateEveryMs: 30_001 })).toEqual([]);
  });

  it("that only shortens the idle life takes warning and touches along", () => {
    const book = createPolicyBook({
      policy: "saas",
      tighten: { clients: { tv: { idleMs: 60_000 } } },
    });
    expect(book.policyFor({ tenant: "t", client: "tv" })).toMatchObject({
      idleMs: 60_000,
      warnBeforeMs: 30_000,
      touchEveryMs: 15_000,
    });
  });
});

describe("a wrong tightening", () => {
  it("that would not even compose is still a problem of the configuration, no bug", () => {
    expect(layer({ idleMs: 4000, touchEveryMs: 1001 }).map(({ path }) => path)).toEqual([
      "tighten.tenants.acme.touchEveryMs",
    ]);
  });

  it("is compared with the base even where it breaks other rules", () => {
    const broken = { sudoMs: -1, absoluteMs: 8 * DAY_MS, rotateEveryMs: 30_000 };
    expect(layer(broken).map(({ path }) => path.replace("tighten.tenants.acme.", ""))).toEqual([
      "sudoMs",
      "rotateEveryMs",
      "absoluteMs",
    ]);
  });

  it("is listed whole: the base, every layer, every field", () => {
    const tighten = {
      tenants: { "acme.com": { idleMs: 0, colour: "red" }, globex: "sass" },
      clients: { app: 7 },
      rolls: { admin: {} },
      roles: [],
    };
    expect(problemsOf(tighten, { extends: "saas", sudoMs: -1 }).map(({ path }) => path)).toEqual([
      "policy.sudoMs",
      'tighten.tenants["acme.com"].idleMs',
      'tighten.tenants["acme.com"].colour',
      "tighten.tenants.globex",
      "tighten.clients.app",
      "tighten.rolls",
      "tighten.roles",
    ]);
  });

  it("with two looser layers names both and the base's value in each", () => {
    const problems = problemsOf({
      tenants: { a: { absoluteMs: 8 * DAY_MS } },
      roles: { b: { sudoMs: HOUR_MS } },
    });
    expect(problems.map(({ message }) => message.split(", ")[1])).toEqual([
      "looser than the base policy's 604800000 ms (7 days); a layer may only tighten",
      "looser than the base policy's 900000 ms (15 minutes); a layer may only tighten",
    ]);
  });

  it.each([null, 5, "tenants", []])("that is %j is refused by its shape", (tighten) => {
    expect(problemsOf(tighten)).toHaveLength(1);
    expect(problemsOf(tighten)[0]?.path).toBe("tighten");
  });

  it("suggests the kind of layer that was meant", () => {
    expect(problemsOf({ tenant: {} })[0]?.message).toContain('did you mean "tenants"?');
  });
});

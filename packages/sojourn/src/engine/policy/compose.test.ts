import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composePolicies } from "./compose.ts";
import { FIELDS, FIELD_PATHS, strictness } from "./fields.ts";
import { flatten, inflate } from "./policy.ts";
import type { FieldPath, FieldValue, FlatPolicy, Policy } from "./policy.ts";
import { PRESET_NAMES } from "./presets.ts";
import { presetPolicy, resolvePolicy } from "./resolve.ts";
import { isValid } from "./rules.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS, SPAN_MAX_MS } from "./span.ts";

const preset = (name: (typeof PRESET_NAMES)[number]): Policy => presetPolicy(name).policy;

function amount(min: number, max: number): fc.Arbitrary<number> {
  // Ends often: equal and touching values are where composing goes wrong.
  return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
}

/** Choices and amounts that no rule ties together. */
const free = fc.record(
  Object.fromEntries(
    FIELD_PATHS.flatMap((path): [FieldPath, fc.Arbitrary<FieldValue>][] => {
      const field = FIELDS[path];
      if (field.kind === "choice") {
        return [[path, fc.constantFrom(...field.strictestFirst) as fc.Arbitrary<FieldValue>]];
      }
      if (field.kind !== "count") return [];
      const some = amount(field.min, Math.min(field.max, 20));
      return [[path, field.none === undefined ? some : fc.option(some)]];
    }),
  ),
);

/** Valid policies whose spans stand as close to each other as the rules allow. */
const spans = fc
  .record({ absoluteMs: amount(1000, 20_000), transitMs: amount(1, 50) })
  .chain(({ absoluteMs, transitMs }) =>
    fc.record({
      absoluteMs: fc.constant(absoluteMs),
      transitMs: fc.constant(transitMs),
      idleMs: amount(1000, absoluteMs),
      rotateGraceMs: amount(2 * transitMs, 150),
      accessTtlMs: amount(1, absoluteMs),
      pendingMs: amount(1000, absoluteMs),
      sudoMs: amount(0, 30),
      boundTokenTtlMs: amount(300_000, 300_010),
      rememberAbsolute: fc.option(amount(absoluteMs, 30_000)),
    }),
  )
  .chain(({ rememberAbsolute, ...v }) =>
    fc.record({
      ...Object.fromEntries(Object.entries(v).map(([key, value]) => [key, fc.constant(value)])),
      warnBeforeMs: amount(1, v.idleMs - 1),
      touchEveryMs: amount(1, Math.floor(v.idleMs / 4)),
      rotateEveryMs: amount(v.rotateGraceMs + 2 * v.transitMs + 1, 400),
      "remember.absoluteMs": fc.constant(rememberAbsolute),
      "remember.idleMs":
        rememberAbsolute === null ? fc.constant(null) : amount(v.idleMs, rememberAbsolute),
      "refresh.absoluteMs": amount(1000, rememberAbsolute ?? v.absoluteMs),
    }),
  )
  .chain((v) =>
    fc.record({
      ...Object.fromEntries(Object.entries(v).map(([key, value]) => [key, fc.constant(value)])),
      "refresh.idleMs": amount(1000, v["refresh.absoluteMs"]),
    }),
  );

const retention = fc.option(
  fc
    .integer({ min: 1, max: 9 })
    .chain((auditDays) =>
      fc.record({ auditDays: fc.constant(auditDays), hotDays: fc.option(amount(1, auditDays)) }),
    ),
);

const generated: fc.Arbitrary<Policy> = fc
  .tuple(free, spans, retention, fc.constantFrom("a", "b", "a+c"))
  .map(([choices, times, kept, name]) => {
    const flat = {
      ...choices,
      ...times,
      "retention.auditDays": kept?.auditDays ?? null,
      "retention.hotDays": kept?.hotDays ?? null,
    } as unknown as FlatPolicy;
    const forgets = flat["cookie.persistent"] === "never" && flat["remember.idleMs"] !== null;
    const cookie = forgets ? ({ "cookie.persistent": "bound-only" } as const) : {};
    return inflate({ ...flat, ...cookie }, name, { "revision3.force": name });
  });

const policies = fc.oneof(
  { weight: 4, arbitrary: generated },
  { weight: 1, arbitrary: fc.constantFrom(...PRESET_NAMES.map(preset)) },
);

const runs = { numRuns: 1500 };

describe("composePolicies", () => {
  it("is tested with valid policies", () => {
    fc.assert(
      fc.property(policies, (policy) => isValid(flatten(policy))),
      runs,
    );
  });

  it("always gives a valid policy", () => {
    fc.assert(
      fc.property(policies, policies, (a, b) => isValid(flatten(composePolicies(a, b)))),
      runs,
    );
  });

  it("is commutative", () => {
    fc.assert(
      fc.property(policies, policies, (a, b) => {
        expect(composePolicies(a, b)).toEqual(composePolicies(b, a));
      }),
      runs,
    );
  });

  it("is associative", () => {
    fc.assert(
      fc.property(policies, policies, policies, (a, b, c) => {
        const left = composePolicies(composePolicies(a, b), c);
        expect(left).toEqual(composePolicies(a, composePolicies(b, c)));
        expect(left).toEqual(composePolicies(a, b, c));
      }),
      runs,
    );
  });

  it("is idempotent", () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const copy = inflate(flatten(policy), policy.name, policy.notes);
        expect(composePolicies(policy, copy)).toEqual(policy);
      }),
      runs,
    );
  });

  it("is never looser than either, in any field that security hangs on", () => {
    const waived = new Set(["concurrency.onLimit", "warnBeforeMs", "rotateEveryMs"]);
    const compared = FIELD_PATHS.filter((path) => !waived.has(path));
    fc.assert(
      fc.property(policies, policies, (a, b) => {
        const composed = flatten(composePolicies(a, b));
        for (const path of compared) {
          const bound = Math.min(...[a, b].map((one) => strictness(path, flatten(one)[path])));
          expect(strictness(path, composed[path]), path).toBeLessThanOrEqual(bound);
        }
      }),
      runs,
    );
  });

  it("takes the stricter of each field of two presets", () => {
    const composed = composePolicies(preset("saas"), preset("owasp-asvs-l3"));
    const l3 = preset("owasp-asvs-l3");
    expect(composed).toEqual({
      ...l3,
      name: "owasp-asvs-l3+saas",
      warnBeforeMs: 5 * MINUTE_MS,
      rotateGraceMs: 20 * SECOND_MS,
    });
  });

  it("lets a long warning take at most half of a short idle life", () => {
    const composed = composePolicies(preset("saas"), preset("banking"));
    expect(composed.idleMs).toBe(5 * MINUTE_MS);
    expect(composed.warnBeforeMs).toBe(2.5 * MINUTE_MS);
  });

  it("keeps a warning over half of the idle life where that very policy asked for it", () => {
    const nagging = resolvePolicy({ extends: "banking", warnBeforeMs: 4 * MINUTE_MS }).policy;
    expect(composePolicies(preset("saas"), nagging).warnBeforeMs).toBe(4 * MINUTE_MS);
  });

  it("keeps touches within a quarter of the shorter idle life", () => {
    const short = resolvePolicy({ extends: "saas", idleMs: 8000, touchEveryMs: 2000 }).policy;
    expect(composePolicies(preset("consumer"), short).touchEveryMs).toBe(2000);
    const eager = resolvePolicy({ extends: "saas", touchEveryMs: 1000 }).policy;
    expect(composePolicies(preset("consumer"), eager).touchEveryMs).toBe(1000);
  });

  it("lifts the rotation span just over a larger grace and transit", () => {
    const eager = resolvePolicy({ extends: "banking", rotateEveryMs: 21 * SECOND_MS }).policy;
    const patient = resolvePolicy({ extends: "consumer", transitMs: 15 * SECOND_MS }).policy;
    expect(composePolicies(eager, patient)).toMatchObject({
      rotateGraceMs: 30_000,
      transitMs: 15_000,
      rotateEveryMs: 60_001,
    });
  });

  it("takes the way of the smaller limit; of equal limits the stricter way", () => {
    const limited = (max: number | null, onLimit: Policy["concurrency"]["onLimit"]) =>
      resolvePolicy({ extends: "saas", concurrency: { max, onLimit } }).policy;
    const both = (a: Policy, b: Policy) => composePolicies(a, b).concurrency;
    expect(both(limited(5, "evict-idle"), limited(10, "reject"))).toEqual({
      max: 5,
      onLimit: "evict-idle",
    });
    expect(both(limited(null, "reject"), limited(10, "evict-idle"))).toEqual({
      max: 10,
      onLimit: "evict-idle",
    });
    expect(both(limited(5, "evict-idle"), limited(5, "ask"))).toEqual({ max: 5, onLimit: "ask" });
    expect(both(limited(null, "evict-oldest"), limited(null, "ask"))).toEqual({
      max: null,
      onLimit: "ask",
    });
  });

  it("forgets where one of both does not remember or keeps no lasting cookie", () => {
    const remember = { idleMs: 8 * HOUR_MS, absoluteMs: 30 * 24 * HOUR_MS };
    const refresh = { absoluteMs: 20 * 24 * HOUR_MS };
    const remembering = resolvePolicy({ extends: "saas", remember, refresh }).policy;
    expect(composePolicies(remembering, preset("saas")).remember).toBeNull();
    const shut = inflate({ ...flatten(remembering), "cookie.persistent": "never" }, "shut", {});
    const composed = composePolicies(remembering, shut);
    expect(composed.remember).toBeNull();
    expect(composed.refresh.absoluteMs).toBe(composed.absoluteMs);
  });

  it("keeps the longer retention, and the notes of both", () => {
    const composed = composePolicies(preset("pci-dss-4"), preset("hipaa"), preset("banking"));
    expect(composed.retention).toEqual({ auditDays: 2190, hotDays: 90 });
    expect(composed.notes).toMatchObject({
      perTransactionAuth: true,
      "concurrency.per": "channel",
    });
    const revisions = composePolicies(preset("nist-aal1"), preset("nist-aal3")).notes;
    expect(revisions["revision3.absoluteMs"]).toBe(12 * HOUR_MS);
  });

  it("returns a single policy as it is", () => {
    const policy = preset("saas");
    expect(composePolicies(policy)).toBe(policy);
    expect(composePolicies(policy, policy)).toBe(policy);
    expect(policy.absoluteMs).toBeLessThan(SPAN_MAX_MS);
  });
});

import { describe, expect, it } from "vitest";
import { flatten, inflate, limitsFor } from "./policy.ts";
import { PRESET_NAMES } from "./presets.ts";
import { presetPolicy, resolvePolicy } from "./resolve.ts";
import { DAY_MS } from "./span.ts";

describe("flatten and inflate", () => {
  it.each(PRESET_NAMES)("are each other's inverse for %s", (name) => {
    const { policy } = presetPolicy(name);
    expect(inflate(flatten(policy), policy.name, policy.notes)).toEqual(policy);
  });

  it("gives a policy that cannot be changed, at any depth", () => {
    const { policy } = resolvePolicy({
      extends: "pci-dss-4",
      cookie: { persistent: "opt-in" },
      remember: { idleMs: 900_000, absoluteMs: 28_800_000 },
    });
    const groups = [policy.refresh, policy.remember, policy.concurrency, policy.cookie];
    for (const part of [policy, ...groups, policy.retention, policy.notes]) {
      expect(part).not.toBeNull();
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe("limitsFor", () => {
  const remember = { idleMs: 20 * DAY_MS, absoluteMs: 25 * DAY_MS };
  const plain = { idleMs: 7 * DAY_MS, absoluteMs: 10 * DAY_MS };
  const asked = { extends: "nist-aal1", ...plain, remember } as const;
  const optIn = {
    ...asked,
    cookie: { persistent: "opt-in" },
    justification: "remembering is accepted risk R-7",
  } as const;

  it("gives the remembered limits only to who asks for them", () => {
    const { policy } = resolvePolicy(optIn);
    expect(limitsFor(policy, { remember: true, bound: false })).toEqual(remember);
    expect(limitsFor(policy, { remember: false, bound: true })).toBe(policy);
  });

  it("gives the plain limits where the policy remembers nobody", () => {
    const { policy } = presetPolicy("saas");
    expect(limitsFor(policy, { remember: true, bound: true })).toBe(policy);
  });

  it("[DB-13] lets a device-bound session live longer where only those may persist", () => {
    const { policy } = resolvePolicy(asked);
    expect(policy.cookie.persistent).toBe("bound-only");
    expect(limitsFor(policy, { remember: true, bound: true })).toEqual(remember);
    expect(limitsFor(policy, { remember: true, bound: false })).toBe(policy);
  });

  it("[DB-13] holds the longer life of a bound session to the overall cap", () => {
    const tooLong = { ...remember, absoluteMs: 30 * DAY_MS + 1 };
    expect(() => resolvePolicy({ ...asked, remember: tooLong })).toThrow(
      /remember\.absoluteMs: given .*, looser than the cap of nist-aal1, 30 days/,
    );
  });
});

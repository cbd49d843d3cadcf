import { createPolicyBook } from "sojourn";
import type { PolicyBook } from "sojourn";
import { describe, expect, it } from "vitest";
import { policyProblems, tenantPolicyBook } from "./tenant-policies.ts";
import type { Configured } from "./tenant-policies.ts";
import { NO_QUOTAS, unwritten } from "./tenant.ts";
import type { Tenant } from "./tenant.ts";

const MINUTE_MS = 60_000;
const saas: Configured = { policy: "saas", tighten: {} };

function bookOver(configured: Configured, tenant: Partial<Tenant>): PolicyBook {
  const known = { ...unwritten("acme"), ...tenant };
  const book = createPolicyBook(configured);
  return tenantPolicyBook(book, configured, (id) => (id === "acme" ? known : undefined));
}

describe("policies of tenants", () => {
  it("tighten the configured one for their tenant alone, and are made once", () => {
    const book = bookOver(saas, { policy: { idleMs: 5 * MINUTE_MS } });
    const policy = book.policyFor({ tenant: "acme" });
    expect(policy.idleMs).toBe(5 * MINUTE_MS);
    expect(book.policyFor({ tenant: "acme" })).toBe(policy);
    expect(book.policyFor({ tenant: "other" })).toBe(book.base);
    expect(bookOver(saas, {}).policyFor({ tenant: "acme" })).toEqual(book.base);
    const explained = JSON.stringify(book.explainFor({ tenant: "acme" }));
    expect(explained).toContain("tenant acme");
  });

  it("hold beside what the configuration says of clients, roles and the same tenant", () => {
    const tighten = {
      tenants: { acme: { idleMs: 10 * MINUTE_MS, absoluteMs: 60 * MINUTE_MS } },
      roles: { admin: { sudoMs: 0 } },
    };
    const configured: Configured = { policy: "saas", tighten };
    const who = { tenant: "acme", roles: ["admin"] };
    const book = bookOver(configured, { policy: { idleMs: 5 * MINUTE_MS } });
    const { idleMs, absoluteMs, sudoMs } = book.policyFor(who);
    expect([idleMs, absoluteMs, sudoMs]).toEqual([5 * MINUTE_MS, 60 * MINUTE_MS, 0]);
    expect(book.policyFor(who)).toBe(book.policyFor(who));
    const roles = bookOver(
      { policy: "saas", tighten: { roles: tighten.roles } },
      { policy: "banking" },
    );
    const strict = createPolicyBook({ policy: "banking" }).base;
    expect(roles.policyFor(who).idleMs).toBe(strict.idleMs);
    expect(roles.policyFor(who).sudoMs).toBe(0);
  });

  it("never loosen, also when the configured one became the stricter after they were written", () => {
    const policy = { idleMs: 20 * MINUTE_MS, sudoMs: 0 };
    const configured: Configured = {
      policy: { extends: "saas", idleMs: 10 * MINUTE_MS },
      tighten: {},
    };
    const book = bookOver(configured, { policy });
    const { idleMs, sudoMs } = book.policyFor({ tenant: "acme" });
    expect([idleMs, sudoMs]).toEqual([10 * MINUTE_MS, 0]);
    expect(policyProblems("acme", policy, saas)).toEqual([]);
    const [problem] = policyProblems("acme", policy, configured);
    expect(problem?.path).toBe("policy.idleMs");
    expect(problem?.message).toContain("looser");
    const [dotted] = policyProblems("a.b", { absoluteMs: 9e12 }, configured);
    expect(dotted?.path).toBe("policy.absoluteMs");
  });

  it("take the quota of a subject's sessions as a limit that refuses, unless theirs is less", () => {
    const limits = (sessionsPerSubject: number, policy?: Tenant["policy"]) =>
      bookOver(saas, {
        quotas: { ...NO_QUOTAS, sessionsPerSubject },
        ...(policy === undefined ? {} : { policy }),
      }).policyFor({ tenant: "acme" }).concurrency;
    expect(limits(2)).toEqual({ max: 2, onLimit: "reject" });
    const evicting = { concurrency: { max: 1, onLimit: "evict-oldest" as const } };
    expect(limits(2, evicting)).toEqual(evicting.concurrency);
    const more = { concurrency: { max: 3, onLimit: "evict-oldest" as const } };
    expect(limits(2, more)).toEqual({ max: 2, onLimit: "reject" });
    expect(limits(1, "banking")).toEqual({ max: 1, onLimit: expect.anything() });
  });
});

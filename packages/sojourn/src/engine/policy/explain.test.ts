import { describe, expect, it } from "vitest";
import { explainPolicy, formatExplain } from "./explain.ts";
import type { Explanation } from "./explain.ts";
import { FIELDS, FIELD_PATHS } from "./fields.ts";
import { PRESET_NAMES } from "./presets.ts";
import { presetPolicy, resolvePolicy } from "./resolve.ts";
import { HOUR_MS } from "./span.ts";
import { createPolicyBook } from "./tighten.ts";

const WHY = "call centre agents read long files; accepted as R-12";

function field(explanation: Explanation, name: string) {
  return explanation.fields.find((one) => one.field === name);
}

/** Dotted paths of everything a policy object really carries, `notes` and `name` aside. */
function leaves(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (prefix === "" && (key === "name" || key === "notes")) return [];
    const path = prefix + key;
    return typeof inner === "object" && inner !== null ? leaves(inner, `${path}.`) : [path];
  });
}

describe("the report of a preset", () => {
  it.each(PRESET_NAMES)("[TO-11] of %s is the reviewed one", async (name) => {
    const report = formatExplain(explainPolicy(presetPolicy(name)));
    await expect(report).toMatchFileSnapshot(`fixtures/explain/${name}.txt`);
  });

  it("[TO-11] has a line for every field that a policy carries", () => {
    const remember = { idleMs: 8 * HOUR_MS, absoluteMs: 7 * 24 * HOUR_MS };
    const retention = { auditDays: 30, hotDays: 3 };
    const { policy } = resolvePolicy({ extends: "saas", remember, retention });
    expect(leaves(policy).toSorted()).toEqual(FIELD_PATHS.toSorted());
    const explained = explainPolicy(presetPolicy("saas")).fields.map((one) => one.field);
    expect(explained).toEqual(FIELD_PATHS);
  });

  it.each(FIELD_PATHS)("[TO-11] documents %s: a sentence, and the clause it answers to", (path) => {
    expect(FIELDS[path].means).toMatch(/^[A-Z].{15,}\.$/);
    expect(FIELDS[path].clause.length).toBeGreaterThan(5);
  });

  it("[TO-11] says every note of every preset", () => {
    for (const name of PRESET_NAMES) {
      const explanation = explainPolicy(presetPolicy(name));
      const said = explanation.fields.map((one) => one.note ?? "").join("\n");
      const notes = Object.keys(presetPolicy(name).policy.notes);
      // The force of a revision is said in brackets behind its numbers.
      const single = notes.filter((key) => key !== "revision3.force").length;
      expect(said.split(/[\n;]/).filter((text) => text.trim() !== "")).toHaveLength(single);
    }
  });
});

describe("an explanation", () => {
  it("[TO-11] shows a value beyond its cap with the cap, its source and the justification", () => {
    const resolved = resolvePolicy({
      extends: "owasp-asvs-l2",
      idleMs: HOUR_MS,
      sudoMs: 60_000,
      justification: WHY,
    });
    const explanation = explainPolicy(resolved);
    expect(explanation.justification).toBe(WHY);
    expect(field(explanation, "idleMs")).toMatchObject({
      value: HOUR_MS,
      human: "1 hour",
      from: "override",
      cap: "30 minutes",
      capSource: "ASVS 4.0.3 3.3.2 L2: 12 h or 30 min",
      justification: WHY,
    });
    expect(field(explanation, "sudoMs")).not.toHaveProperty("justification");
    expect(field(explanation, "absoluteMs")).not.toHaveProperty("justification");
    const report = formatExplain(explanation);
    expect(report).toContain(`Justification: ${WHY}`);
    expect(report).toContain("Looser than 30 minutes (ASVS 4.0.3 3.3.2 L2: 12 h or 30 min).");
    expect(report).toContain(`Justified: ${WHY}`);
  });

  it("says where each value comes from", () => {
    const explanation = explainPolicy(resolvePolicy({ extends: "saas", idleMs: 60_000 }));
    expect(field(explanation, "idleMs")?.from).toBe("override");
    expect(field(explanation, "warnBeforeMs")?.from).toBe("follows idleMs");
    expect(field(explanation, "sudoMs")?.from).toBe("preset saas");
    expect(field(explanation, "onFork")?.from).toBe("default");
    expect(field(explanation, "retention.auditDays")?.from).toBe("default");
  });

  it("of a composed policy names the layer that won, and every source", () => {
    const book = createPolicyBook({
      policy: "saas",
      tighten: {
        tenants: { acme: { idleMs: HOUR_MS, justification: "contract, section 4.2" } },
        roles: { admin: { extends: "banking", sudoMs: 0 } },
      },
    });
    const explanation = book.explainFor({ tenant: "acme", roles: ["admin"] });
    expect(explanation.name).toBe("banking+saas+tenant acme");
    expect(explanation.sources.map(({ preset }) => preset)).toEqual(["saas", "banking"]);
    expect(explanation.justification).toBe("tenant acme: contract, section 4.2");
    expect(field(explanation, "idleMs")?.from).toBe("role admin: preset banking");
    expect(field(explanation, "rotateGraceMs")?.from).toBe("preset saas");
    const tenant = book.explainFor({ tenant: "acme" });
    expect(field(tenant, "idleMs")?.from).toBe("tenant acme");
    expect(field(tenant, "absoluteMs")?.from).toBe("preset saas");
    expect(book.explainFor({ tenant: "other" })).toEqual(explainPolicy(presetPolicy("saas")));
  });

  it("says composed where a value is no layer's own", () => {
    const book = createPolicyBook({ policy: "saas", tighten: { tenants: { t: "banking" } } });
    expect(field(book.explainFor({ tenant: "t" }), "warnBeforeMs")).toMatchObject({
      human: "2 minutes 30 seconds",
      from: "composed",
    });
  });
});

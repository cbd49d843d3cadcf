import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { capOf, exceedsCap } from "./caps.ts";
import { FIELDS, FIELD_PATHS, isFieldPath } from "./fields.ts";
import { flatten } from "./policy.ts";
import { PRESETS, PRESET_NAMES, isPresetName } from "./presets.ts";
import { presetPolicy } from "./resolve.ts";
import { isValid } from "./rules.ts";

interface Fixture {
  presets: Record<string, Record<string, unknown>>;
  stricter: { smaller: string[]; larger: string[]; orders: Record<string, string[] | string> };
}

const fixture = JSON.parse(
  readFileSync(new URL("./fixtures/presets.json", import.meta.url), "utf8"),
) as Fixture;

describe("presets", () => {
  it("are exactly the published ones", () => {
    expect(PRESETS).toEqual(fixture.presets);
  });

  it("are ordered as published", () => {
    expect(PRESET_NAMES).toEqual(Object.keys(fixture.presets));
  });

  it("cannot be changed, at any depth", () => {
    expect(Object.isFrozen(PRESETS)).toBe(true);
    expect(Object.isFrozen(PRESETS.saas.idleMs)).toBe(true);
    expect(Object.isFrozen(PRESETS["nist-aal1"].revision3)).toBe(true);
  });

  it("know no name of the prototype", () => {
    expect(["toString", "__proto__", "constructor", "SAAS", ""].filter(isPresetName)).toEqual([]);
  });

  it.each(PRESET_NAMES)("%s keeps every rule and every cap of its own", (name) => {
    const flat = flatten(presetPolicy(name).policy);
    expect(isValid(flat)).toBe(true);
    expect(FIELD_PATHS.filter((path) => exceedsCap(name, path, flat[path]))).toEqual([]);
  });

  it("[CK-08] NIST presets persist no cookie, or only that of a device-bound session", () => {
    const nist = PRESET_NAMES.filter((name) => name.startsWith("nist-"));
    const persistent = nist.map((name) => presetPolicy(name).policy.cookie.persistent);
    expect(persistent).toEqual(["bound-only", "bound-only", "never"]);
    expect(nist.map((name) => capOf(name, "cookie.persistent")?.value)).toEqual(
      nist.map(() => "bound-only"),
    );
  });

  it("[LG-06] PCI keeps the audit log 12 months, 3 of them hot; HIPAA keeps it 6 years", () => {
    expect(presetPolicy("pci-dss-4").policy.retention).toEqual({ auditDays: 365, hotDays: 90 });
    expect(presetPolicy("hipaa").policy.retention).toEqual({ auditDays: 2190, hotDays: null });
    expect(capOf("pci-dss-4", "retention.auditDays")?.value).toBe(365);
    expect(capOf("hipaa", "retention.auditDays")?.value).toBe(2190);
    expect(presetPolicy("saas").policy.retention).toBeNull();
  });

  it("keep what they say beyond the fields as notes", () => {
    expect(presetPolicy("banking").policy.notes).toEqual({
      "concurrency.per": "channel",
      "concurrency.notify": true,
      perTransactionAuth: true,
    });
    expect(presetPolicy("nist-aal1").policy.notes).toEqual({ "revision3.absoluteMs": 2592000000 });
  });
});

describe("the order of strictness", () => {
  const published = Object.entries(fixture.stricter.orders).flatMap(([path, order]) =>
    Array.isArray(order) ? [[path, order] as const] : [],
  );

  it.each(published)("%s is the published one", (path, order) => {
    expect(isFieldPath(path) && FIELDS[path]).toMatchObject({ strictestFirst: order });
  });

  it("of the way a limit is enforced is the published one", () => {
    expect(fixture.stricter.orders["concurrency.onLimit"]).toContain(
      "reject, ask, evict-oldest, evict-idle",
    );
    expect(FIELDS["concurrency.onLimit"]).toMatchObject({
      strictestFirst: ["reject", "ask", "evict-oldest", "evict-idle"],
    });
  });

  it("of what a fork does puts auto between revoking and stepping up", () => {
    const strictestFirst = ["revoke", "auto", "step-up", "alert"];
    expect(FIELDS.onFork).toMatchObject({ strictestFirst });
  });

  it.each(["smaller", "larger"] as const)("agrees on which amounts are the %s", (stricter) => {
    for (const name of fixture.stricter[stricter]) {
      const paths = FIELD_PATHS.filter((path) => path === name || path.startsWith(`${name}.`));
      expect(paths.length, name).toBeGreaterThan(0);
      for (const path of paths) expect(FIELDS[path], path).toMatchObject({ stricter });
    }
  });
});

/** Caps: how loose a preset's source lets a field be. Beyond one, a value needs a justification. */
import { strictness } from "./fields.ts";
import type { FieldPath, FieldValue } from "./policy.ts";
import { PRESETS } from "./presets.ts";
import type { PresetName } from "./presets.ts";

export interface Cap {
  readonly value: FieldValue;
  readonly source: string;
}

/** Fields that carry an idle or absolute life are held to the preset's idle or absolute cap. */
const SPAN_CAP: Partial<Record<FieldPath, "idleMs" | "absoluteMs">> = {
  idleMs: "idleMs",
  absoluteMs: "absoluteMs",
  "refresh.idleMs": "idleMs",
  "refresh.absoluteMs": "absoluteMs",
  "remember.idleMs": "idleMs",
  "remember.absoluteMs": "absoluteMs",
};

type CapTable = Partial<Record<FieldPath, Cap>>;

const NIST_PERSISTENT: Cap = {
  value: "bound-only",
  source: "SP 800-63B-4 5.1: bearer session cookies do not persist, bound ones may",
};

/** Ceilings the standards name beside the spans. */
const OTHER_CAPS: Partial<Record<PresetName, CapTable>> = {
  "nist-aal1": { "cookie.persistent": NIST_PERSISTENT },
  "nist-aal2": { "cookie.persistent": NIST_PERSISTENT },
  "nist-aal3": {
    "cookie.persistent": NIST_PERSISTENT,
    onIdle: { value: "lock-all-factors", source: "SP 800-63B-4 2.3.3: both factors again" },
    reauthFactors: { value: 2, source: "SP 800-63B-4 2.3.3: both factors again" },
  },
  "pci-dss-4": {
    "retention.auditDays": { value: 365, source: "PCI DSS 4 10.5.1: 12 months" },
    "retention.hotDays": { value: 90, source: "PCI DSS 4 10.5.1: 3 months at hand" },
  },
  hipaa: {
    "retention.auditDays": { value: 2190, source: "HIPAA 164.316(b)(2)(i): 6 years" },
  },
};

/** Find the cap of a field. @returns `undefined` when the preset's source names none. */
export function capOf(preset: PresetName, path: FieldPath): Cap | undefined {
  const key = SPAN_CAP[path];
  if (key === undefined) return OTHER_CAPS[preset]?.[path];
  const value = PRESETS[preset][key].cap;
  return value === null ? undefined : { value, source: PRESETS[preset].source };
}

/** Tell whether a value is looser than the cap of its preset; exactly at the cap is within. */
export function exceedsCap(preset: PresetName, path: FieldPath, value: FieldValue): boolean {
  const cap = capOf(preset, path);
  return cap !== undefined && strictness(path, value) > strictness(path, cap.value);
}

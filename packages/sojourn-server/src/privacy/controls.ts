/** The requirements this product answers to, and where an evidence pack shows each of them. */
import { readFileSync } from "node:fs";

export interface Control {
  readonly id: string;
  readonly level: string;
  readonly source: string;
  readonly requirement: string;
  /** A file of the pack; absent: shown by the tests of the release alone. */
  readonly evidence?: string;
}

const FILE = new URL("../../controls.json", import.meta.url);
/** By the part of the product that answers. */
const EVIDENCE: Readonly<Record<string, string>> = {
  policy: "policy.json",
  keys: "keys.json",
  audit: "audit.json",
  privacy: "privacy.json",
  console: "access.json",
  risk: "incidents.ndjson",
};

export function readControls(): readonly Control[] {
  const rows = JSON.parse(readFileSync(FILE, "utf8")) as readonly (Omit<Control, "evidence"> & {
    readonly parts: readonly string[];
  })[];
  return rows.map(({ parts, ...row }) => {
    const evidence = parts.map((part) => EVIDENCE[part]).find((file) => file !== undefined);
    return evidence === undefined ? row : { ...row, evidence };
  });
}

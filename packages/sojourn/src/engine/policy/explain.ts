/** Reports: the value of every field, where it comes from, why it may be so. ASVS 5.0 7.1.1. */
import { capOf, exceedsCap } from "./caps.ts";
import { FIELDS, FIELD_PATHS } from "./fields.ts";
import { flatten } from "./policy.ts";
import type { FieldPath, FieldValue, Notes, Policy } from "./policy.ts";
import { PRESETS } from "./presets.ts";
import type { PresetName } from "./presets.ts";
import type { ResolvedPolicy } from "./resolve.ts";
import { formatSpan } from "./span.ts";
import { human } from "./words.ts";

/** One policy of a composition; the base has no label. */
export interface Part {
  readonly label: string | null;
  readonly resolved: ResolvedPolicy;
}

/** A composed policy beside what it was composed of, the base first. */
export interface LayeredPolicy {
  readonly policy: Policy;
  readonly parts: readonly Part[];
}

export interface FieldExplanation {
  readonly field: FieldPath;
  readonly value: FieldValue;
  /** `12 hours`, `unlimited`. */
  readonly human: string;
  /** `preset saas`, `override`, `default`, `follows idleMs`, `tenant acme`. */
  readonly from: string;
  readonly means: string;
  readonly clause: string;
  /** The ceiling of the preset, in words. Absent when its source names none. */
  readonly cap?: string;
  readonly capSource?: string;
  /** Present iff the value is looser than the cap. */
  readonly justification?: string;
  readonly note?: string;
}

export interface Explanation {
  readonly name: string;
  readonly fields: readonly FieldExplanation[];
  /** Every written justification, one per line. */
  readonly justification: string | null;
  readonly sources: readonly { readonly preset: PresetName; readonly source: string }[];
}

/** Explain a policy field by field. For people, not for requests: it builds some dozen objects. */
export function explainPolicy(input: ResolvedPolicy | LayeredPolicy): Explanation {
  const layered = "parts" in input ? input : { policy: input.policy, parts: [part(input)] };
  const presets = [...new Set(layered.parts.map(({ resolved }) => resolved.preset))];
  const reasons = layered.parts.flatMap(({ label, resolved }) => {
    if (resolved.justification === null) return [];
    return [label === null ? resolved.justification : `${label}: ${resolved.justification}`];
  });
  return {
    name: layered.policy.name,
    fields: FIELD_PATHS.map((path) => explainField(path, layered)),
    justification: reasons.length === 0 ? null : reasons.join("\n"),
    sources: presets.map((preset) => ({ preset, source: PRESETS[preset].source })),
  };
}

function part(resolved: ResolvedPolicy): Part {
  return { label: null, resolved };
}

function explainField(path: FieldPath, { policy, parts }: LayeredPolicy): FieldExplanation {
  const value = flatten(policy)[path];
  const winner = parts.find(({ resolved }) => flatten(resolved.policy)[path] === value);
  const preset = (winner ?? parts[0])?.resolved.preset;
  const cap = preset === undefined ? undefined : capOf(preset, path);
  const loose = preset !== undefined && exceedsCap(preset, path, value);
  const reason = winner?.resolved.justification ?? null;
  const note = noteOn(path, policy.notes);
  return {
    field: path,
    value,
    human: human(path, value),
    from: winner === undefined ? "composed" : originOf(path, winner),
    means: FIELDS[path].means,
    clause: FIELDS[path].clause,
    ...(cap === undefined ? {} : { cap: human(path, cap.value), capSource: cap.source }),
    ...(loose && reason !== null ? { justification: reason } : {}),
    ...(note === undefined ? {} : { note }),
  };
}

function originOf(path: FieldPath, { label, resolved }: Part): string {
  const origin = resolved.origins[path];
  if (label === null) return origin;
  return origin === "override" ? label : `${label}: ${origin}`;
}

/** What the presets add in words, and the field it stands at. */
function noteOn(path: FieldPath, notes: Notes): string | undefined {
  const said: string[] = [];
  const say = (field: FieldPath, key: string, words: (value: string) => string): void => {
    const value = notes[key];
    if (field !== path || value === undefined || value === false) return;
    said.push(words(typeof value === "number" ? formatSpan(value) : String(value)));
  };
  const force = notes["revision3.force"] === undefined ? "" : ` (${notes["revision3.force"]})`;
  say("idleMs", "idleSharedWorkstationMs", (span) => `${span} on a shared workstation`);
  say("idleMs", "revision3.idleMs", (span) => `revision 3 of the source: ${span}${force}`);
  say("absoluteMs", "revision3.absoluteMs", (span) => `revision 3 of the source: ${span}${force}`);
  say("concurrency.max", "concurrency.per", (unit) => `counted per ${unit}`);
  say("concurrency.onLimit", "concurrency.notify", () => "the subject is told");
  say("sudoMs", "perTransactionAuth", () => "every transaction is authorised by itself");
  say("reauthFactors", "emergencyAccess", (text) => `emergency access: ${text}`);
  return said.length === 0 ? undefined : said.join("; ");
}

/** Lay an explanation out as plain text: a table, and under each field what it means. */
export function formatExplain(explanation: Explanation): string {
  const titles = ["Field", "Value", "From", "Cap"];
  const rows = explanation.fields.map((field) => [
    field.field,
    field.human,
    field.from,
    field.cap ?? "-",
  ]);
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const body = explanation.fields.flatMap((field, index) => [
    line(rows[index] ?? []),
    ...remarks(field).map((text) => `    ${text}`),
  ]);
  const table = [line(titles), line(widths.map((width) => "-".repeat(width)))];
  return [...heading(explanation), "", ...table, ...body, ""].join("\n");
}

function heading({ name, sources, justification }: Explanation): readonly string[] {
  const reasons = (justification ?? "none given; every value is within its cap").split("\n");
  return [
    `Policy ${name}`,
    ...sources.map(({ preset, source }) => `Source of ${preset}: ${source}`),
    ...reasons.map((reason) => `Justification: ${reason}`),
  ];
}

function remarks(field: FieldExplanation): readonly string[] {
  const lines = [field.means, `See: ${field.clause}`];
  if (field.justification !== undefined) {
    lines.push(`Looser than ${field.cap ?? "its cap"} (${field.capSource ?? "source"}).`);
    lines.push(`Justified: ${field.justification}`);
  }
  if (field.note !== undefined) lines.push(`Note: ${field.note}`);
  return lines;
}

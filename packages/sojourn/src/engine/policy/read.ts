/** Reading what a configuration gives for a policy: names, types and ranges, field by field. */
import type { ConfigProblem } from "../errors.ts";
import { FIELDS, FIELD_PATHS, isFieldPath } from "./fields.ts";
import type { FieldPath, FieldValue, Policy } from "./policy.ts";
import { inRange } from "./rules.ts";
import { parseSpan } from "./span.ts";
import { accepted, describe, exact, unknownName } from "./words.ts";

type Settable = Omit<Policy, "name" | "notes">;

/** Any part of a policy, groups in part too. `null` for `remember` or `retention` drops them. */
export type PolicyOverrides = {
  readonly [K in keyof Settable]?: Settable[K] extends object | null
    ? Partial<NonNullable<Settable[K]>> | Extract<Settable[K], null>
    : Settable[K];
} & {
  /** Names the policy in reports. Letters, digits and `._:@-`, at most 64. */
  readonly name?: string;
  /** Why a value may be looser than its cap, at least 10 characters. `explain` shows it. */
  readonly justification?: string;
};

/** What was given and is well-formed by itself; rules between fields come later. */
export interface Given {
  readonly values: ReadonlyMap<FieldPath, FieldValue>;
  /** Fields that were given wrongly: already complained about, so rules about them are skipped. */
  readonly invalid: ReadonlySet<FieldPath>;
  readonly name: string | undefined;
  readonly justification: string | null;
}

export const JUSTIFICATION_MIN_CHARS: number = 10;
const JUSTIFICATION_MAX_CHARS = 2000;
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$/;

const GROUPS: ReadonlySet<string> = new Set(
  FIELD_PATHS.filter((path) => path.includes(".")).map((path) => path.slice(0, path.indexOf("."))),
);
const NULLABLE_GROUPS: ReadonlySet<string> = new Set(["remember", "retention"]);
const TOP_NAMES: readonly string[] = ["name", "justification", ...FIELD_PATHS];

/** Tell a plain object with fields from everything else. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface Reader {
  readonly at: string;
  readonly values: Map<FieldPath, FieldValue>;
  readonly invalid: Set<FieldPath>;
  readonly problems: ConfigProblem[];
}

/**
 * Read overrides; problems are added to `problems`, none is thrown. `undefined` means not given.
 *
 * @param at Path of `input` in the configuration; problems are named below it.
 * @param also Further names the caller reads itself.
 */
export function readGiven(
  input: Readonly<Record<string, unknown>>,
  at: string,
  problems: ConfigProblem[],
  also: readonly string[] = [],
): Given {
  const reader: Reader = { at, values: new Map(), invalid: new Set(), problems };
  for (const [key, value] of Object.entries(input)) {
    if (value === undefined || key === "name" || key === "justification") continue;
    if (also.includes(key)) continue;
    if (GROUPS.has(key)) readGroup(reader, key, value);
    else if (isFieldPath(key) && !key.includes(".")) readField(reader, key, value);
    else report(reader, key, unknownField(key, also));
  }
  return {
    values: reader.values,
    invalid: reader.invalid,
    name: readName(reader, input["name"]),
    justification: readJustification(reader, input["justification"]),
  };
}

function unknownField(key: string, also: readonly string[]): string {
  if (!isFieldPath(key)) return unknownName("field", key, [...also, ...TOP_NAMES]);
  const [group = "", name = ""] = key.split(".");
  return `write it as ${group}: { ${name}: … }`;
}

function readGroup(reader: Reader, group: string, value: unknown): void {
  const paths = FIELD_PATHS.filter((path) => path.startsWith(`${group}.`));
  if (value === null && NULLABLE_GROUPS.has(group)) {
    for (const path of paths) reader.values.set(path, null);
    return;
  }
  const names = paths.map((path) => path.slice(group.length + 1));
  if (!isRecord(value)) {
    for (const path of paths) reader.invalid.add(path);
    const none = NULLABLE_GROUPS.has(group) ? ", or null" : "";
    const wanted = `accepted: an object with any of ${names.join(", ")}${none}`;
    report(reader, group, `given ${describe(value)}; ${wanted}`);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const path = `${group}.${name}`;
    if (isFieldPath(path)) readField(reader, path, inner);
    else report(reader, path, unknownName("field", name, names));
  }
}

function readField(reader: Reader, path: FieldPath, value: unknown): void {
  if (inRange(path, value)) {
    reader.values.set(path, value as FieldValue);
    return;
  }
  reader.invalid.add(path);
  const given = typeof value === "number" ? exactNumber(path, value) : describe(value);
  report(reader, path, `given ${given}; accepted: ${accepted(path)}${spanHint(path, value)}`);
}

/** Words for a span only where it has some: not for fractions, negatives or infinities. */
function exactNumber(path: FieldPath, value: number): string {
  return Number.isSafeInteger(value) && value >= 0 ? exact(path, value) : String(value);
}

function spanHint(path: FieldPath, value: unknown): string {
  if (FIELDS[path].kind !== "span" || typeof value !== "string") return "";
  try {
    return `; in milliseconds that is ${parseSpan(value)}`;
  } catch {
    return ""; // not a span in words either: the accepted range says all there is to say
  }
}

function readName(reader: Reader, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && NAME_PATTERN.test(value)) return value;
  const wanted = "1 to 64 letters, digits and ._:@-, the first a letter or digit";
  report(reader, "name", `given ${describe(value)}; accepted: ${wanted}`);
  return undefined;
}

function readJustification(reader: Reader, value: unknown): string | null {
  if (value === undefined) return null;
  const text = typeof value === "string" ? value.trim() : "";
  if (text.length >= JUSTIFICATION_MIN_CHARS && text.length <= JUSTIFICATION_MAX_CHARS) return text;
  const wanted = `a text of ${JUSTIFICATION_MIN_CHARS} to ${JUSTIFICATION_MAX_CHARS} characters`;
  report(reader, "justification", `given ${describe(value)}; accepted: ${wanted}`);
  return null;
}

function report(reader: Reader, path: string, message: string): void {
  reader.problems.push({ path: `${reader.at}.${path}`, message });
}

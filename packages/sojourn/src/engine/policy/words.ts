/** How values, accepted ranges and unknown names are said in problems and reports. */
import { FIELDS } from "./fields.ts";
import type { FieldPath, FieldValue } from "./policy.ts";
import { formatSpan } from "./span.ts";

const SHOWN_MAX_CHARS = 40;
const NAME_MAX_CHARS = 64;

/** Say a value of a field for people: `12 hours`, `10`, `unlimited`, `Lax`. */
export function human(path: FieldPath, value: FieldValue): string {
  const field = FIELDS[path];
  if (field.kind === "choice" || typeof value === "string") return String(value);
  if (value === null) return field.none?.reads ?? "none";
  if (field.kind === "span") return formatSpan(value);
  return field.kind === "days" ? `${value} days` : String(value);
}

/** Say a value with its unit as it is written: `1800000 ms (30 minutes)`, `"Lax"`, `null`. */
export function exact(path: FieldPath, value: FieldValue): string {
  if (FIELDS[path].kind === "span" && typeof value === "number") {
    return `${value} ms (${formatSpan(value)})`;
  }
  return describe(value);
}

/** Say what somebody gave, whatever it is, at bounded length. */
export function describe(given: unknown): string {
  if (typeof given === "string") return JSON.stringify(shorten(given, SHOWN_MAX_CHARS));
  if (typeof given === "bigint") return shorten(`${given}n`, SHOWN_MAX_CHARS);
  if (given === null || ["number", "boolean", "undefined"].includes(typeof given)) {
    return String(given);
  }
  if (Array.isArray(given)) return "an array";
  return typeof given === "object" ? "an object" : `a ${typeof given}`;
}

/** Say what a field accepts. */
export function accepted(path: FieldPath): string {
  const field = FIELDS[path];
  if (field.kind === "choice") return listed(field.strictestFirst);
  const unit = field.kind === "span" ? "whole milliseconds" : "a whole number";
  const top = field.kind === "span" ? `${field.max} (${formatSpan(field.max)})` : field.max;
  const none = field.none === undefined ? "" : `, or null (${field.none.reads})`;
  return `${unit} from ${field.min} to ${top}${none}`;
}

/** Say a list of names: `"a", "b", "c"`. */
export function listed(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(", ");
}

/** Complain about a name nobody knows: with those it is a part of, the nearest one, or all. */
export function unknownName(what: string, given: string, known: readonly string[]): string {
  const part = given.toLowerCase();
  const family = known.filter((name) => name.toLowerCase().includes(part));
  const guess = nearest(given, known);
  const guesses = part !== "" && family.length > 0 ? family : guess === undefined ? [] : [guess];
  const hint =
    guesses.length === 0
      ? `accepted: ${listed(known)}`
      : `did you mean ${guesses.map((name) => JSON.stringify(name)).join(" or ")}?`;
  return `no ${what} has the name ${describe(given)}; ${hint}`;
}

/**
 * Find the known name nearest to a mistyped one, by edit distance, case ignored.
 *
 * A dotted name is also compared by its last part, so that `keyBound` finds `refresh.keyBound`.
 * @returns `undefined` when more than half of the letters would have to change.
 */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const wanted = given.slice(0, NAME_MAX_CHARS).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.ceil(wanted.length / 2) + 1;
  for (const name of known) {
    const lower = name.toLowerCase();
    const last = lower.slice(lower.lastIndexOf(".") + 1);
    const distance = Math.min(editDistance(wanted, lower), editDistance(wanted, last));
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** Levenshtein distance; both texts are short, so O(a·b) is nothing. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function shorten(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}

/** Spans as people write them: `30m`, `24h`, `90s`. */
import { isObject } from "./sources.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
export const SPAN_ACCEPTED = "a whole number and a unit (ms, s, m, h, d), like 30m";

/** @returns milliseconds, or `undefined` for anything but {@link SPAN_ACCEPTED}. */
export function readSpan(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNIT_MS[match?.[2] ?? ""];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/**
 * Policies as written in a file: below every name that ends in `Ms` a span may stand for the
 * number. What is no span stays as it is, for the library to complain about with its range.
 */
export function readSpansIn(value: unknown): unknown {
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => {
    if (typeof inner === "string" && name.endsWith("Ms")) return [name, readSpan(inner) ?? inner];
    return [name, readSpansIn(inner)];
  });
  return Object.fromEntries(entries);
}

/** Spans as people write them: `30m`, `24h`, `90s`. */
import { UsageError } from "./command.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** @throws {UsageError} naming what is accepted. */
export function readSpan(text: string, option: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNIT_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw new UsageError(
      `${option}: accepted: a whole number and a unit (ms, s, m, h, d), like 30m`,
    );
  }
  return Number(match[1]) * unit;
}

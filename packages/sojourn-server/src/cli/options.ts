/** What several commands read from their lines, and who they act as. */
import { textOption, UsageError } from "./command.ts";
import type { Invocation } from "./command.ts";

/** In the audit trail and in ends. */
export const OPERATOR = "operator:cli";
const LISTED_MAX = 10_000;
const LISTED = 50;

/** `--limit`. @throws {UsageError} */
export function limitOf({ values }: Invocation, command: string): number {
  const text = textOption(values, "limit");
  if (text === undefined) return LISTED;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LISTED_MAX) return limit;
  throw new UsageError(`--limit: accepted: a whole number from 1 to ${LISTED_MAX}`, command);
}

/** An instant, in milliseconds; `undefined` when it was left out. @throws {UsageError} */
export function instantOf(
  { values }: Invocation,
  name: string,
  command: string,
): number | undefined {
  const text = textOption(values, name);
  if (text === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new UsageError(`--${name}: like 2026-11-20 or 2026-11-20T12:00:00Z`, command);
}

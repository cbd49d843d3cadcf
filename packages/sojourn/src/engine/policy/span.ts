/** Spans as people write and read them. Inside the library a span is a number of milliseconds. */
import { ConfigError } from "../errors.ts";

export const SECOND_MS: number = 1000;
export const MINUTE_MS: number = 60 * SECOND_MS;
export const HOUR_MS: number = 60 * MINUTE_MS;
export const DAY_MS: number = 24 * HOUR_MS;

/** Browsers cut a cookie's Max-Age at 400 days (34 560 000 s); no span of a policy exceeds it. */
export const SPAN_MAX_MS: number = 400 * DAY_MS;

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", SECOND_MS],
  ["m", MINUTE_MS],
  ["h", HOUR_MS],
  ["d", DAY_MS],
]);

const UNIT_NAMES: readonly (readonly [ms: number, name: string])[] = [
  [DAY_MS, "day"],
  [HOUR_MS, "hour"],
  [MINUTE_MS, "minute"],
  [SECOND_MS, "second"],
  [1, "millisecond"],
];

/**
 * Read a span such as `30m` for command lines and configuration files.
 *
 * @param text A whole number and one of the units ms, s, m, h, d; blanks around it are ignored.
 * @param path Named in the error, e.g. `SOJOURN_IDLE`.
 * @returns Milliseconds, 0 ≤ result ≤ 2^53 − 1.
 * @throws {ConfigError} on anything else.
 */
export function parseSpan(text: string, path: string = "span"): number {
  const match = /^(\d{1,16})(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNIT_MS.get(match?.[2] ?? "");
  if (match === null || unit === undefined) {
    throw problem(path, text, "accepted: a whole number and a unit (ms, s, m, h, d), like 30m");
  }
  const ms = Number(match[1]) * unit;
  if (!Number.isSafeInteger(ms)) throw problem(path, text, "that is too long to count");
  return ms;
}

function problem(path: string, text: string, accepted: string): ConfigError {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
  return new ConfigError([{ path, message: `given ${shown}; ${accepted}` }]);
}

/** Say a span in words: `12 hours`, `1 minute 30 seconds`, `0 seconds`. Exact, never rounded. */
export function formatSpan(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, name] of UNIT_NAMES) {
    const count = Math.floor(rest / unit);
    if (count === 0) continue;
    parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    rest -= count * unit;
  }
  return parts.length === 0 ? "0 seconds" : parts.join(" ");
}

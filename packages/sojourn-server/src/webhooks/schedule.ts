/** When a message is sent again: what Standard Webhooks proposes, about three days in all. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** After the first try, the second, … */
export const RETRY_AFTER_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
/** An endpoint that has taken nothing for so long is disabled. */
export const FAILING_MS_MAX = 72 * HOUR_MS;

const JITTER = 0.2;

/**
 * @param tries That were made.
 * @param random From 0 to 1: receivers that come back are not met by all at once.
 * @returns milliseconds, or `undefined` when that was the last.
 */
export function retryAfter(tries: number, random: number): number | undefined {
  const span = RETRY_AFTER_MS[tries - 1];
  return span === undefined ? undefined : Math.round(span * (1 + JITTER * random));
}

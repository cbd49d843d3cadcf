/** Lost races are tried again, with jittered pauses, for a bounded time. */
import { ContentionError } from "../engine/errors.ts";
import type { Entropy, Timers } from "../engine/ports.ts";

/** Retried this long before the caller is told. */
const CONTENTION_MS_MAX = 2_000;
const ATTEMPTS_MAX = 1_000;
const BACKOFF_MS_MAX = 40;

export interface RetryTools {
  readonly timers: Timers;
  readonly entropy: Entropy;
  now(): number;
}

/** Run `attempt` until it gives something. @throws {ContentionError} after 2 s. */
export async function retrying<Result>(
  tools: RetryTools,
  operation: string,
  attempt: () => Promise<Result | undefined>,
): Promise<Result> {
  const startedAt = tools.now();
  for (let count = 0; count < ATTEMPTS_MAX; count += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (tools.now() - startedAt >= CONTENTION_MS_MAX) break;
    // Most races are lost once: the first retry does not wait.
    if (count > 0) await pause(tools, count);
  }
  throw new ContentionError(operation);
}

function pause({ timers, entropy }: RetryTools, count: number): Promise<void> {
  const ceiling = Math.min(2 ** Math.min(count, 10), BACKOFF_MS_MAX);
  const fraction = (entropy.bytes(1)[0] ?? 0) / 256;
  return new Promise((resolve) => void timers.after(1 + ceiling * fraction, resolve));
}

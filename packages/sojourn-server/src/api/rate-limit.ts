/** A token bucket per caller; memory is bounded by forgetting whoever has been away longest. */

export interface Allowance {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Until one more request is allowed, whole seconds, at least 1. */
  readonly retryAfterSeconds: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const SECOND_MS = 1_000;
const CALLERS_MAX = 50_000;
const BURST_SECONDS = 2;

export class RateLimit {
  /** Requests that may come at once. */
  readonly burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param perSecond 0: no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.burst = perSecond * BURST_SECONDS;
  }

  get enabled(): boolean {
    return this.#perSecond > 0;
  }

  /** Take one request of `caller` at `now`, by a clock that may be any. */
  take(caller: string, now: number): Allowance {
    const bucket = this.#buckets.get(caller) ?? { tokens: this.burst, at: now };
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    this.#forget();
    const gained = (Math.max(0, now - bucket.at) * this.#perSecond) / SECOND_MS;
    bucket.tokens = Math.min(this.burst, bucket.tokens + gained);
    bucket.at = now;
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens -= 1;
    const wait = Math.ceil((1 - bucket.tokens) / this.#perSecond);
    return { allowed, remaining: Math.floor(bucket.tokens), retryAfterSeconds: Math.max(1, wait) };
  }

  #forget(): void {
    if (this.#buckets.size <= CALLERS_MAX) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** `RateLimit` and `RateLimit-Policy` as structured fields. */
export function rateHeaders(limit: RateLimit, allowance: Allowance): Record<string, string> {
  const window = BURST_SECONDS;
  const wait = allowance.allowed ? window : allowance.retryAfterSeconds;
  return {
    "ratelimit-policy": `"caller";q=${limit.burst};w=${window}`,
    ratelimit: `"caller";r=${allowance.remaining};t=${wait}`,
  };
}

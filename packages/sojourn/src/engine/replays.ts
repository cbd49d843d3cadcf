/** What may be presented once. */
import type { MaybePromise } from "./host.ts";

export interface ReplayCache {
  /**
   * Take a key until an instant; one of many simultaneous claims wins, whoever shares the cache.
   * A key that is over may be taken again, and nothing is forgotten before it is over.
   *
   * @param key At most 64 characters of base64url.
   * @param untilAt By the caller's clock, milliseconds since the epoch.
   * @param now By the same clock.
   * @returns false when it was taken before.
   * @throws {StoreUnavailableError} when nobody can tell, and when there is no room; retryable.
   */
  claim(key: string, untilAt: number, now: number): MaybePromise<boolean>;
}

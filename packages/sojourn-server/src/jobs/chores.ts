/** What the service does beside requests. Ending overdue sessions is the library's own timer. */
import { StoreUnavailableError } from "sojourn";
import type { House } from "../api/types.ts";

const TIDY_EVERY_MS = 10 * 60 * 1_000;
/** Proofs are over after minutes, and there may be many. */
const TIDY_LOCKS_EVERY_MS = 5_000;
const TIDY_PROOFS_EVERY_MS = 15_000;
const TIDY_SEARCH_EVERY_MS = 60_000;
const ERASE_EVERY_MS = 15_000;
const CHECKPOINT_EVERY_MS = 30_000;
const RETIRE_EVERY_MS = 60 * 60 * 1_000;
const PURGE_EVERY_MS = 60_000;
const HEALTH_EVERY_MS = 5_000;

/** @returns a function that stops them. */
export function startChores(house: House, onError: (error: unknown) => void): () => void {
  const timers = [
    setInterval(() => void house.replies.tidy().catch(onError), TIDY_EVERY_MS).unref(),
    setInterval(
      () => void house.tokens?.keepCheckpoint().catch(onError),
      CHECKPOINT_EVERY_MS,
    ).unref(),
    setInterval(() => void house.audit.retire().catch(onError), RETIRE_EVERY_MS).unref(),
    setInterval(() => void house.search.tidy().catch(onError), TIDY_SEARCH_EVERY_MS).unref(),
    setInterval(() => void house.operations.tidy().catch(onError), RETIRE_EVERY_MS).unref(),
    setInterval(() => void house.privacy.again().catch(onError), ERASE_EVERY_MS).unref(),
    setInterval(() => void house.tenants.purgeLeft().catch(onError), PURGE_EVERY_MS).unref(),
    setInterval(() => void house.locks.tidy().catch(onError), TIDY_LOCKS_EVERY_MS).unref(),
    setInterval(() => void house.analytics.retire().catch(onError), RETIRE_EVERY_MS).unref(),
    setInterval(() => void house.webhooks.tidy().catch(onError), RETIRE_EVERY_MS).unref(),
    setInterval(() => void house.proofs.tidy().catch(onError), TIDY_PROOFS_EVERY_MS).unref(),
    setInterval(() => {
      // Without traffic nobody else would notice an outage, nor its end.
      house.sessions.health().then(
        () => house.metrics.storeUp.set(1),
        (error: unknown) => {
          house.metrics.storeUp.set(0);
          if (!(error instanceof StoreUnavailableError)) onError(error);
        },
      );
    }, HEALTH_EVERY_MS).unref(),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** What the near-cache tells of itself, asked for with each scrape. */
import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { NearCacheStats } from "sojourn/stores/near-cache";

type Reading = (stats: NearCacheStats) => number;

const SECOND_MS = 1_000;

const COUNTERS: readonly (readonly [name: string, help: string, read: Reading])[] = [
  ["hits", "Verifies answered from memory.", ({ hits }) => hits],
  ["misses", "Verifies that had to ask the store.", ({ misses }) => misses],
  ["reads", "Reads of the store.", ({ reads }) => reads],
  ["invalidations", "Sessions dropped because they had changed.", (stats) => stats.invalidations],
  ["evictions", "Sessions dropped for want of room.", ({ evictions }) => evictions],
  ["gaps", "Times the news of changes were interrupted.", ({ gaps }) => gaps],
];

const GAUGES: typeof COUNTERS = [
  ["sessions", "Sessions in memory.", ({ sessions }) => sessions],
  ["bytes", "Their size, estimated.", ({ bytes }) => bytes],
  [
    "frontier_age_seconds",
    "Age of the last proof that nothing has changed unheard; infinite where there is none.",
    ({ frontierAgeMs = Infinity }) => frontierAgeMs / SECOND_MS,
  ],
  [
    "invalidation_lag_seconds",
    "The longest that a change heard since the last proof was under way.",
    ({ invalidationLagMs = 0 }) => invalidationLagMs / SECOND_MS,
  ],
];

/** Adds `sojourn_near_…`. */
export function watchNear(registry: Registry, stats: () => NearCacheStats): void {
  const registers = [registry];
  for (const [name, help, read] of COUNTERS) {
    const counter: Counter = new Counter({
      name: `sojourn_near_${name}_total`,
      help,
      registers,
      collect: () => {
        counter.reset();
        counter.inc(read(stats()));
      },
    });
  }
  for (const [name, help, read] of GAUGES) {
    const gauge: Gauge = new Gauge({
      name: `sojourn_near_${name}`,
      help,
      registers,
      collect: () => gauge.set(read(stats())),
    });
  }
}

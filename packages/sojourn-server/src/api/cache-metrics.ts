/** What the caches tell of themselves, asked for with each scrape. */
import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { MemcachedTier, MemcachedTierStats } from "sojourn/stores/memcached";
import type { NearCache, NearCacheStats } from "sojourn/stores/near-cache";

type Table<Stats> = readonly (readonly [
  name: string,
  help: string,
  read: (stats: Stats) => number,
])[];

const SECOND_MS = 1_000;

const NEAR_COUNTERS: Table<NearCacheStats> = [
  ["hits", "Verifies answered from memory.", ({ hits }) => hits],
  ["misses", "Verifies that had to ask.", ({ misses }) => misses],
  ["reads", "Reads of the store.", ({ reads }) => reads],
  ["invalidations", "Sessions dropped because they had changed.", (stats) => stats.invalidations],
  ["evictions", "Sessions dropped for want of room.", ({ evictions }) => evictions],
  ["gaps", "Times the news of changes were interrupted.", ({ gaps }) => gaps],
];

const NEAR_GAUGES: Table<NearCacheStats> = [
  ["sessions", "Sessions in memory.", ({ sessions }) => sessions],
  ["bytes", "Their size, estimated.", ({ bytes }) => bytes],
  [
    "frontier_age_seconds",
    "Age of the last proof that nothing has changed unheard; infinite where there is none.",
    ({ frontierAgeMs = Infinity }) => frontierAgeMs / SECOND_MS,
  ],
  [
    "invalidation_lag_seconds",
    "What a change heard last was under way at most.",
    ({ invalidationLagMs = 0 }) => invalidationLagMs / SECOND_MS,
  ],
];

const TIER_COUNTERS: Table<MemcachedTierStats> = [
  ["hits", "Sessions found in the shared cache.", ({ hits }) => hits],
  ["misses", "Sessions not found there.", ({ misses }) => misses],
  ["fills", "Sessions written there.", ({ fills }) => fills],
  ["invalidations", "Sessions taken away because they changed.", (stats) => stats.invalidations],
  ["failures", "Connections lost or given up.", ({ failures }) => failures],
];

/** Adds `sojourn_near_…` and `sojourn_cache_…` where there are such. */
export function watchCaches(
  registry: Registry,
  {
    near,
    tier,
  }: { readonly near: NearCache | undefined; readonly tier: MemcachedTier | undefined },
): void {
  if (near !== undefined) {
    const stats = (): NearCacheStats => near.stats();
    watch(registry, "near", stats, { counters: NEAR_COUNTERS, gauges: NEAR_GAUGES });
  }
  if (tier !== undefined) {
    watch(registry, "cache", () => tier.stats(), { counters: TIER_COUNTERS, gauges: [] });
  }
}

function watch<Stats>(
  registry: Registry,
  group: string,
  stats: () => Stats,
  { counters, gauges }: { readonly counters: Table<Stats>; readonly gauges: Table<Stats> },
): void {
  const registers = [registry];
  for (const [name, help, read] of counters) {
    const collect = (): void => {
      counter.reset();
      counter.inc(read(stats()));
    };
    const counter = new Counter({
      name: `sojourn_${group}_${name}_total`,
      help,
      registers,
      collect,
    });
  }
  for (const [name, help, read] of gauges) {
    const collect = (): void => gauge.set(read(stats()));
    const gauge = new Gauge({ name: `sojourn_${group}_${name}`, help, registers, collect });
  }
}

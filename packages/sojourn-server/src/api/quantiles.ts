/** What a histogram says of how long things took: the bound that so many kept, never a guess. */
import type { Histogram } from "prom-client";

export interface Quantiles {
  readonly count: number;
  /** Upper bounds, in the unit of the histogram; `undefined` beyond its last bucket. */
  readonly bounds: readonly (number | undefined)[];
}

/**
 * @param labels Which series count; those that differ in others are added up.
 * @param shares From 0 to 1.
 */
export async function quantileBounds<Label extends string>(
  histogram: Histogram<Label>,
  labels: Partial<Record<Label, string>>,
  shares: readonly number[],
): Promise<Quantiles> {
  const wanted = Object.entries(labels);
  const sums = new Map<number, number>();
  for (const { metricName, labels: own, value } of (await histogram.get()).values) {
    const given = own as Readonly<Record<string, string | number>>;
    if (metricName?.endsWith("_bucket") !== true) continue;
    if (!wanted.every(([name, text]) => given[name] === text)) continue;
    const bound = given["le"] === "+Inf" ? Infinity : Number(given["le"]);
    sums.set(bound, (sums.get(bound) ?? 0) + value);
  }
  const count = sums.get(Infinity) ?? 0;
  const buckets = [...sums].toSorted(([a], [b]) => a - b);
  const bounds = shares.map((share) => {
    const bound = buckets.find(([, value]) => value >= share * count)?.[0];
    return bound === Infinity ? undefined : bound;
  });
  return { count, bounds };
}

/** The metrics of the Prometheus registry in OpenTelemetry's shape: one set of names for both. */
import { ValueType } from "@opentelemetry/api";
import type { Attributes, HrTime } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import { AggregationTemporality, DataPointType } from "@opentelemetry/sdk-metrics";
import type { CollectionResult, DataPoint, MetricData } from "@opentelemetry/sdk-metrics";
import type { MetricProducer } from "@opentelemetry/sdk-metrics";
import type { Registry } from "prom-client";

/** What a registry tells of one metric. */
type Told = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>[number];

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** Of histograms: with `_bucket`, `_sum` or `_count` behind it. */
  readonly metricName?: string;
}

interface Histogram {
  readonly labels: Attributes;
  readonly boundaries: number[];
  /** Up to each boundary, and beyond the last. */
  readonly cumulated: number[];
  sum: number;
  count: number;
}

const SECOND_MS = 1_000;
const NANOS = 1_000_000;

export class RegistryProducer implements MetricProducer {
  readonly #registry: Registry;
  readonly #startTime = hrTime(Date.now());

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async collect(): Promise<CollectionResult> {
    const told = await this.#registry.getMetricsAsJSON();
    const times = { startTime: this.#startTime, endTime: hrTime(Date.now()) };
    const metrics = told.flatMap((one) => metricOf(one, times));
    const scopeMetrics = [{ scope: { name: "sojourn" }, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }
}

type Times = Pick<DataPoint<number>, "startTime" | "endTime">;

function metricOf(told: Told, times: Times): readonly MetricData[] {
  const { name, help, type, values } = told as Told & { readonly values: readonly Sample[] };
  const descriptor = { name, description: help, unit: "", valueType: ValueType.DOUBLE };
  const base = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const points = (): DataPoint<number>[] =>
    values.map(({ value, labels }) => ({ ...times, attributes: attributesOf(labels), value }));
  switch (String(type)) {
    case "counter":
      return [
        { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() },
      ];
    case "gauge":
      return [{ ...base, dataPointType: DataPointType.GAUGE, dataPoints: points() }];
    case "histogram": {
      const dataPoints = histogramsOf(values).map((one) => ({
        ...times,
        attributes: one.labels,
        value: {
          buckets: { boundaries: one.boundaries, counts: differences(one) },
          sum: one.sum,
          count: one.count,
        },
      }));
      return [{ ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints }];
    }
    default:
      return [];
  }
}

/** Samples of one set of labels belong together. */
function histogramsOf(values: readonly Sample[]): readonly Histogram[] {
  const found = new Map<string, Histogram>();
  for (const { value, labels: given, metricName = "" } of values) {
    const { le, ...rest } = given;
    const labels = attributesOf(rest);
    const key = JSON.stringify(labels);
    const one = found.get(key) ?? { labels, boundaries: [], cumulated: [], sum: 0, count: 0 };
    found.set(key, one);
    if (metricName.endsWith("_sum")) one.sum = value;
    else if (metricName.endsWith("_count")) one.count = value;
    else {
      if (le !== "+Inf") one.boundaries.push(Number(le));
      one.cumulated.push(value);
    }
  }
  return [...found.values()];
}

function differences({ cumulated }: Histogram): number[] {
  return cumulated.map((value, at) => value - (cumulated[at - 1] ?? 0));
}

function attributesOf(labels: Sample["labels"]): Attributes {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined));
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / SECOND_MS), Math.round((ms % SECOND_MS) * NANOS)];
}

/** A histogram of what happens most often: to note one is a look-up and a few additions. */
import { Histogram } from "prom-client";
import type {
  HistogramConfiguration,
  MetricObjectWithValues,
  MetricValueWithName,
} from "prom-client";

interface Shape<Label extends string> extends HistogramConfiguration<Label> {
  readonly labelNames: Label[];
  readonly buckets: number[];
}

interface Series<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  /** As many as buckets, and one for what took longer. */
  readonly counts: number[];
  sum: number;
}

type Value<Label extends string> = MetricValueWithName<Label>;
type Told<Label extends string> = MetricObjectWithValues<Value<Label>>;

export class Durations<Label extends string> extends Histogram<Label> {
  readonly #shape: Shape<Label>;
  readonly #series = new Map<string, Series<Label>>();

  constructor(shape: Shape<Label>) {
    super(shape);
    this.#shape = shape;
  }

  /** @param values Of the labels, in their order; from closed lists. */
  note(values: readonly string[], seconds: number): void {
    const key = values.join(" ");
    const series = this.#series.get(key) ?? this.#add(key, values);
    const { buckets } = this.#shape;
    const at = buckets.findIndex((bound) => seconds <= bound);
    const place = at === -1 ? buckets.length : at;
    series.counts[place] = (series.counts[place] ?? 0) + 1;
    series.sum += seconds;
  }

  override async get(): Promise<Told<Label>> {
    const values = [...this.#series.values()].flatMap((series) => this.#told(series));
    const { name, help } = this.#shape;
    const told = { name, help, type: "histogram", aggregator: "sum", values };
    // The library declares what it does not give: an enumeration, and `collect`.
    return told as unknown as Told<Label>;
  }

  /** What registries prefer, where there is one. */
  getForPromString(): Promise<Told<Label>> {
    return this.get();
  }

  #add(key: string, values: readonly string[]): Series<Label> {
    const { labelNames, buckets } = this.#shape;
    const pairs = labelNames.map((name, at) => [name, values[at] ?? ""]);
    const labels = Object.fromEntries(pairs) as Record<Label, string>;
    const series = { labels, counts: [...buckets.map(() => 0), 0], sum: 0 };
    this.#series.set(key, series);
    return series;
  }

  #told({ labels, counts, sum }: Series<Label>): Value<Label>[] {
    const { name, buckets } = this.#shape;
    let count = 0;
    const of = (what: string, value: number, more: object = {}): Value<Label> => ({
      metricName: `${name}_${what}`,
      labels: { ...more, ...labels },
      value,
    });
    const kept = [...buckets, "+Inf"].map((le, at) => {
      count += counts[at] ?? 0;
      return of("bucket", count, { le });
    });
    return [...kept, of("sum", sum), of("count", count)];
  }
}

/** A counter by one label for what happens most often: to count is an addition and nothing else. */
import { Counter } from "prom-client";
import type { Registry } from "prom-client";

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  /** Its values come from a closed list. */
  readonly label: string;
}

export class Tally {
  readonly #counts = new Map<string, number>();

  constructor(registry: Registry, { name, help, label }: TallyOptions) {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [value, count] of this.#counts) counter.inc({ [label]: value }, count);
      },
    });
  }

  count(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }
}

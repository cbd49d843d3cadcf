/** The sessions a worker knows of: its own and those other workers told of. */
import type { SeededRandom } from "sojourn/testing";
import type { Known } from "./recorder.ts";

/** Ended ones are asked for again, the newest of them. */
const ENDED_MAX = 400;

export class Population {
  readonly #random: SeededRandom;
  readonly #live: Map<string, Known> = new Map<string, Known>();
  /** The same, for drawing. */
  #order: string[] = [];
  readonly #ended: Known[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get size(): number {
    return this.#live.size;
  }

  learn(known: Known): void {
    const { session } = known;
    if (!this.#live.has(session)) {
      if (this.#ended.some((one) => one.session === session)) return;
      this.#order.push(session);
    }
    this.#live.set(session, known);
  }

  end(session: string): void {
    const known = this.#live.get(session);
    if (known === undefined) return;
    this.#live.delete(session);
    this.#ended.push(known);
    if (this.#ended.length > ENDED_MAX) this.#ended.shift();
  }

  subjectEnded(subject: string, except?: string): string[] {
    const sessions = [...this.#live.values()].filter(
      (one) => one.subject === subject && one.session !== except,
    );
    for (const { session } of sessions) this.end(session);
    return sessions.map(({ session }) => session);
  }

  live(): Known | undefined {
    while (this.#order.length > 0) {
      const index = this.#random.int(0, this.#order.length - 1);
      const known = this.#live.get(this.#order[index] ?? "");
      if (known !== undefined) return known;
      this.#order = this.#order.filter((session) => this.#live.has(session));
    }
    return undefined;
  }

  ended(): Known | undefined {
    return this.#ended.length === 0 ? undefined : this.#random.pick(this.#ended);
  }
}

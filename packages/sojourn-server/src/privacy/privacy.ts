/** What is kept of a person, all of it: given out (GDPR 15, 20) and forgotten (GDPR 17). */
import type { ErasureTable } from "./erasure-table.ts";
import type { Holding, Order, Person } from "./holding.ts";

export interface PrivacyParts {
  /** The trail last: what the others do to a person is told there. */
  readonly holdings: readonly Holding[];
  readonly erasures: ErasureTable;
  readonly now: () => number;
}

/** Spools are carried into the trail twice a second, also those of processes that ended. */
const AGAIN_AFTER_MS = 60_000;

export class Privacy {
  readonly #parts: PrivacyParts;

  constructor(parts: PrivacyParts) {
    this.#parts = parts;
  }

  /** One JSON document, in pieces: as much memory as one session or entry takes. */
  async *export(person: Person): AsyncGenerator<string> {
    const { holdings, now } = this.#parts;
    const head = { ...person, exportedAt: new Date(now()).toISOString() };
    yield JSON.stringify(head).slice(0, -1);
    for (const holding of holdings) {
      yield `,\n${JSON.stringify(holding.name)}:[`;
      let first = true;
      for await (const item of holding.export(person)) {
        yield `${first ? "\n" : ",\n"}${JSON.stringify(item)}`;
        first = false;
      }
      yield "]";
    }
    yield "}\n";
  }

  /**
   * Forget somebody everywhere, now and once more in a minute. Idempotent: after a failure it may
   * be repeated, and is repeated by itself.
   *
   * @returns how much went, by holding.
   */
  async erase(person: Person, order: Order): Promise<Readonly<Record<string, number>>> {
    const { erasures, now } = this.#parts;
    // Kept first, so that a process that ends on the way leaves the rest to another.
    await erasures.keep(person, now() + AGAIN_AFTER_MS);
    return erased(this.#parts.holdings, person, order);
  }

  /** Work off what is due. @returns how many people. */
  async again(): Promise<number> {
    const { erasures, holdings, now } = this.#parts;
    const late = holdings.filter((holding) => holding.late);
    const due = await erasures.due(now());
    for (const one of due) {
      await erased(late, one, { actor: "system", cause: "again" });
      await erasures.done(one);
    }
    return due.length;
  }
}

async function erased(
  holdings: readonly Holding[],
  person: Person,
  order: Order,
): Promise<Readonly<Record<string, number>>> {
  const went: Record<string, number> = {};
  for (const holding of holdings) went[holding.name] = await holding.erase(person, order);
  return went;
}

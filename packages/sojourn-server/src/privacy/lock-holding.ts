/**
 * Locks on a person. Given out, and kept: whoever is kept out would be let in by being forgotten.
 * Lifting one, or its end, forgets it.
 */
import { lockView } from "../api/lock-schemas.ts";
import type { LockPage, LockTable } from "../control/lock-table.ts";
import type { Holding, Person } from "./holding.ts";

const PAGE = 200;

export class LockHolding implements Holding {
  readonly name = "locks";
  readonly late = false;
  readonly #table: LockTable;
  readonly #now: () => number;

  constructor(table: LockTable, now: () => number) {
    this.#table = table;
    this.#now = now;
  }

  async *export({ tenant, subject }: Person): AsyncGenerator<object> {
    const filter = { tenant, kind: "subject", value: subject } as const;
    let after: LockPage["next"];
    do {
      const wanted = { limit: PAGE, now: this.#now(), after };
      const { items, next } = await this.#table.page(filter, wanted);
      for (const lock of items) yield lockView(lock);
      after = next;
    } while (after !== undefined);
  }

  async erase(): Promise<number> {
    return 0;
  }
}

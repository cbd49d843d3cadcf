/** Bulk operations that were asked for by a person's name. */
import type { Operations } from "../operations/operations.ts";
import type { Operation } from "../operations/spec.ts";
import type { Holding, Person } from "./holding.ts";

const PAGE = 200;

export class OperationHolding implements Holding {
  readonly name = "operations";
  /** One that runs is let come to its end. */
  readonly late = true;
  readonly #operations: Pick<Operations, "list" | "forget">;

  constructor(operations: Pick<Operations, "list" | "forget">) {
    this.#operations = operations;
  }

  async *export(person: Person): AsyncGenerator<object> {
    for await (const { id, action, state, cause, actor, createdAt } of this.#of(person)) {
      const startedAt = new Date(createdAt).toISOString();
      yield { id, action, state, cause, startedBy: actor, startedAt };
    }
  }

  async erase(person: Person): Promise<number> {
    let gone = 0;
    for await (const { tenant, id } of this.#of(person)) {
      if (await this.#operations.forget(tenant, id)) gone += 1;
    }
    return gone;
  }

  async *#of({ tenant, subject }: Person): AsyncGenerator<Operation> {
    let page: readonly Operation[];
    let after: Operation | undefined;
    do {
      page = await this.#operations.list(tenant, PAGE, after);
      for (const operation of page) if (operation.filter.subject === subject) yield operation;
      after = page.at(-1);
    } while (page.length === PAGE);
  }
}

import { MemoryStore } from "sojourn/stores/memory";
import { caseKit, storeCasesFor } from "sojourn/testing";
import { afterAll, describe, it } from "vitest";

const seed = Number(process.env["SOJOURN_SEED"] ?? Math.floor(Math.random() * 2 ** 32));

describe(`the memory store keeps the store contract (seed ${seed})`, () => {
  const store = new MemoryStore();
  const kit = caseKit({ seed });

  afterAll(() => store.close());

  it.each(storeCasesFor(store.capabilities))("$name", ({ run }) => run(store, kit));
});

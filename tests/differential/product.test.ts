/** All combinations of the options that decide about writes and cookies. */
import { describe, it } from "vitest";
import { product } from "./cases/product.ts";
import { responseCases } from "./cases/responses.ts";
import { suite } from "./support/suite.ts";

const { same } = suite("combinations and answers");

describe("every combination of options answers as upstream does", () => {
  it.each(product())("$name", async ({ cases }) => {
    for (const one of cases) await same(one);
  });
});

describe("answers leave as upstream's", () => {
  it.each(responseCases)("$name", same);
});

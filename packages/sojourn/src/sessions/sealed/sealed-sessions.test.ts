import { describe, it } from "vitest";
import { sealedCases } from "../../../../../tests/support/sealed-cases.ts";

describe("a sealed session", () => {
  it.each(sealedCases)("$name", ({ run }) => run());
});

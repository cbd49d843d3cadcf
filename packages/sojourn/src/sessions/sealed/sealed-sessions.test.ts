import { describe, expect, it } from "vitest";
import { sealedCases } from "../../../../../tests/support/sealed-cases.ts";
import { activeIn, sealedWorld } from "../../../../../tests/support/sealed-world.ts";

describe("a sealed session", () => {
  it("is read at once on Node when keys and feed are known", async () => {
    const { edge, signIn } = sealedWorld();
    const { box } = await signIn();
    activeIn(await edge.read(box.header));
    expect(edge.read(box.header)).toMatchObject({ state: "active" });
  });

  it.each(sealedCases)("$name", ({ run }) => run());
});

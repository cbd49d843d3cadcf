import { expect, it } from "vitest";
import { inTurn } from "./in-turn.ts";

it("takes every step in its turn, and throws what failed first", async () => {
  const taken: string[] = [];
  const step = (name: string, how?: Error) => async (): Promise<void> => {
    taken.push(name);
    if (how !== undefined) throw how;
  };
  const steps = [
    step("a"),
    step("b", new Error("first")),
    step("c", new Error("second")),
    step("d"),
  ];
  await expect(inTurn(steps)).rejects.toThrow("first");
  expect(taken).toEqual(["a", "b", "c", "d"]);
  await expect(inTurn([step("e")])).resolves.toBeUndefined();
});

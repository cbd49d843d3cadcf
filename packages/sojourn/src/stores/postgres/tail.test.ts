import { expect, it } from "vitest";
import { Tail } from "./tail.ts";

it("the end of a tail does not wait for a poll that is never answered", async () => {
  const tail = new Tail({ pollMs: 100, run: () => new Promise(() => undefined) });
  tail.subscribe("now", { change: () => undefined });
  const since = performance.now();
  await tail.close();
  expect(performance.now() - since).toBeLessThan(4_000);
});

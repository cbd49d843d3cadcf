import { describe, expect, it } from "vitest";
import { errandOf as node } from "./node.ts";
import { errandOf as web } from "./web.ts";

const settled = async (): Promise<void> => undefined;

describe.each([
  ["on Node", node],
  ["on web runtimes", web],
])("an errand %s", (_, errandOf) => {
  it("is run once for all who come meanwhile, and again for who comes after", async () => {
    let runs = 0;
    let finish = (): void => undefined;
    const errand = errandOf(() => {
      runs += 1;
      return new Promise((resolve) => (finish = resolve));
    });
    expect(errand.underWay).toBe(false);
    const all = [errand.join(), errand.join(), errand.join()];
    expect([errand.underWay, runs]).toEqual([true, 1]);
    finish();
    await Promise.all(all);
    expect([errand.underWay, runs]).toEqual([false, 1]);
    const after = errand.join();
    finish();
    await after;
    expect(runs).toBe(2);
  });
});

describe("an errand that is lost with the request that began it", () => {
  it("is run by each who waited for it long enough", async () => {
    const runs: (() => Promise<void>)[] = [() => new Promise(() => undefined), settled];
    const errand = web(() => (runs.shift() ?? settled)());
    void errand.join();
    await errand.join();
    expect(runs).toEqual([]);
    expect(errand.underWay).toBe(false);
  });
});

/** What every file of the suite does around its cases. */
import { afterAll, beforeAll, expect, vi } from "vitest";
import { judged } from "../intended.ts";
import { both, differences } from "./compare.ts";
import type { Pair } from "./compare.ts";
import type { Case, StoreKind } from "./types.ts";
import { openSite } from "./world.ts";
import type { Site } from "./world.ts";

const STORES: readonly StoreKind[] = ["spied", "neutral"];

export interface Suite {
  /** Runs the case with both; they have to be the same on every store of the case, or different
   * as the table says. */
  same(one: Case): Promise<void>;
  run(one: Case, kind: StoreKind): Promise<Pair>;
}

/** A server for the cases of one test file, with the date in its hands; counts them at the end. */
export function suite(what: string): Suite {
  let cases = 0;
  let site: Site | undefined;
  const opened = (): Site => {
    if (site === undefined) throw new Error("cases run within a test");
    return site;
  };
  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    // With a listener, deprecations are told to it and not printed.
    process.on("deprecation" as "warning", () => undefined);
    site = await openSite();
  });
  afterAll(async () => {
    await opened().close();
    vi.useRealTimers();
    console.log(`note: differential: ${what}: ${cases} cases, ${opened().requests} requests`);
  });
  const run = (one: Case, kind: StoreKind): Promise<Pair> => {
    cases++;
    return both(one, kind, opened());
  };
  return {
    run,
    async same(one) {
      const found: string[] = [];
      for (const kind of one.stores ?? STORES) {
        const here = judged(`${one.name} (${kind})`, differences(await run(one, kind)));
        if (here !== "") found.push(`on a store that is ${kind}:`, here);
      }
      expect(found.join("\n"), one.name).toBe("");
    },
  };
}

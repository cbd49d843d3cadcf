/** What every file of the suite does around its cases. */
import { afterAll, beforeAll, expect, vi } from "vitest";
import { judged } from "../intended.ts";
import { both, differences } from "./compare.ts";
import type { Case, StoreKind } from "./types.ts";
import { openSite } from "./world.ts";
import type { Site } from "./world.ts";

const STORES: readonly StoreKind[] = ["spied", "neutral"];

/** A server for the cases of one test file, with the date in its hands; says at the end how many. */
export function suite(what: string): { same(one: Case): Promise<void>; readonly site: Site } {
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
  return {
    get site() {
      return opened();
    },
    /** The same on every store of the case, or different as the table says. */
    async same(one) {
      const found: string[] = [];
      for (const kind of one.stores ?? STORES) {
        cases++;
        const here = judged(`${one.name} (${kind})`, differences(await both(one, kind, opened())));
        if (here !== "") found.push(`on a store that is ${kind}:`, here);
      }
      expect(found.join("\n"), one.name).toBe("");
    },
  };
}

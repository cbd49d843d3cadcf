/** express-session 1.19 and ours, case by case; the rule is that nothing differs. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cookieAttributes } from "./cases/cookie-attributes.ts";
import { cookieInput } from "./cases/cookie-input.ts";
import { faultCases } from "./cases/faults.ts";
import { optionCases } from "./cases/options.ts";
import { placeCases } from "./cases/places.ts";
import { product } from "./cases/product.ts";
import { protocolCases } from "./cases/protocols.ts";
import { responseCases } from "./cases/responses.ts";
import { sessionCases } from "./cases/sessions.ts";
import { both, differences } from "./support/compare.ts";
import type { Case, StoreKind } from "./support/types.ts";
import type { Site } from "./support/world.ts";
import { openSite } from "./support/world.ts";

let site: Site;
let cases = 0;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  // With a listener, deprecations are told to it and not printed.
  process.on("deprecation" as "warning", () => undefined);
  site = await openSite();
});
afterAll(async () => {
  await site.close();
  vi.useRealTimers();
  console.log(`note: differential: ${cases} cases, ${site.requests} requests`);
});

const STORES: readonly StoreKind[] = ["spied", "neutral"];

async function same(one: Case): Promise<void> {
  for (const kind of one.stores ?? STORES) {
    cases++;
    const found = differences(await both(one, kind, site));
    expect(found, `${one.name} (${kind})`).toEqual([]);
  }
}

describe("every combination of options answers as upstream does", () => {
  for (const group of product()) {
    it(group.name, async () => {
      for (const one of group.cases) await same(one);
    });
  }
});

describe.each([
  ["attributes of the cookie", cookieAttributes],
  ["cookies that come in", cookieInput],
  ["options", optionCases],
  ["places of the middleware", placeCases],
  ["answers", responseCases],
  ["stores in trouble", faultCases],
  ["sessions in handlers", sessionCases],
  ["protocols", protocolCases],
] as const)("%s are as upstream's", (_subject, all) => {
  it.each(all)("$name", same);
});

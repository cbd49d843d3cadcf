/** The differences that are the reason for ours: both results, told by name. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { races } from "./cases/races.ts";
import { both } from "./support/compare.ts";
import type { Transcript } from "./support/types.ts";
import { openSite } from "./support/world.ts";
import type { Site } from "./support/world.ts";

let site: Site;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  site = await openSite();
});
afterAll(async () => {
  await site.close();
  vi.useRealTimers();
});

/** What is stored, without cookies and without sessions that hold nothing. */
function rowsOf({ contents }: Transcript): Record<string, unknown>[] {
  return Object.values(contents)
    .map((text) => {
      const { cookie: _cookie, ...rest } = JSON.parse(String(text)) as Record<string, unknown>;
      return rest;
    })
    .filter((row) => Object.keys(row).length > 0);
}

describe("parallel requests", () => {
  it.each(races)("$name", async (race) => {
    const { upstream, ours } = await both(race, "memory", site);
    expect(rowsOf(upstream), "upstream").toEqual(race.upstream);
    expect(rowsOf(ours), "ours").toEqual(race.ours);
  });
});

/** Engines that are several servers, one of which is lost; and Redis below near-caches. */
import { describe, expect, it } from "vitest";
import { isFreshBelowNearCaches, keepsPromises, PLACES } from "./short.ts";
import { worlds } from "./worlds.ts";

keepsPromises("groups");
isFreshBelowNearCaches("redis");

describe("every engine of the fault suite", () => {
  it("has its place in one of these files", () => {
    expect(Object.values(PLACES).flat().toSorted()).toEqual(Object.keys(worlds).toSorted());
  });
});

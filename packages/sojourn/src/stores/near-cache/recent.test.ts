import { describe, expect, it } from "vitest";
import { Recent } from "./recent.ts";

describe("names told of lately", () => {
  it("are known for the whole span, whenever they were told, and not for three", () => {
    for (let toldAt = 0; toldAt < 30; toldAt += 1) {
      const recent = new Recent(10, 100, 0);
      for (let now = 0; now < toldAt; now += 1) recent.note(`before ${now}`, now);
      recent.note("it", toldAt);
      expect(recent.has("it", toldAt + 10)).toBe(true);
      expect(recent.has("it", toldAt + 30)).toBe(false);
      expect(recent.has("another", toldAt)).toBe(false);
    }
  });

  it("are all taken for told when there are more than fit, for the whole span", () => {
    const recent = new Recent(10, 2, 0);
    for (const name of ["a", "b", "c"]) recent.note(name, 5);
    expect(recent.has("anything", 14)).toBe(true);
    expect(recent.has("anything", 15)).toBe(false);
  });
});

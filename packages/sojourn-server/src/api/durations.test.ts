import { Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { Durations } from "./durations.ts";

const SHAPE = {
  name: "took_seconds",
  help: "How long it took.",
  labelNames: ["route", "status"] as ("route" | "status")[],
  buckets: [0.001, 0.01, 0.1],
};

describe("durations", () => {
  it("say what a histogram of the library says of the same, to a scrape and as JSON", async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const quick = new Durations({ ...SHAPE, registers: [ours] });
    const slow = new Histogram({ ...SHAPE, registers: [theirs] });
    expect(await ours.metrics()).toBe(await theirs.metrics());
    // Multiples of 2⁻⁷: no sum depends on its order.
    const all = [0, 0.001, 0.0078125, 0.01, 0.015625, 0.1, 0.25, 3];
    for (const [at, seconds] of all.entries()) {
      const [route, status] = [at % 3 === 0 ? "/a" : "/b", at % 2 === 0 ? "200" : "503"] as const;
      quick.note([route, status], seconds);
      slow.observe({ route, status }, seconds);
    }
    expect(await ours.metrics()).toBe(await theirs.metrics());
    const json = async (registry: Registry): Promise<unknown> => {
      const text = JSON.stringify(await registry.getMetricsAsJSON());
      return JSON.parse(text.replaceAll('"exemplar":null,', ""));
    };
    expect(await json(ours)).toEqual(await json(theirs));
  });
});

import { Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { quantileBounds } from "./quantiles.ts";

function histogram(): Histogram<"route" | "status"> {
  return new Histogram({
    name: "took_seconds",
    help: "How long it took.",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.01, 0.1],
    registers: [new Registry()],
  });
}

const ROUTE = { route: "/a" };

describe("quantiles of a histogram", () => {
  it("are the bound that so many kept, at the very share and not one below", async () => {
    const took = histogram();
    for (let count = 0; count < 99; count += 1) took.observe({ ...ROUTE, status: "200" }, 0.0005);
    took.observe({ ...ROUTE, status: "200" }, 0.05);
    const { count, bounds } = await quantileBounds(took, ROUTE, [0.5, 0.99, 0.991]);
    expect([count, ...bounds]).toEqual([100, 0.001, 0.001, 0.1]);
  });

  it("add up what differs in other labels, and leave other routes out", async () => {
    const took = histogram();
    took.observe({ ...ROUTE, status: "200" }, 0.0005);
    took.observe({ ...ROUTE, status: "503" }, 0.05);
    took.observe({ route: "/b", status: "200" }, 0.05);
    const { count, bounds } = await quantileBounds(took, ROUTE, [0.5, 1]);
    expect([count, ...bounds]).toEqual([2, 0.001, 0.1]);
  });

  it("say nothing of what was slower than every bucket, or never was", async () => {
    const took = histogram();
    expect(await quantileBounds(took, ROUTE, [0.5])).toEqual({ count: 0, bounds: [undefined] });
    took.observe({ ...ROUTE, status: "200" }, 7);
    expect(await quantileBounds(took, ROUTE, [0.5])).toEqual({ count: 1, bounds: [undefined] });
  });
});

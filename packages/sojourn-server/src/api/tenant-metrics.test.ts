import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { OTHER_TENANTS, TENANT_LABELS_MAX, TenantMetrics } from "./tenant-metrics.ts";

const HOUR_MS = 60 * 60_000;

describe("counters by tenant", () => {
  it("have a bounded number of labels, whoever comes", async () => {
    const registry = new Registry();
    const metrics = new TenantMetrics(registry, () => 0);
    for (let index = 0; index < 3 * TENANT_LABELS_MAX; index += 1) {
      metrics.count(`t${index}`, "requests");
    }
    const text = await registry.metrics();
    const series = text.split("\n").filter((line) => line.startsWith("sojourn_tenant_requests"));
    expect(series).toHaveLength(TENANT_LABELS_MAX + 1);
    expect(text).toContain(`{tenant="${OTHER_TENANTS}"} ${2 * TENANT_LABELS_MAX}`);
  });

  it("give the label of a tenant that was quiet for an hour to the busiest other", async () => {
    let now = 0;
    const registry = new Registry();
    const metrics = new TenantMetrics(registry, () => now);
    for (let index = 0; index < TENANT_LABELS_MAX; index += 1) {
      metrics.count(`t${index}`, "requests");
    }
    now = HOUR_MS - 1;
    for (let index = 1; index < TENANT_LABELS_MAX; index += 1) {
      metrics.count(`t${index}`, "requests");
    }
    metrics.count("rare", "requests");
    metrics.count("busy", "requests");
    metrics.count("busy", "requests");
    expect(await registry.metrics()).toContain('{tenant="t0"} 1');
    now = HOUR_MS;
    await registry.metrics();
    metrics.count("busy", "requests");
    metrics.count("t0", "requests");
    const text = await registry.metrics();
    expect(text).toContain('{tenant="busy"} 1');
    expect(text).not.toContain('{tenant="t0"}');
    expect(text).toContain(`{tenant="${OTHER_TENANTS}"} 4`);
  });
});

/** Figures of a running service, counted from its audit trail. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { at, bearer, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService();
});

afterAll(() => s.service.stop());

async function items(query = ""): Promise<readonly Json[]> {
  return (await s.api("GET", `/v1/analytics${query}`)).json["items"] as Json[];
}

/** Over both hours, should the test run across the end of one. */
function sum(all: readonly Json[], path: string): number {
  return all.reduce((total, one) => total + Number(at(one, path) ?? 0), 0);
}

describe("analytics", () => {
  it("counts sign-ins by kind and agent, and ends by reason and duration, by the hour", async () => {
    const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const { id } = await s.open("ann", { client: { userAgent: firefox } });
    await s.open("bob", { kind: "robot" });
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const all = await eventually(async () => {
      const found = await items();
      return sum(found, "ends.total") > 0 ? found : undefined;
    });
    expect(sum(all, "signIns.total")).toBe(2);
    expect(sum(all, "signIns.by.robot")).toBe(1);
    expect(sum(all, "agents.Firefox")).toBe(1);
    expect(sum(all, "agents.unknown")).toBe(1);
    expect(sum(all, "ends.by.revoked")).toBe(1);
    expect(sum(all, "durations.count")).toBe(1);
  });

  it("tells how many sessions live, as the store counts them", async () => {
    const all = await eventually(async () => {
      const found = await items();
      return found.some((one) => at(one, "active") !== undefined) ? found : undefined;
    });
    const { last, peak, exact } = at(all.at(-1), "active") as Json;
    expect([exact, Number(last) > 0, Number(peak) >= Number(last)]).toEqual([true, true, true]);
  });

  it("is read with the scope analytics:read, and of the key's own tenant alone", async () => {
    const without = await s.key("default", ["sessions:read", "audit:read"]);
    const refused = await s.bare("GET", "/v1/analytics", bearer(without));
    expect([refused.status, refused.json["scope"]]).toEqual([403, "analytics:read"]);
    const other = await s.key("other", ["analytics:read"]);
    const { json } = await s.bare("GET", "/v1/analytics", bearer(other));
    expect(sum(json["items"] as Json[], "signIns.total")).toBe(0);
  });

  it("has an item for each step of the time asked for, by hours and days of UTC", async () => {
    const span = "from=2026-03-01T05:30:00Z&to=2026-03-03T06:00:00Z";
    const hours = await items(`?${span}`);
    expect(hours).toHaveLength(49);
    expect(at(hours[0], "at")).toBe("2026-03-01T05:00:00.000Z");
    const days = await items(`?${span}&step=day`);
    expect(days.map((one) => at(one, "at"))).toEqual(
      [1, 2, 3].map((day) => `2026-03-0${day}T00:00:00.000Z`),
    );
    expect(await items()).toHaveLength(25);
    expect(await items("?step=day")).toHaveLength(31);
  });

  it("refuses what cannot be meant, or would be too much at once", async () => {
    for (const [query, status] of [
      ["from=yesterday", 400],
      ["step=week", 400],
      ["from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z", 400],
      ["from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", 400],
      ["from=2026-01-01T00:00:00Z&to=2026-02-02T00:00:00Z", 400],
      ["from=1970-01-01T00:00:00Z&step=day", 400],
      ["tenant=other", 422],
    ] as const) {
      expect([query, (await s.api("GET", `/v1/analytics?${query}`)).status]).toEqual([
        query,
        status,
      ]);
    }
  });
});

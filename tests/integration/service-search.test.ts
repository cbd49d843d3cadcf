/** Search, bulk and operations over HTTP. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { at, bearer, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
});

afterAll(async () => {
  await s.service.stop();
});

function ids(answer: Answer): string[] {
  return (answer.json["items"] as { id: string }[]).map(({ id }) => id);
}

async function search(query: string): Promise<Answer> {
  return s.api("GET", `/v1/sessions?${query}`);
}

/** The index follows the store; whoever has just written waits for it. */
async function eventually(query: string, expected: readonly string[]): Promise<void> {
  await vi.waitFor(
    async () => expect(ids(await search(query)).toSorted()).toEqual(expected.toSorted()),
    { timeout: 15_000, interval: 50 },
  );
}

describe("a search", () => {
  it("finds sessions by each facet, and by several at once", async () => {
    const one = await s.open("ann", {
      device: { id: "d1", label: "Firefox on Linux", address: "203.0.113.9" },
      acr: "aal1",
      clientId: "shop",
      roles: ["admin", "buyer"],
    });
    const two = await s.open("ben", {
      device: { id: "d2", label: "Safari", address: "2001:db8:1:2::3" },
      acr: "aal1",
      clientId: "desk",
      roles: ["buyer"],
    });
    await eventually("role=buyer", [one.id, two.id]);
    for (const query of [
      "address=203.0.113.77",
      "address=203.0.113.0/24",
      "agent=Firefox",
      "client=shop",
      "role=admin",
      "acr=aal1&client=shop",
      "role=buyer&agent=Firefox&subject=ann",
      "sort=createdAt&subject=ann",
    ]) {
      const answer = await search(query);
      expect([query, ids(answer)]).toEqual([query, [one.id]]);
      expect(at(answer.json, "index.complete")).toBe(true);
    }
    expect(ids(await search("address=2001:db8:1::1"))).toEqual([two.id]);
    expect(ids(await search("acr=aal1&client=nobody"))).toEqual([]);
  });

  it("finds ended ones by why they ended", async () => {
    const { id } = await s.open("carl");
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    const whole = await s.open("dora");
    await s.api("POST", "/v1/subjects/dora/revoke");
    await eventually("reason=revoked&subject=carl", [id]);
    await eventually("reason=subject_revoked", [whole.id]);
    await eventually("subject=carl&sort=createdAt", []);
  });
});

describe("a bulk", () => {
  it("is tried out, started by the token of that, and worked off", async () => {
    const mine = await Promise.all([1, 2, 3].map(() => s.open("eve", { clientId: "old-app" })));
    const other = await s.open("eve", { clientId: "new-app" });
    const body = { action: "revoke", filter: { client: "old-app" }, cause: "retired" };
    const tried = await vi.waitFor(async () => {
      const answer = await s.api("POST", "/v1/bulk", { body: { ...body, dryRun: true } });
      expect(answer.status).toBe(200);
      return answer;
    }, 30_000);
    expect([tried.status, at(tried.json, "count.value"), tried.json["everything"]]).toEqual([
      200,
      3,
      false,
    ]);
    const later = await s.open("eve", { clientId: "old-app" });
    const { token } = tried.json as { token: string };
    const started = await s.api("POST", "/v1/bulk", { body: { ...body, token } });
    const id = String(at(started.json, "operation.id"));
    const operation = await finished(id);
    expect(operation).toMatchObject({ state: "done", total: 3, done: 3, failed: 0 });
    for (const session of mine) {
      const { json } = await s.api("GET", `/v1/sessions/${session.id}`);
      expect(at(json, "session.end")).toMatchObject({ reason: "revoked", cause: "retired" });
    }
    for (const session of [other, later]) {
      const { json } = await s.api("GET", `/v1/sessions/${session.id}`);
      expect(at(json, "session.state")).toBe("active");
    }
  });
});

async function finished(id: string): Promise<Json> {
  return vi.waitFor(
    async () => {
      const { json } = await s.api("GET", `/v1/operations/${id}`);
      const operation = json["operation"] as Json;
      expect(operation["state"]).not.toBe("running");
      return operation;
    },
    { timeout: 15_000, interval: 50 },
  );
}

it("answers a key of another tenant as if there were nothing", async () => {
  const key = bearer(await s.key("other"));
  const answer = await s.bare("GET", "/v1/sessions?role=buyer", key);
  expect(ids(answer)).toEqual([]);
});

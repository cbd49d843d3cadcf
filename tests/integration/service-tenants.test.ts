import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { at, bearer, cookie, send, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
});

afterAll(async () => {
  await s.service.stop();
});

let ids = 0;

interface Made {
  readonly id: string;
  readonly call: (method: string, path: string, body?: Json) => Promise<Answer>;
}

async function tenant(wish: Json = {}): Promise<Made> {
  ids += 1;
  const id = `t${ids}`;
  const made = await s.api("POST", "/v1/tenants", { body: { id, ...wish } });
  expect(made.status, made.text).toBe(201);
  const key = await s.key(id, ["sessions:read", "sessions:write", "audit:read"]);
  const call: Made["call"] = (method, path, body) =>
    s.bare(method, path, { ...bearer(key), ...(body === undefined ? {} : { body }) });
  return { id, call };
}

function open(made: Made, subject = "alice", more: Json = {}): Promise<Answer> {
  return made.call("POST", "/v1/sessions", { subject, amr: ["pwd"], ...more });
}

describe("a tenant", () => {
  it("is made, shown, listed, and changed by whoever has read it", async () => {
    const { id } = await tenant({ name: "Acme" });
    const path = `/v1/tenants/${id}`;
    const shown = await s.api("GET", path);
    expect(at(shown.json, "tenant.name")).toBe("Acme");
    expect(at(shown.json, "tenant.ownKey")).toBe(true);
    const etag = String(shown.headers["etag"]);
    const without = await s.api("PATCH", path, { body: { name: "New" } });
    expect(without.status).toBe(428);
    const sent = { body: { name: "New" }, headers: { "if-match": etag } };
    expect(at((await s.api("PATCH", path, sent)).json, "tenant.name")).toBe("New");
    expect((await s.api("PATCH", path, sent)).status).toBe(412);
    const list = (await s.api("GET", "/v1/tenants")).json["items"] as Json[];
    expect(list.map((one) => one["id"])).toContain(id);
    expect(list.map((one) => one["id"])).toContain("default");
    expect((await s.api("POST", "/v1/tenants", { body: { id } })).status).toBe(409);
  });

  it("is listed with what it uses, where that is asked for; an erased one uses nothing", async () => {
    const made = await tenant({ quotas: { sessions: 5 } });
    await open(made);
    await open(made);
    const listed = async (query: string): Promise<Json | undefined> => {
      const items = (await s.api("GET", `/v1/tenants${query}`)).json["items"] as Json[];
      return items.find((one) => one["id"] === made.id);
    };
    expect((await listed("?limit=200"))?.["use"]).toBeUndefined();
    expect((await listed("?limit=200&use=true"))?.["use"]).toEqual({
      sessions: { value: 2, exact: true },
      serviceKeys: 1,
    });
    await s.api("POST", `/v1/tenants/${made.id}/erase`);
    expect((await listed("?limit=200&use=true"))?.["use"]).toBeUndefined();
  });

  it("is refused while it is suspended, and nothing of it has ended after that", async () => {
    const made = await tenant();
    const { token } = (await open(made)).json;
    await s.api("POST", `/v1/tenants/${made.id}/suspend`);
    for (const answer of [
      await open(made),
      await made.call("POST", "/v1/sessions/verify", { token }),
    ]) {
      expect([answer.status, answer.json["code"]]).toEqual([403, "tenant_suspended"]);
    }
    await s.api("POST", `/v1/tenants/${made.id}/resume`);
    const verdict = await made.call("POST", "/v1/sessions/verify", { token });
    expect(verdict.json["state"]).toBe("active");
  });

  it("loses its key when it is erased, its sessions and its service keys", async () => {
    const made = await tenant();
    await open(made);
    const erased = await s.api("POST", `/v1/tenants/${made.id}/erase`);
    expect([at(erased.json, "tenant.state"), at(erased.json, "tenant.ownKey")]).toEqual([
      "erased",
      false,
    ]);
    expect(at(erased.json, "tenant.purgedAt")).toBeDefined();
    expect((await open(made)).status).toBe(401);
    expect((await s.api("POST", `/v1/tenants/${made.id}/erase`)).status).toBe(200);
    expect((await s.api("POST", `/v1/tenants/${made.id}/resume`)).status).toBe(409);
    await expect(s.key(made.id)).rejects.toThrow(/was erased/);
  });

  it("tightens the policy and never loosens it", async () => {
    const made = await tenant({ policy: { idleMs: "5m" } });
    const session = (await open(made)).json["session"] as Json;
    const idle = Date.parse(String(session["idleExpiresAt"]));
    expect(idle - Date.parse(String(session["createdAt"]))).toBe(5 * 60_000);
    const looser = await s.api("POST", "/v1/tenants", {
      body: { id: "loose", policy: { absoluteMs: "900d" } },
    });
    expect(looser.status, looser.text).toBe(400);
    expect(JSON.stringify(looser.json["errors"])).toContain("policy.absoluteMs");
  });

  it("is made once with one Idempotency-Key, and its key must have the scope", async () => {
    const body = { id: "once" };
    const headers = { "idempotency-key": "make-once" };
    const first = await s.api("POST", "/v1/tenants", { body, headers });
    const again = await s.api("POST", "/v1/tenants", { body, headers });
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    const other = await s.api("POST", "/v1/tenants", { body: { id: "two" }, headers });
    expect(other.json["code"]).toBe("idempotency_conflict");
    const { call } = await tenant();
    const refused = await call("GET", "/v1/tenants");
    expect([refused.status, refused.json["scope"]]).toEqual([403, "tenants:write"]);
  });

  it("that is unknown, or cannot be one, is named so", async () => {
    for (const act of ["suspend", "resume", "erase"]) {
      expect((await s.api("POST", `/v1/tenants/nobody/${act}`)).status).toBe(404);
    }
    expect((await s.api("GET", "/v1/tenants/nobody")).status).toBe(404);
    const bad = await s.api("POST", "/v1/tenants", { body: { id: "no spaces" } });
    expect(JSON.stringify(bad.json["errors"])).toContain("letters, digits");
    const none = await s.api("POST", "/v1/tenants", {
      body: { id: "t", quotas: { sessions: 0 } },
    });
    expect(none.status).toBe(400);
    const own = await s.api("POST", "/v1/tenants/default/erase");
    expect([own.status, own.text.includes("cannot be erased")]).toEqual([400, true]);
    const stale = { headers: { "if-match": '"9"' } };
    const { id } = await tenant();
    expect((await s.api("POST", `/v1/tenants/${id}/suspend`, stale)).status).toBe(412);
    const odd = { headers: { "if-match": '"x"' } };
    expect((await s.api("POST", `/v1/tenants/${id}/suspend`, odd)).status).toBe(412);
  });

  it("is held to its requests per second, by all of its keys together", async () => {
    const made = await tenant({ quotas: { requestsPerSecond: 1 } });
    // Its bucket holds two: of many at once, most are too many.
    const asked = Array.from({ length: 20 }, () => made.call("GET", "/v1/subjects/a"));
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.json["code"]).toBe("rate_limited");
    expect(String(refused[0]?.json["detail"])).toContain("1 requests per second");
    expect(Number(refused[0]?.headers["retry-after"])).toBeGreaterThan(0);
    const patch = { body: { quotas: { requestsPerSecond: null } }, headers: { "if-match": "*" } };
    expect((await s.api("PATCH", `/v1/tenants/${made.id}`, patch)).status).toBe(200);
    expect((await made.call("GET", "/v1/subjects/a")).status).toBe(200);
  });

  it("has as many service keys as its quota allows, and is told so", async () => {
    const made = await tenant({ quotas: { serviceKeys: 1 } });
    await expect(s.key(made.id)).rejects.toThrow(/as many as its quota allows/);
  });

  it("follows a change of its policy at once, and keeps the other's", async () => {
    const [one, other] = [await tenant(), await tenant()];
    const body = { policy: { idleMs: "2m" } };
    const headers = { "if-match": "*" };
    const changed = await s.api("PATCH", `/v1/tenants/${one.id}`, { body, headers });
    expect(at(changed.json, "tenant.policy")).toEqual({ idleMs: 120_000 });
    const idleOf = async (made: Made): Promise<unknown> =>
      at((await open(made)).json, "session.idleSeconds");
    expect([await idleOf(one), (await idleOf(other)) === 120]).toEqual([120, false]);
    await s.api("PATCH", `/v1/tenants/${one.id}`, { body: { policy: null }, headers });
    expect(await idleOf(one)).toBe(await idleOf(other));
  });

  it("is held to its quotas in words", async () => {
    const made = await tenant({ quotas: { sessions: 2, sessionsPerSubject: 1 } });
    expect((await open(made, "a")).status).toBe(201);
    const again = await open(made, "a");
    expect([again.status, again.json["code"]]).toEqual([409, "limit_reached"]);
    expect((await open(made, "b")).status).toBe(201);
    const third = await open(made, "c");
    expect([third.status, third.json["code"]]).toEqual([409, "limit_reached"]);
    expect(String(third.json["detail"])).toContain("2");
  });
});

describe("the tenant of the service's own cookies", () => {
  it("answers browsers and gateways 403 while it is suspended, and ends nobody", async () => {
    const { token } = await s.open("browser");
    await s.api("POST", "/v1/tenants/default/suspend");
    for (const path of ["/v1/session", "/v1/forward-auth"]) {
      const answer = await s.bare("GET", path, cookie(token));
      expect([path, answer.status, answer.json["code"]]).toEqual([path, 403, "tenant_suspended"]);
      expect(answer.headers["set-cookie"]).toBeUndefined();
      expect(answer.headers["clear-site-data"]).toBeUndefined();
    }
    // By a key of the very tenant: only what it may administer is left to it.
    expect((await s.api("GET", "/v1/sessions")).status).toBe(403);
    expect((await s.api("POST", "/v1/tenants/default/resume")).status).toBe(200);
    expect((await s.bare("GET", "/v1/session", cookie(token))).status).toBe(200);
  });
});

describe("what is told of tenants", () => {
  it("is in the trail of the tenant; an erased one's texts are gone and the chain holds", async () => {
    const made = await tenant({ name: "Told" });
    await open(made, "somebody-of-theirs");
    await s.api("POST", `/v1/tenants/${made.id}/suspend`);
    await s.api("POST", `/v1/tenants/${made.id}/resume`);
    const body = { policy: { idleMs: "2m" } };
    await s.api("PATCH", `/v1/tenants/${made.id}`, { body, headers: { "if-match": "*" } });
    const names = async (): Promise<unknown[]> => {
      const { json } = await made.call("GET", "/v1/audit?limit=200");
      return (json["items"] as Json[]).map((item) => item["name"]);
    };
    await vi.waitFor(
      async () =>
        expect(await names()).toEqual(
          expect.arrayContaining([
            "tenant-created",
            "service-key-created",
            "session-established",
            "tenant-suspended",
            "tenant-resumed",
            "policy-change",
          ]),
        ),
      { timeout: 10_000 },
    );
    const erased = await s.api("POST", `/v1/tenants/${made.id}/erase`);
    expect(at(erased.json, "tenant.purgedAt")).toBeDefined();
  });

  it("in metrics is a label, and in the log nothing of another tenant", async () => {
    const [one, other] = [await tenant(), await tenant()];
    await open(other, "subject-of-the-other", { data: { note: "data-of-the-other" } });
    await open(one, "subject-of-one");
    const lines = s.logs.map((line) => JSON.parse(line) as Json);
    const ofOne = lines
      .filter((line) => line["tenant"] === one.id)
      .map((line) => JSON.stringify(line));
    expect(ofOne.length).toBeGreaterThan(1);
    expect(ofOne.join("")).not.toContain("of-the-other");
    expect(s.logs.join("")).not.toContain("data-of-the-other");
    const url = `${s.service.metricsUrl}`.replace(/\/metrics$/, "");
    const metrics = (await send(`${url}/metrics`, "GET")).text;
    expect(metrics).toContain(`sojourn_tenant_sessions_opened_total{tenant="${one.id}"} 1`);
    expect(metrics).not.toContain("of-the-other");
    expect(metrics).not.toMatch(/ses_|sj1/);
    const naming = metrics.split("\n").filter((line) => line.includes(`"${other.id}"`));
    expect(naming.every((line) => line.startsWith("sojourn_tenant_"))).toBe(true);
  });
});

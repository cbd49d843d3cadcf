/** Webhooks of a running service: who manages them, what is sent, and how often. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startReceiver, verified } from "../support/webhook-receiver.ts";
import type { Received, Receiver } from "../support/webhook-receiver.ts";
import { at, bearer, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

let s: TestService;
let receiver: Receiver;
const env = { SOJOURN_WEBHOOK_NETWORKS: "127.0.0.0/8, ::1/128" };
beforeAll(async () => {
  s = await startTestService({ env });
});

afterAll(() => s.service.stop());

afterEach(async () => {
  const { json } = await s.api("GET", "/v1/webhooks");
  for (const { id } of json["items"] as Json[]) await s.api("DELETE", `/v1/webhooks/${String(id)}`);
  await receiver.close();
});

interface Made {
  readonly id: string;
  readonly secret: string;
}

async function webhook(events: readonly string[] = [], more: Json = {}): Promise<Made> {
  const body = { url: receiver.url, events, ...more };
  const { status, json } = await s.api("POST", "/v1/webhooks", { body });
  expect(status).toBe(201);
  return { id: String(at(json, "webhook.id")), secret: String(json["secret"]) };
}

/** Those about this subject. */
function about(subject: string): readonly Received[] {
  return receiver.got.filter(({ json }) => json.data["subject"] === subject);
}

async function come(subject: string, count = 1): Promise<readonly Received[]> {
  return eventually(() => (about(subject).length >= count ? about(subject) : undefined));
}

async function deliveries(id: string, query = ""): Promise<readonly Json[]> {
  const { json } = await s.api("GET", `/v1/webhooks/${id}/deliveries${query}`);
  return json["items"] as Json[];
}

describe("a webhook", () => {
  it("is sent what its tenant's sessions do, signed as Standard Webhooks says", async () => {
    receiver = await startReceiver();
    const { id, secret } = await webhook(["session-ended"]);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const opened = await s.open("ann");
    const headers = { "x-request-id": "req-1" };
    const body = { cause: "lost_laptop" };
    await s.api("POST", `/v1/sessions/${opened.id}/revoke`, { headers, body });
    const [got] = await come("ann");
    if (got === undefined) throw new Error("nothing came");
    expect(verified(got, secret)).toEqual(got.json);
    expect(() => verified({ ...got, body: got.body.replace("ann", "bob") }, secret)).toThrow(
      "No matching signature",
    );
    expect(got.json).toMatchObject({
      type: "session-ended",
      data: { session: opened.id, reason: "revoked", cause: "lost_laptop", request: "req-1" },
    });
    expect(got.headers["webhook-id"]).toMatch(/^msg_[\w-]+$/);
    const [done] = await eventually(async () => {
      const items = await deliveries(id, "?state=done");
      return items.length > 0 ? items : undefined;
    });
    expect(done).toMatchObject({ id: got.headers["webhook-id"], tries: 1, status: 200 });
    // Opening her session was not asked for.
    expect(receiver.got.map(({ json }) => json.type)).toEqual(["session-ended"]);
  });

  it("is sent nothing of another tenant, and is not found by it", async () => {
    receiver = await startReceiver();
    const { id } = await webhook();
    const other = await s.key("other");
    const body = { subject: "theirs", amr: ["pwd"] };
    await s.bare("POST", "/v1/sessions", { ...bearer(other), body });
    await s.open("ours");
    await come("ours");
    expect(receiver.got.every(({ json }) => json.data["tenant"] === "default")).toBe(true);
    const listed = await s.bare("GET", "/v1/webhooks", bearer(other));
    expect(listed.json["items"]).toEqual([]);
    for (const [method, tail, sent] of [
      ["GET", "", {}],
      ["PATCH", "", { enabled: false }],
      ["DELETE", "", undefined],
      ["GET", "/deliveries", undefined],
      ["POST", "/test", {}],
      ["POST", "/rotate-secret", {}],
      ["POST", "/replay", { dead: true }],
    ] as const) {
      const path = `/v1/webhooks/${id}${tail}`;
      const given = method === "GET" || sent === undefined ? {} : { body: sent };
      const foreign = await s.bare(method, path, { ...bearer(other), ...given });
      const unknown = await s.api(method, `/v1/webhooks/whk_none${tail}`, given);
      expect([method, tail, foreign.status, foreign.json["code"]]).toEqual([
        method,
        tail,
        404,
        "not_found",
      ]);
      expect(foreign.json["detail"]).toBe(unknown.json["detail"]);
    }
  });

  it("is managed with the scope webhooks:write alone", async () => {
    receiver = await startReceiver();
    const { id } = await webhook();
    const without = await s.key("default", ["sessions:read", "sessions:write", "audit:read"]);
    for (const [method, path] of [
      ["GET", "/v1/webhooks"],
      ["POST", "/v1/webhooks"],
      ["GET", `/v1/webhooks/${id}`],
      ["PATCH", `/v1/webhooks/${id}`],
      ["DELETE", `/v1/webhooks/${id}`],
      ["GET", `/v1/webhooks/${id}/deliveries`],
      ["POST", `/v1/webhooks/${id}/test`],
      ["POST", `/v1/webhooks/${id}/rotate-secret`],
      ["POST", `/v1/webhooks/${id}/replay`],
    ] as const) {
      const { status, json } = await s.bare(method, path, bearer(without));
      expect([method, path, status, json["scope"]]).toEqual([method, path, 403, "webhooks:write"]);
    }
  });

  it("is refused where it cannot be meant, and each problem is named", async () => {
    receiver = await startReceiver();
    const url = "https://example.com/hooks";
    for (const [body, status, path] of [
      [{}, 400, "url"],
      [{ url: "example.com" }, 400, "url"],
      [{ url: "ftp://example.com/" }, 400, "url"],
      [{ url: "http://example.com/" }, 400, "url"],
      [{ url: "https://user:pass@example.com/" }, 400, "url"],
      [{ url: "https://169.254.169.254/latest" }, 400, "url"],
      [{ url: "https://10.1.2.3/" }, 400, "url"],
      [{ url: "https://[::ffff:10.1.2.3]/" }, 400, "url"],
      [{ url: "https://0x0a.1/" }, 400, "url"],
      [{ url: `https://example.com/${"x".repeat(2_048)}` }, 400, "url"],
      [{ url, events: ["session-endet"] }, 400, "events"],
      [{ url, events: "session-ended" }, 400, "events"],
      [{ url, description: "x".repeat(257) }, 400, "description"],
      [{ url, secret: "whsec_mine" }, 422, "secret"],
    ] as const) {
      const answer = await s.api("POST", "/v1/webhooks", { body });
      const [error] = (answer.json["errors"] ?? []) as Json[];
      expect([body, answer.status, error?.["path"]]).toEqual([body, status, path]);
      expect(answer.text).not.toContain("pass@");
    }
    for (const body of [{}, { dead: true, delivery: "msg_x" }, { to: "2026-01-01T00:00:00Z" }]) {
      const { id } = await webhook();
      const answer = await s.api("POST", `/v1/webhooks/${id}/replay`, { body });
      expect([body, answer.status]).toEqual([body, 400]);
      const none = { body: { delivery: "msg_none" } };
      expect((await s.api("POST", `/v1/webhooks/${id}/replay`, none)).status).toBe(404);
    }
  });

  it("is one of fifty at most of a tenant", async () => {
    receiver = await startReceiver();
    const key = bearer(await s.key("many"));
    const body = { url: receiver.url, events: ["session-extended"] };
    const statuses: number[] = [];
    for (let each = 0; each < 51; each += 1) {
      statuses.push((await s.bare("POST", "/v1/webhooks", { ...key, body })).status);
    }
    expect(statuses.filter((status) => status === 201)).toHaveLength(50);
    expect(statuses.at(-1)).toBe(409);
  });

  it("is made once however often it is asked for, and changed only onto the version read", async () => {
    receiver = await startReceiver();
    const headers = { "idempotency-key": "hook-1" };
    const body = { url: receiver.url };
    const first = await s.api("POST", "/v1/webhooks", { body, headers });
    const again = await s.api("POST", "/v1/webhooks", { body, headers });
    expect(again.json).toEqual(first.json);
    const other = await s.api("POST", "/v1/webhooks", {
      body: { url: `${receiver.url}/x` },
      headers,
    });
    expect([other.status, other.json["code"]]).toEqual([422, "idempotency_conflict"]);
    const path = String(first.headers.location);
    expect(path).toBe(`/v1/webhooks/${String(at(first.json, "webhook.id"))}`);
    const stale = { "if-match": String(first.headers.etag) };
    const change = { body: { enabled: false }, headers: stale };
    expect((await s.api("PATCH", path, change)).json["webhook"]).toMatchObject({
      enabled: false,
      disabledBy: "operator",
      version: "2",
    });
    for (const [method, tail, sent] of [
      ["PATCH", "", { body: { enabled: true } }],
      ["POST", "/rotate-secret", { body: {} }],
      ["DELETE", "", {}],
    ] as const) {
      const { status } = await s.api(method, path + tail, { ...sent, headers: stale });
      expect([method, tail, status]).toEqual([method, tail, 412]);
    }
  });

  it("shows its secret once, and puts neither it nor the path of its URL into the trail", async () => {
    receiver = await startReceiver();
    const body = { url: `${receiver.url}/services/canary-path?key=canary-query` };
    const made = await s.api("POST", "/v1/webhooks", { body });
    const path = String(made.headers.location);
    const rotated = await s.api("POST", `${path}/rotate-secret`, { body: { overlap: 60 } });
    const secrets = [made, rotated].map(({ json }) => String(json["secret"]));
    expect(new Set(secrets).size).toBe(2);
    expect(at(rotated.json, "webhook.oldSecretUntil")).toBeDefined();
    await s.api("POST", `${path}/test`, { body: {} });
    expect((await s.api("DELETE", path)).json["deleted"]).toBe(true);
    const names = [
      "webhook-created",
      "webhook-secret-rotated",
      "webhook-tested",
      "webhook-deleted",
    ];
    for (const name of names) {
      await eventually(async () => {
        const { json } = await s.api("GET", `/v1/audit?name=${name}&limit=1`);
        const [entry] = json["items"] as Json[];
        return at(entry, "detail.webhook") === path.slice(13) ? entry : undefined;
      });
    }
    const trail = await s.api("GET", "/v1/audit/export");
    const shown = await s.api("GET", "/v1/webhooks");
    for (const secret of [...secrets, "canary-path", "canary-query", "whsec_"]) {
      expect([trail.text.includes(secret), s.logs.join("").includes(secret)]).toEqual([
        false,
        false,
      ]);
    }
    expect(shown.text).not.toContain("whsec_");
  });

  it("is tested at once: what the receiver answered, or why nothing came of it", async () => {
    receiver = await startReceiver();
    const { id, secret } = await webhook(["session-ended"]);
    const test = async (): Promise<Json> =>
      (await s.api("POST", `/v1/webhooks/${id}/test`, { body: {} })).json;
    expect(await test()).toMatchObject({ delivered: true, status: 200 });
    const [got] = receiver.got;
    if (got === undefined) throw new Error("nothing came");
    expect(verified(got, secret)).toMatchObject({ type: "webhook-test", data: { webhook: id } });
    receiver.answer = (response) => void response.writeHead(404).end();
    expect(await test()).toMatchObject({ delivered: false, status: 404, trouble: "status" });
    const port = new URL(receiver.url).port;
    for (const [url, trouble] of [
      [`https://127.0.0.1:${port}/`, "tls"],
      [`https://localhost:1/`, "connection"],
      [`https://${"x".repeat(63)}.${"y".repeat(200)}/`, "unresolved"],
    ] as const) {
      await s.api("PATCH", `/v1/webhooks/${id}`, { body: { url } });
      expect([url, await test()]).toMatchObject([url, { delivered: false, trouble }]);
    }
  });

  it("can be sent what it missed, by what failed or since when, with the ids it had", async () => {
    receiver = await startReceiver();
    const began = new Date(Date.now() - 1).toISOString();
    const { id } = await webhook(["session-established"]);
    const path = `/v1/webhooks/${id}`;
    await s.open("missed");
    const [first] = await come("missed");
    const messageId = String(first?.headers["webhook-id"]);
    const replay = async (body: Json): Promise<Json> =>
      (await s.api("POST", `${path}/replay`, { body })).json;
    await eventually(async () =>
      (await deliveries(id, "?state=done")).length > 0 ? 1 : undefined,
    );
    expect(await replay({ delivery: messageId })).toMatchObject({ queued: 1, complete: true });
    await come("missed", 2);
    await s.api("PATCH", path, { body: { enabled: false } });
    await s.open("unheard");
    await eventually(async () => {
      const { json } = await s.api("GET", "/v1/audit?subject=unheard");
      return (json["items"] as Json[]).length > 0 ? json : undefined;
    });
    await s.api("PATCH", path, { body: { enabled: true } });
    await replay({ from: began });
    const [late] = await come("unheard");
    expect(late?.json.type).toBe("session-established");
    const ids = (await come("missed", 3)).map(({ headers }) => headers["webhook-id"]);
    expect(new Set(ids)).toEqual(new Set([messageId]));
    const paged = await s.api("GET", `${path}/deliveries?limit=1`);
    const next = String(paged.json["nextCursor"]);
    const second = await s.api("GET", `${path}/deliveries?limit=1&cursor=${next}`);
    expect(at(second.json, "items.0.id")).not.toBe(at(paged.json, "items.0.id"));
    const foreign = await s.api("GET", `${path}/deliveries?state=done&cursor=${next}`);
    expect(foreign.status).toBe(400);
  });
});

describe("without networks that are allowed", () => {
  it("nothing is sent to this machine, whatever name leads to it", async () => {
    receiver = await startReceiver();
    const strict = await startTestService();
    try {
      const port = new URL(receiver.url).port;
      const refused = await strict.api("POST", "/v1/webhooks", { body: { url: receiver.url } });
      expect(refused.status).toBe(400);
      const url = `https://localhost:${port}/`;
      const made = await strict.api("POST", "/v1/webhooks", { body: { url } });
      const path = String(made.headers.location);
      const test = await strict.api("POST", `${path}/test`, { body: {} });
      expect(test.json).toMatchObject({ delivered: false, trouble: "refused-address" });
      expect(receiver.got).toEqual([]);
    } finally {
      await strict.service.stop();
    }
  });
});

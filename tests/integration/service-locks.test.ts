/** Locks of the service: on every way in, in every process, and whose they are. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { at, bearer, cookie, folder, send, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";
import { Listener } from "./service-listener.ts";

/** Until another process has heard of it: half a second. The bound is for a busy machine. */
const MESSAGE = "Your account is on hold. Call +1 555 0100.";

describe("a lock of the service", () => {
  const place = folder();
  const env = { SOJOURN_STORE: `sqlite:${place.path}/sojourn.db`, SOJOURN_RATE_LIMIT: "0" };
  let s: TestService;
  let other: TestService;

  beforeAll(async () => {
    s = await startTestService({ env });
    other = await startTestService({ env });
  });

  afterAll(async () => {
    await s.service.stop();
    await other.service.stop();
    place.remove();
  });

  const set = async (body: Json, by = s): Promise<Json> => {
    const answer = await by.api("POST", "/v1/locks", { body: { message: MESSAGE, ...body } });
    expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
    return answer.json["lock"] as Json;
  };
  const lift = (lock: Json, by = s): Promise<Answer> =>
    by.api("DELETE", `/v1/locks/${String(lock["id"])}`);
  const verify = async (token: string, by = s, more: Json = {}): Promise<Json> => {
    const { json } = await by.api("POST", "/v1/sessions/verify", { body: { token, ...more } });
    const { serverTime: _now, session: _session, etag: _etag, ...rest } = json;
    return rest;
  };
  const opening = (subject: string, more: Json = {}, by = s): Promise<Answer> =>
    by.api("POST", "/v1/sessions", { body: { subject, amr: ["pwd"], ...more } });

  it("refuses new sessions of a subject with its message, and ends the live ones", async () => {
    const { token } = await s.open("ann");
    const lock = await set({ kind: "subject", value: "ann", reason: "fraud" });
    expect(lock).toMatchObject({ kind: "subject", value: "ann", reason: "fraud" });
    const ended = { state: "ended", reason: "subject_revoked" };
    expect(await verify(token)).toMatchObject({ ...ended, message: MESSAGE });
    const refused = await opening("ann");
    expect([refused.status, refused.json["code"]]).toEqual([403, "locked_out"]);
    expect(refused.json["message"]).toBe(MESSAGE);
    expect((await opening("bea")).status).toBe(201);
    expect((await lift(lock)).status).toBe(200);
    expect((await opening("ann")).status).toBe(201);
    expect(await verify(token)).toMatchObject({ state: "ended", reason: "subject_revoked" });
  });

  const TARGETS: readonly (readonly [string, Json, Json, Json])[] = [
    ["device", { kind: "device", value: "dev-1" }, { device: { id: "dev-1" } }, {}],
    ["client", { kind: "client", value: "app-1" }, { clientId: "app-1" }, {}],
    [
      "network",
      { kind: "network", value: "203.0.113.0/24" },
      { client: { address: "203.0.113.9" } },
      { client: { address: "203.0.113.9" } },
    ],
    ["tenant", { kind: "tenant", confirm: true }, {}, {}],
  ];

  it.each(TARGETS)("keeps a %s out in both processes, for as long as it holds", async (...row) => {
    const [name, target, opened, shown] = row;
    const { token } = await s.open(`of-${name}`, opened);
    const untouched = await s.open(`beside-${name}`, opened);
    expect(await verify(token, other, shown)).toMatchObject({ state: "active" });
    const lock = await set(target);
    const ended = { state: "ended", reason: "locked_out", message: MESSAGE };
    expect(await verify(token, s, shown)).toMatchObject(ended);
    await eventually(
      async () => (await verify(untouched.token, other, shown))["state"] === "ended",
    );
    expect(await verify(untouched.token, other, shown)).toMatchObject(ended);
    const refused = await opening("new", opened, other);
    expect([refused.status, refused.json["code"]]).toEqual([403, "locked_out"]);
    await lift(lock, other);
    await eventually(async () => (await opening("new", opened)).status === 201);
    // What it ended stays ended, and says nothing of a lock that is gone.
    expect(await verify(token, s, shown)).toEqual({
      state: "ended",
      reason: "locked_out",
      cacheSeconds: 0,
    });
  });

  it("closes the live streams of whom it keeps out, in the other process too", async () => {
    const { token } = await s.open("streaming", { device: { id: "dev-stream" } });
    const listeners = [s, other].map(
      ({ service }) => new Listener(`${service.url}/v1/session/stream`, cookie(token)),
    );
    for (const one of listeners) await one.until(() => one.heard("hello") !== undefined);
    await set({ kind: "device", value: "dev-stream" }, other);
    for (const one of listeners) {
      await one.until(() => one.ended, 20_000);
      expect(one.heard("ended")?.data).toMatchObject({ reason: "locked_out" });
      one.stop();
    }
  });

  it("closes the streams from a network that was free when they were opened", async () => {
    const { token } = await s.open("from-here");
    const stream = new Listener(`${s.service.url}/v1/session/stream`, cookie(token));
    await stream.until(() => stream.heard("hello") !== undefined);
    const lock = await set({ kind: "network", value: "127.0.0.1" }, other);
    await stream.until(() => stream.ended, 20_000);
    expect(stream.heard("ended")?.data).toEqual({ reason: "locked_out", message: MESSAGE });
    await lift(lock, other);
  });

  it("keeps out on every way in, with the message where a person reads it", async () => {
    const opened = await s.open("everywhere", { clientId: "way-in" });
    const lock = await set({ kind: "client", value: "way-in" });
    const spare = { subject: "everywhere", clientId: "way-in" };
    const { token, id } = opened;
    const self = await s.bare("GET", "/v1/session", cookie(token));
    const ended = { code: "session_ended", reason: "locked_out", message: MESSAGE };
    expect([self.status, self.json]).toEqual([401, expect.objectContaining(ended)]);
    const asked = await s.bare("GET", "/v1/forward-auth", bearer(token));
    expect([asked.status, asked.headers["x-session-problem"], asked.json]).toEqual([
      401,
      "session_ended",
      expect.objectContaining(ended),
    ]);
    const batch = await s.api("POST", "/v1/sessions/verify", { body: { tokens: [token, "x"] } });
    expect(batch.json["results"]).toEqual([
      { state: "ended", reason: "locked_out", message: MESSAGE, cacheSeconds: 0 },
      { state: "unknown", cacheSeconds: 0 },
    ]);
    const { json } = await s.api("GET", `/v1/sessions/${id}`);
    expect(at(json, "session.end")).toMatchObject({ reason: "locked_out" });
    for (const [method, path, body] of [
      ["POST", `/v1/sessions/${id}/extend`, undefined],
      ["POST", `/v1/sessions/${id}/rotate`, undefined],
      ["PATCH", `/v1/sessions/${id}`, { data: { a: 1 } }],
    ] as const) {
      const answer = await s.api(method, path, body === undefined ? {} : { body });
      expect([path, answer.status]).toEqual([path, answer.status === 404 ? 404 : 409]);
    }
    const stream = new Listener(`${s.service.url}/v1/session/stream`, {
      headers: { ...cookie(token).headers, "last-event-id": "a-1" },
    });
    await stream.until(() => stream.ended);
    expect(stream.heard("ended")?.data).toEqual({ reason: "locked_out", message: MESSAGE });
    const refused = await opening("everywhere", spare);
    expect(refused.json).toMatchObject({ code: "locked_out", message: MESSAGE, status: 403 });
    await lift(lock);
  });

  it("tells until when, and lets in again by itself", async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const lock = await set({ kind: "subject", value: "for-a-while", expiresAt });
    expect((await opening("for-a-while")).json).toMatchObject({ code: "locked_out", expiresAt });
    await set({
      kind: "subject",
      value: "for-a-while",
      expiresAt: new Date(Date.now() + 1_500).toISOString(),
    });
    await eventually(async () => (await opening("for-a-while")).status === 201);
    expect((await s.api("GET", `/v1/locks/${String(lock["id"])}`)).status).toBe(404);
  });

  it("ends a single session, and keeps its id out", async () => {
    const { id, token } = await s.open("single");
    const { json } = await s.api("POST", "/v1/locks", {
      body: { kind: "session", value: id, message: MESSAGE },
    });
    expect(json["ended"]).toBe(1);
    const ended = { state: "ended", reason: "locked_out" };
    expect(await verify(token)).toMatchObject({ ...ended, message: MESSAGE });
    const again = await s.open("single-again");
    // Ended when it is locked, and not only when it is presented.
    await lift(await set({ kind: "session", value: again.id }));
    expect(await verify(again.token)).toEqual({ ...ended, cacheSeconds: 0 });
    expect((await opening("single")).status).toBe(201);
  });

  it("is of one tenant: a key of another neither sees, lifts nor feels it", async () => {
    const key = bearer(await s.key("acme"));
    const mine = await set({ kind: "subject", value: "crossed" });
    const path = `/v1/locks/${String(mine["id"])}`;
    const none = await s.bare("GET", "/v1/locks/lck_AAAAAAAAAAAAAAAAAAAAAAAA", key);
    for (const method of ["GET", "DELETE"]) {
      const answer = await s.bare(method, path, key);
      expect([answer.status, answer.json["code"]]).toEqual([404, "not_found"]);
      expect(answer.json).toEqual(none.json);
    }
    expect((await s.bare("GET", "/v1/locks", key)).json["items"]).toEqual([]);
    const opened = await s.bare("POST", "/v1/sessions", { ...key, body: { subject: "crossed" } });
    expect(opened.status).toBe(201);
    const theirs = await s.bare("POST", "/v1/locks", {
      ...key,
      body: { kind: "tenant", confirm: true, message: MESSAGE },
    });
    expect((await opening("of-default")).status).toBe(201);
    expect((await s.bare("POST", "/v1/sessions", { ...key, body: { subject: "x" } })).status).toBe(
      403,
    );
    // A tenant that is locked is lifted by its own key.
    const id = String((theirs.json["lock"] as Json)["id"]);
    expect((await s.bare("DELETE", `/v1/locks/${id}`, key)).status).toBe(200);
    expect((await lift(mine)).status).toBe(200);
  });

  it("is set and lifted with locks:write, and read with sessions:read", async () => {
    const reader = bearer(await s.key("default", ["sessions:read"]));
    const writer = bearer(await s.key("default", ["locks:write"]));
    const body = { kind: "subject", value: "scoped", message: MESSAGE };
    const refused = await s.bare("POST", "/v1/locks", { ...reader, body });
    expect([refused.status, refused.json["scope"]]).toEqual([403, "locks:write"]);
    const { json } = await s.bare("POST", "/v1/locks", { ...writer, body });
    const path = `/v1/locks/${String((json["lock"] as Json)["id"])}`;
    expect((await s.bare("GET", path, reader)).status).toBe(200);
    expect((await s.bare("GET", path, writer)).json["scope"]).toBe("sessions:read");
    expect((await s.bare("DELETE", path, reader)).status).toBe(403);
    expect((await s.bare("DELETE", path, writer)).status).toBe(200);
  });

  const SUBJECT = { kind: "subject", value: "bad-input", message: MESSAGE };
  const WRONG: readonly (readonly [string, Json, string])[] = [
    ["no message", { kind: "subject", value: "x", message: "" }, "message"],
    ["a message of a novel", { ...SUBJECT, message: "x".repeat(501) }, "message"],
    ["a message of two lines", { ...SUBJECT, message: "a\nb" }, "message"],
    ["a reason too long", { ...SUBJECT, reason: "x".repeat(257) }, "reason"],
    ["an expiry in the past", { ...SUBJECT, expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt"],
    ["an expiry that is none", { ...SUBJECT, expiresAt: "tomorrow" }, "expiresAt"],
    ["a kind that is none", { ...SUBJECT, kind: "person" }, "kind"],
    ["nobody", { kind: "subject", message: MESSAGE }, "value"],
    ["a value of a terminal", { ...SUBJECT, value: "a\u001b[2J" }, "value"],
    ["a subject too long", { ...SUBJECT, value: "x".repeat(513) }, "value"],
    ["a client too long", { ...SUBJECT, kind: "client", value: "x".repeat(257) }, "value"],
    ["a session that is none", { ...SUBJECT, kind: "session", value: "ses_1" }, "value"],
    ["no network", { ...SUBJECT, kind: "network", value: "everywhere" }, "value"],
    ["too many bits", { ...SUBJECT, kind: "network", value: "10.0.0.0/33" }, "value"],
    ["bits behind its own", { ...SUBJECT, kind: "network", value: "10.0.0.1/8" }, "value"],
    ["a padded network", { ...SUBJECT, kind: "network", value: " 10.0.0.0/8" }, "value"],
    ["octets with zeros", { ...SUBJECT, kind: "network", value: "010.0.0.0/8" }, "value"],
    ["all of IPv4, unsaid", { ...SUBJECT, kind: "network", value: "0.0.0.0/0" }, "confirm"],
    ["all of IPv6, unsaid", { ...SUBJECT, kind: "network", value: "::/0" }, "confirm"],
    ["half of IPv4, unsaid", { ...SUBJECT, kind: "network", value: "128.0.0.0/7" }, "confirm"],
    ["all of IPv4 as IPv6", { ...SUBJECT, kind: "network", value: "::ffff:0:0/96" }, "confirm"],
    ["a tenant, unsaid", { kind: "tenant", message: MESSAGE }, "confirm"],
    [
      "a tenant by name",
      { kind: "tenant", value: "acme", message: MESSAGE, confirm: true },
      "value",
    ],
  ];

  it.each(WRONG)("refuses %s, by the name of the field, and sets nothing", async (...row) => {
    const [, body, path] = row;
    const answer = await s.api("POST", "/v1/locks", { body });
    expect([answer.status, answer.json["code"]]).toEqual([400, "invalid_request"]);
    expect(answer.json["errors"]).toEqual([expect.objectContaining({ path })]);
    expect((await opening("bad-input", { client: { address: "10.0.0.9" } })).status).toBe(201);
  });

  it("takes no address that could not be compared with a network", async () => {
    for (const address of ["10.0.0.0/8", "10.0.0", "unknown", "", "2001:db8::1::2"]) {
      const body = { token: "x", client: { address } };
      const verified = await s.api("POST", "/v1/sessions/verify", { body });
      const opened = await opening("addressed", { client: { address } });
      expect([address, verified.status, opened.status]).toEqual([address, 400, 400]);
    }
    const mapped = { client: { address: "::ffff:192.0.2.1" } };
    expect((await opening("addressed", mapped)).status).toBe(201);
  });

  it("keeps out all of the internet where that is confirmed, and is listed as one text", async () => {
    const all = await set({ kind: "network", value: "0:0::/0", confirm: true });
    expect(all["value"]).toBe("::/0");
    const v6 = await opening("v6", { client: { address: "2001:db8::1" } });
    expect([v6.status, v6.json["code"]]).toEqual([403, "locked_out"]);
    expect((await opening("v4", { client: { address: "192.0.2.1" } })).status).toBe(201);
    await lift(all);
    const host = await set({ kind: "network", value: "::FFFF:192.0.2.1" });
    expect(host["value"]).toBe("192.0.2.1/32");
    await lift(host);
  });

  it("pages through what holds, with cursors of that listing alone", async () => {
    for (const value of ["p-1", "p-2", "p-3"]) await set({ kind: "device", value });
    const seen: unknown[] = [];
    let query = "kind=device&limit=2";
    for (;;) {
      const { json } = await s.api("GET", `/v1/locks?${query}`);
      seen.push(...(json["items"] as Json[]).map(({ value }) => value));
      const next = json["nextCursor"];
      if (typeof next !== "string") break;
      query = `kind=device&limit=2&cursor=${next}`;
    }
    expect(seen).toEqual(expect.arrayContaining(["p-1", "p-2", "p-3"]));
    expect(new Set(seen).size).toBe(seen.length);
    const cursor = /cursor=(.*)$/.exec(query)?.[1] ?? "";
    for (const wrong of [`kind=client&cursor=${cursor}`, "cursor=x", "limit=0", "limit=1000"]) {
      expect([wrong, (await s.api("GET", `/v1/locks?${wrong}`)).status]).toEqual([wrong, 400]);
    }
  });

  it("answers a repeated Idempotency-Key as before, and 422 with another body", async () => {
    const headers = { "idempotency-key": "lock-once" };
    const body = { kind: "device", value: "idem", message: MESSAGE };
    const first = await s.api("POST", "/v1/locks", { headers, body });
    const again = await s.api("POST", "/v1/locks", { headers, body });
    expect([again.status, again.text]).toEqual([201, first.text]);
    const other = { ...body, value: "other" };
    expect((await s.api("POST", "/v1/locks", { headers, body: other })).status).toBe(422);
  });

  it("is in the audit: who set it, on whom and why, who lifted it, in which request", async () => {
    const headers = { "x-request-id": "req-lock" };
    const body = { kind: "subject", value: "audited", reason: "fraud", message: MESSAGE };
    const { json } = await s.api("POST", "/v1/locks", { headers, body });
    const lock = json["lock"] as Json;
    await lift(lock);
    const entries = async (): Promise<Json[]> =>
      (await s.api("GET", "/v1/audit?subject=audited")).json["items"] as Json[];
    await eventually(async () => (await entries()).length >= 3);
    const names = (await entries()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["lock-set", "subject-revoked", "lock-lifted"]));
    const entry = (await entries()).find(({ name }) => name === "lock-set");
    expect(entry).toMatchObject({
      tenant: "default",
      subject: "audited",
      cause: "fraud",
      request: "req-lock",
      detail: { id: lock["id"], kind: "subject" },
    });
    expect(String(entry?.["actor"])).toMatch(/^key:test-/);
  });

  it("is counted in the metrics, with the age of what is known", async () => {
    const { text } = await send(`${s.service.metricsUrl ?? ""}/metrics`, "GET");
    expect(Number(/^sojourn_locks (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
    expect(Number(/^sojourn_locks_age_seconds ([\d.e-]+)$/m.exec(text)?.[1])).toBeLessThan(30);
  });

  it("is one lock for a target, however often it is set", async () => {
    const first = await set({ kind: "client", value: "again" });
    const second = await set({ kind: "client", value: "again", message: "Later.", reason: "x" });
    expect(second).toMatchObject({ id: first["id"], setAt: first["setAt"], message: "Later." });
    const { json } = await s.api("GET", "/v1/locks?kind=client&value=again");
    expect((json["items"] as Json[]).map(({ id }) => id)).toEqual([first["id"]]);
    expect(at(await s.api("GET", `/v1/locks/${String(first["id"])}`), "json.lock.message")).toBe(
      "Later.",
    );
  });
});

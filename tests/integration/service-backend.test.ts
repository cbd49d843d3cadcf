import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService();
});

afterAll(async () => {
  await s.service.stop();
});

describe("opening a session", () => {
  it("answers 201 with the session, its address and, this once, the token", async () => {
    const body = { subject: "ann", amr: ["pwd"], device: { label: "Laptop" }, data: { cart: [1] } };
    const answer = await s.api("POST", "/v1/sessions", { body });
    expect(answer.status).toBe(201);
    const id = String(at(answer.json, "session.id"));
    expect(answer.headers.location).toBe(`/v1/sessions/${id}`);
    expect(answer.headers.etag).toBe(`"${String(at(answer.json, "session.version"))}"`);
    expect(answer.json["token"]).toMatch(/^sj1s_/);
    expect(at(answer.json, "session.data")).toEqual({ cart: [1] });
    expect(at(answer.json, "session.device")).toEqual({ label: "Laptop" });
    expect(answer.json["serverTime"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("[ID-14] refuses an id or a secret that the caller brings", async () => {
    for (const field of ["id", "secret"]) {
      const body = { subject: "ann", [field]: "AAAAAAAAAAAAAAAAAAAAAAAA" };
      const answer = await s.api("POST", "/v1/sessions", { body });
      expect(answer.status).toBe(422);
      expect(answer.json["code"]).toBe("unknown_field");
      expect(at(answer.json, "errors.0.message")).toContain("made by the service");
    }
  });

  it("[ID-15] refuses an assurance that the methods do not reach", async () => {
    const body = { subject: "ann", amr: ["pwd"], acr: "aal2" };
    const answer = await s.api("POST", "/v1/sessions", { body });
    expect(answer.status).toBe(422);
    expect(at(answer.json, "errors.0.message")).toContain("out of reach");
  });

  it("refuses a login that began before everybody was signed out", async () => {
    const before = await s.api("GET", "/v1/subjects/race");
    await s.api("POST", "/v1/subjects/race/revoke", { body: { cause: "credential_change" } });
    const body = { subject: "race", amr: ["pwd"], subjectEpoch: before.json["epoch"] };
    const answer = await s.api("POST", "/v1/sessions", { body });
    expect([answer.status, answer.json["code"]]).toEqual([409, "conflict"]);
  });
});

describe("verifying", () => {
  it("says active with the session, or unknown, and both are 200", async () => {
    const { id, token } = await s.open("vera");
    const known = await s.api("POST", "/v1/sessions/verify", { body: { token } });
    expect(known.status).toBe(200);
    expect(known.json).toMatchObject({ state: "active", session: { id }, cacheSeconds: 0 });
    const forged = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    const other = await s.api("POST", "/v1/sessions/verify", { body: { token: forged } });
    expect([other.status, other.json["state"]]).toEqual([200, "unknown"]);
  });

  it("answers a batch in order, each by itself", async () => {
    const one = await s.open("batch");
    const two = await s.open("batch");
    await s.api("POST", `/v1/sessions/${two.id}/revoke`, { body: {} });
    const tokens = [one.token, "sj1s_nonsense", two.token];
    const answer = await s.api("POST", "/v1/sessions/verify", { body: { tokens } });
    const results = answer.json["results"] as { state: string; reason?: string }[];
    expect(results.map(({ state }) => state)).toEqual(["active", "unknown", "ended"]);
    expect(results[2]?.reason).toBe("revoked");
  });

  it("names what is missing for what was required", async () => {
    const { token } = await s.open("unmet");
    const answer = await s.api("POST", "/v1/sessions/verify", {
      body: { token, require: { acr: "aal2", maxAge: 300, factors: 2 } },
    });
    expect(answer.json).toMatchObject({ state: "active", unmet: { acr: "aal2", factors: 2 } });
    const met = await s.api("POST", "/v1/sessions/verify", {
      body: { token, require: { maxAge: 300, factors: 1 } },
    });
    expect(met.json["unmet"]).toBeUndefined();
  });

  it("gives only the fields that were asked for", async () => {
    const { token } = await s.open("fields");
    const body = { token, fields: ["id", "subject"] };
    const answer = await s.api("POST", "/v1/sessions/verify", { body });
    expect(Object.keys(answer.json["session"] as object)).toEqual(["id", "subject"]);
  });

  it("shows the data of a pending session to nobody", async () => {
    const { token } = await s.open("half", { pending: true, data: { secret: 1 } });
    const answer = await s.api("POST", "/v1/sessions/verify", { body: { token } });
    expect(answer.json["state"]).toBe("pending");
    expect(at(answer.json, "session.data")).toBeUndefined();
  });
});

describe("looking and listing", () => {
  it("shows a live session with its data, and an ended one with its reason", async () => {
    const { id } = await s.open("look", { data: { theme: "dark" } });
    const live = await s.api("GET", `/v1/sessions/${id}`);
    expect(at(live.json, "session.data.theme")).toBe("dark");
    const words = { cause: "lost_laptop", actor: "helpdesk" };
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: words });
    const ended = await s.api("GET", `/v1/sessions/${id}`);
    expect(ended.status).toBe(200);
    expect(at(ended.json, "session.end")).toMatchObject({ reason: "revoked", ...words });
    expect(at(ended.json, "session.data")).toBeUndefined();
  });

  it("pages with an opaque cursor that no other listing takes", async () => {
    for (let count = 0; count < 5; count += 1) await s.open("pages");
    const first = await s.api("GET", "/v1/sessions?subject=pages&limit=2&count=exact");
    expect(first.json["items"]).toHaveLength(2);
    expect(first.json["count"]).toEqual({ value: 5, exact: true });
    const cursor = encodeURIComponent(String(first.json["nextCursor"]));
    const second = await s.api("GET", `/v1/sessions?subject=pages&limit=2&cursor=${cursor}`);
    const ids = [first, second].flatMap(({ json }) =>
      (json["items"] as { id: string }[]).map(({ id }) => id),
    );
    expect(new Set(ids).size).toBe(4);
    const foreign = await s.api("GET", `/v1/sessions?subject=other&cursor=${cursor}`);
    expect([foreign.status, at(foreign.json, "errors.0.path")]).toEqual([400, "cursor"]);
    const forged = `${decodeURIComponent(cursor).slice(0, 11)}bm9uc2Vuc2U`;
    const broken = await s.api("GET", `/v1/sessions?subject=pages&cursor=${forged}`);
    expect(broken.status).toBe(400);
  });

  it("lists by state and by subject", async () => {
    const { id } = await s.open("states");
    await s.open("states");
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const idsOf = async (query: string) => {
      const { json } = await s.api("GET", `/v1/sessions?subject=states${query}`);
      return (json["items"] as { id: string }[]).map((item) => item.id);
    };
    expect(await idsOf("")).not.toContain(id);
    expect(await idsOf("&state=ended")).toEqual([id]);
    expect(await idsOf("&state=any")).toHaveLength(2);
    const own = await s.api("GET", "/v1/subjects/states/sessions");
    expect(own.json["items"]).toHaveLength(1);
  });
});

describe("changing", () => {
  it("merges data per key; null removes a key", async () => {
    const { id } = await s.open("merge", { data: { a: 1, b: 2 } });
    const body = { data: { b: null, c: { deep: true } } };
    const answer = await s.api("PATCH", `/v1/sessions/${id}`, { body });
    expect(at(answer.json, "session.data")).toEqual({ a: 1, c: { deep: true } });
  });

  it("keeps all of many simultaneous changes to different keys", async () => {
    const { id } = await s.open("parallel");
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    const path = `/v1/sessions/${id}`;
    await Promise.all(keys.map((key) => s.api("PATCH", path, { body: { data: { [key]: 1 } } })));
    const answer = await s.api("GET", path);
    expect(Object.keys(at(answer.json, "session.data") as object).toSorted()).toEqual(keys);
  });

  it("answers 412 to a stale If-Match, and changes nothing", async () => {
    const { id } = await s.open("match", { data: { n: 1 } });
    const path = `/v1/sessions/${id}`;
    const { headers } = await s.api("GET", path);
    const etag = String(headers.etag);
    const first = await s.api("PATCH", path, {
      body: { data: { n: 2 } },
      headers: { "if-match": etag },
    });
    expect(first.status).toBe(200);
    const second = await s.api("PATCH", path, {
      body: { data: { n: 3 } },
      headers: { "if-match": etag },
    });
    expect([second.status, second.json["code"]]).toEqual([412, "version_conflict"]);
    expect(second.json["version"]).toBe(String(first.headers.etag).replaceAll('"', ""));
    const stale = await s.api("POST", `${path}/lock`, { headers: { "if-match": etag } });
    expect(stale.status).toBe(412);
    const now = await s.api("GET", path);
    expect(now.json["session"]).toMatchObject({ state: "active", data: { n: 2 } });
  });

  it("lets exactly one of many simultaneous changes with the same If-Match win", async () => {
    const { id } = await s.open("contest");
    const path = `/v1/sessions/${id}`;
    const { headers } = await s.api("GET", path);
    const sent = { headers: { "if-match": String(headers.etag) } };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => s.api("PATCH", path, { ...sent, body: { data: { n } } })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 412)]);
  });

  it("[ID-11] replaces roles only with If-Match, and rotates the token", async () => {
    const { id, token } = await s.open("roles", { roles: ["user"] });
    const path = `/v1/sessions/${id}`;
    const without = await s.api("PATCH", path, { body: { roles: ["admin"] } });
    expect([without.status, without.json["code"]]).toEqual([428, "precondition_required"]);
    const { headers } = await s.api("GET", path);
    const answer = await s.api("PATCH", path, {
      body: { roles: ["admin"] },
      headers: { "if-match": String(headers.etag) },
    });
    expect(at(answer.json, "session.roles")).toEqual(["admin"]);
    expect(answer.json["token"]).not.toBe(token);
  });

  it("locks, refuses data while locked, and unlocks with a new token", async () => {
    const { id, token } = await s.open("lock", { data: { a: 1 } });
    const path = `/v1/sessions/${id}`;
    const locked = await s.api("POST", `${path}/lock`, { body: { factors: 1 } });
    expect(locked.json["session"]).toMatchObject({ state: "locked", required: { factors: 1 } });
    expect(at(locked.json, "session.data")).toBeUndefined();
    const write = await s.api("PATCH", path, { body: { data: { a: 2 } } });
    expect([write.status, at(write.json, "required.factors")]).toEqual([423, 1]);
    const unlocked = await s.api("POST", `${path}/unlock`, { body: { amr: ["pwd"] } });
    expect(at(unlocked.json, "session.state")).toBe("active");
    expect(unlocked.json["token"]).not.toBe(token);
  });

  it("completes a pending session by a step-up", async () => {
    const { id } = await s.open("step", { pending: true });
    const body = { amr: ["otp"], acr: "aal2" };
    const answer = await s.api("POST", `/v1/sessions/${id}/step-up`, { body });
    expect(answer.json["session"]).toMatchObject({ state: "active", assurance: { acr: "aal2" } });
    expect(answer.json["token"]).toMatch(/^sj1s_/);
  });

  it("rotates: the old token is of no use once its transit time is over", async () => {
    const { id, token } = await s.open("rotate");
    const answer = await s.api("POST", `/v1/sessions/${id}/rotate`);
    expect(answer.status).toBe(200);
    const fresh = await s.api("POST", "/v1/sessions/verify", {
      body: { token: answer.json["token"] },
    });
    expect(fresh.json["state"]).toBe("active");
    expect(answer.json["token"]).not.toBe(token);
  });
});

describe("ending", () => {
  it("is idempotent and keeps the first end", async () => {
    const { id, token } = await s.open("end");
    const first = await s.api("POST", `/v1/sessions/${id}/revoke`, { body: { cause: "x" } });
    const again = await s.api("DELETE", `/v1/sessions/${id}`);
    expect(first.status).toBe(200);
    expect(again.json["endedAt"]).toBe(first.json["endedAt"]);
    const verified = await s.api("POST", "/v1/sessions/verify", { body: { token } });
    expect(verified.json).toMatchObject({ state: "ended", reason: "revoked" });
  });

  it("answers 409, not 401, when an ended session is to be changed", async () => {
    const { id } = await s.open("late");
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    for (const action of ["extend", "rotate", "lock"]) {
      const answer = await s.api("POST", `/v1/sessions/${id}/${action}`);
      expect([action, answer.status, answer.json["code"]]).toEqual([action, 409, "conflict"]);
    }
  });

  it("[TE-03] ends all sessions of a subject, except the one that is named", async () => {
    const keep = await s.open("all");
    const other = await s.open("all");
    const body = { except: keep.id, cause: "credential_change" };
    const answer = await s.api("POST", "/v1/subjects/all/revoke", { body });
    expect(answer.json["ended"]).toBe(1);
    const tokens = [keep.token, other.token];
    const verified = await s.api("POST", "/v1/sessions/verify", { body: { tokens } });
    expect(verified.json["results"]).toMatchObject([
      { state: "active" },
      { state: "ended", reason: "subject_revoked" },
    ]);
  });
});

describe("Idempotency-Key", () => {
  it("gives the same reply to the same request, and opens one session", async () => {
    const sent = { body: { subject: "once", amr: ["pwd"] }, headers: { "idempotency-key": "k-1" } };
    const answers = [await s.api("POST", "/v1/sessions", sent)];
    answers.push(await s.api("POST", "/v1/sessions", sent));
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[1]?.text).toBe(answers[0]?.text);
    expect(answers[1]?.headers.location).toBe(answers[0]?.headers.location);
    expect(answers[1]?.headers["idempotency-replayed"]).toBe("true");
    expect((await s.api("GET", "/v1/subjects/once")).json["sessions"]).toBe(1);
  });

  it("opens one session for simultaneous requests", async () => {
    const sent = { body: { subject: "burst", amr: [] }, headers: { "idempotency-key": "k-2" } };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => s.api("POST", "/v1/sessions", sent)),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 201 || status === 409)).toBe(true);
    expect((await s.api("GET", "/v1/subjects/burst")).json["sessions"]).toBe(1);
  });

  it("answers 422 to the same key with another body", async () => {
    const headers = { "idempotency-key": "k-3" };
    await s.api("POST", "/v1/sessions", { body: { subject: "one" }, headers });
    const answer = await s.api("POST", "/v1/sessions", { body: { subject: "two" }, headers });
    expect([answer.status, answer.json["code"]]).toEqual([422, "idempotency_conflict"]);
  });

  it("lets a request that failed be tried again", async () => {
    const headers = { "idempotency-key": "k-4" };
    const wrong = { subject: "retry", amr: ["pwd"], acr: "aal3" };
    expect((await s.api("POST", "/v1/sessions", { body: wrong, headers })).status).toBe(422);
    const right = { subject: "retry", amr: ["pwd"] };
    expect((await s.api("POST", "/v1/sessions", { body: right, headers })).status).toBe(201);
  });

  it("is one's own: another service key's is another", async () => {
    const sent = { body: { subject: "shared" }, headers: { "idempotency-key": "k-5" } };
    const first = await s.api("POST", "/v1/sessions", sent);
    const other = await s.key("default");
    const headers = { ...sent.headers, authorization: `Bearer ${other}` };
    const second = await s.bare("POST", "/v1/sessions", { ...sent, headers });
    expect(second.json["token"]).not.toBe(first.json["token"]);
  });
});

import { connect } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { at, bearer, cookie, folder, startTestService } from "./service-harness.ts";
import type { Answer, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_BODY_LIMIT: "64kb" } });
});

afterAll(async () => {
  await s.service.stop();
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.json["code"]]).toEqual([status, code]);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(answer.json["type"]).toBe(`urn:sojourn:problem:${code}`);
  expect(answer.json["status"]).toBe(status);
  expect(answer.headers["cache-control"]).toContain("no-store");
  expect(answer.headers["x-request-id"]).toMatch(/./);
}

describe("a body", () => {
  it("that is no JSON is 400, and nothing of it is repeated", async () => {
    for (const raw of ["{", '{"subject": }', "sj1s_secret", '{"a":1}{"b":2}', "\u0000"]) {
      const answer = await s.api("POST", "/v1/sessions", { raw });
      expectProblem(answer, 400, "invalid_request");
      expect(answer.text).not.toContain("sj1s_secret");
    }
  });

  it("over the limit is 413, whether it says its length or not", async () => {
    const body = { subject: "ann", data: { big: "x".repeat(70_000) } };
    expectProblem(await s.api("POST", "/v1/sessions", { body }), 413, "payload_too_large");
  });

  it("with data over the store's limit is 413, and nothing is written", async () => {
    const { id } = await s.open("heavy", { data: { keep: 1 } });
    const large = { data: { big: "x".repeat(60_000) } };
    await s.api("PATCH", `/v1/sessions/${id}`, { body: large });
    const more = { data: { big2: "x".repeat(60_000) } };
    const answer = await s.api("PATCH", `/v1/sessions/${id}`, { body: more });
    expectProblem(answer, 413, "payload_too_large");
    expect(answer.json["limitBytes"]).toBeGreaterThan(0);
    const { json } = await s.api("GET", `/v1/sessions/${id}`);
    expect(Object.keys(at(json, "session.data") as object)).toEqual(["keep", "big"]);
  });

  it("of another type is 415", async () => {
    const headers = { "content-type": "application/xml" };
    const answer = await s.api("POST", "/v1/sessions", { raw: "<a/>", headers });
    expectProblem(answer, 415, "invalid_request");
  });

  it("with unknown fields is 422 and names every one, with the nearest that exists", async () => {
    const body = { subject: "ann", amrr: ["pwd"], device: { lable: "x" }, zzz: 1 };
    const answer = await s.api("POST", "/v1/sessions", { body });
    expectProblem(answer, 422, "unknown_field");
    const errors = answer.json["errors"] as { path: string; message: string }[];
    const paths = errors.map(({ path }) => path).toSorted();
    expect(paths).toEqual(["amrr", "device.lable", "zzz"]);
    expect(errors.find(({ path }) => path === "amrr")?.message).toContain("did you mean amr?");
  });

  it("with wrong values is 400 and names every place", async () => {
    const body = { subject: "", amr: "pwd", roles: [1], subjectEpoch: -1 };
    const answer = await s.api("POST", "/v1/sessions", { body });
    expectProblem(answer, 400, "invalid_request");
    const paths = (answer.json["errors"] as { path: string }[]).map(({ path }) => path);
    expect(paths.toSorted()).toEqual(["amr", "roles.0", "subject", "subjectEpoch"]);
  });

  it("that breaks the comparison of lengths is 400", async () => {
    const odd = { length: { toString: "x", valueOf: 1 } };
    for (const body of [{ subject: odd }, { subject: "ann", roles: [odd] }, odd]) {
      const answer = await s.api("POST", "/v1/sessions", { body });
      expect([JSON.stringify(body), answer.status < 500]).toEqual([JSON.stringify(body), true]);
    }
    const body = { headers: { a: odd } };
    const answer = await s.api("POST", "/v1/device-bindings/refresh", { body });
    expectProblem(answer, 400, "invalid_request");
  });

  it("that is nested without end, or reaches for prototypes, is 400", async () => {
    const deep = `{"subject":"ann","data":{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`;
    expectProblem(await s.api("POST", "/v1/sessions", { raw: deep }), 400, "invalid_request");
    const proto = '{"subject":"ann","data":{"__proto__":{"admin":true}}}';
    expectProblem(await s.api("POST", "/v1/sessions", { raw: proto }), 400, "invalid_request");
  });

  it("with more than 500 tokens is 400, and so is one with both forms or none", async () => {
    const many = { tokens: Array.from({ length: 501 }, () => "sj1s_x") };
    const both = { token: "a", tokens: ["b"] };
    for (const body of [many, both, {}, { tokens: [] }]) {
      const answer = await s.api("POST", "/v1/sessions/verify", { body });
      expectProblem(answer, 400, "invalid_request");
    }
    const most = { tokens: Array.from({ length: 500 }, () => "sj1s_x") };
    const answer = await s.api("POST", "/v1/sessions/verify", { body: most });
    expect(answer.json["results"]).toHaveLength(500);
  });
});

describe("an address", () => {
  it("nobody knows is 404; a known one with another method is 405 and says which", async () => {
    expectProblem(await s.bare("GET", "/v1/nothing"), 404, "not_found");
    expectProblem(await s.bare("GET", "/metrics"), 404, "not_found");
    const answer = await s.api("PUT", "/v1/sessions/ses_x");
    expectProblem(answer, 405, "invalid_request");
    expect(answer.headers.allow?.split(", ").toSorted()).toEqual([
      "DELETE",
      "GET",
      "HEAD",
      "PATCH",
    ]);
  });

  it("that cannot be decoded is 400", async () => {
    expectProblem(await s.api("GET", "/v1/sessions/%E0%A4%A"), 400, "invalid_request");
  });

  it("with unknown or wrong query fields names them", async () => {
    const unknown = await s.api("GET", "/v1/sessions?subjct=ann");
    expectProblem(unknown, 422, "unknown_field");
    expect(at(unknown.json, "errors.0.message")).toContain("did you mean subject?");
    const wrong = await s.api("GET", "/v1/sessions?limit=0&state=zombie");
    expectProblem(wrong, 400, "invalid_request");
  });

  it("takes subjects of 512 characters of any script, and refuses longer ones", async () => {
    const subject = "ü/%?#".repeat(102);
    const path = `/v1/subjects/${encodeURIComponent(subject)}`;
    expect((await s.api("GET", path)).json["subject"]).toBe(subject);
    const long = `/v1/subjects/${"x".repeat(513)}`;
    expectProblem(await s.api("GET", long), 400, "invalid_request");
  });
});

describe("X-Request-Id", () => {
  it("is echoed when it is plain, and made anew when it is not", async () => {
    const given = await s.bare("GET", "/healthz", { headers: { "x-request-id": "abc-1.2" } });
    expect(given.headers["x-request-id"]).toBe("abc-1.2");
    for (const odd of ["a b", "<x>", "x".repeat(65), "sj1s_abc"]) {
      const made = await s.bare("GET", "/healthz", { headers: { "x-request-id": odd } });
      expect(made.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe("what is no HTTP", () => {
  it("gets a problem and a closed connection", async () => {
    const { port } = new URL(s.service.url);
    const said = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
      let text = "";
      socket.on("data", (chunk: Buffer) => void (text += chunk.toString()));
      socket.on("close", () => resolve(text));
    });
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    expect(said).toContain("urn:sojourn:problem:invalid_request");
  });

  it("gets 431 for headers without end", async () => {
    const answer = await s.bare("GET", "/healthz", { headers: { "x-much": "x".repeat(20_000) } });
    expect(answer.status).toBe(431);
  });
});

describe("too many requests", () => {
  it("are answered 429 with Retry-After, per caller", async () => {
    const slow = await startTestService({ env: { SOJOURN_RATE_LIMIT: "2" } });
    try {
      const one = await slow.key("default");
      const two = await slow.key("default");
      const answers: Answer[] = [];
      for (let count = 0; count < 8; count += 1) {
        answers.push(await slow.bare("GET", "/v1/sessions", bearer(one)));
      }
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(0);
      expectProblem(refused[0]!, 429, "rate_limited");
      expect(Number(refused[0]!.headers["retry-after"])).toBeGreaterThanOrEqual(1);
      expect(answers[0]!.headers["ratelimit"]).toMatch(/^"caller";r=3;t=\d+$/);
      expect((await slow.bare("GET", "/v1/sessions", bearer(two))).status).toBe(200);
    } finally {
      await slow.service.stop();
    }
  });
});

describe("a store that cannot answer", () => {
  it("is 503 with Retry-After and never 401, clears no cookie, and recovers", async () => {
    const place = folder();
    const held = await startTestService({
      env: { SOJOURN_STORE: `sqlite:${place.path}/s.db` },
    });
    const { id, token } = await held.open("ann");
    const other = new DatabaseSync(`${place.path}/s.db`);
    try {
      other.exec("BEGIN EXCLUSIVE");
      const answers = [
        await held.api("POST", "/v1/sessions", { body: { subject: "bob" } }),
        await held.api("POST", `/v1/sessions/${id}/revoke`),
        await held.bare("DELETE", "/v1/session", cookie(token)),
      ];
      for (const answer of answers) {
        expectProblem(answer, 503, "unavailable");
        expect(answer.json["retryable"]).toBe(true);
        expect(Number(answer.headers["retry-after"])).toBeGreaterThanOrEqual(1);
        expect(answer.headers["set-cookie"]).toBeUndefined();
        expect(answer.text).not.toMatch(/sqlite|locked|\/tmp/i);
      }
      other.exec("ROLLBACK");
      expect((await held.api("POST", `/v1/sessions/${id}/extend`)).status).toBe(200);
    } finally {
      other.close();
      await held.service.stop();
      place.remove();
    }
  });

  it("is 503 as well when the store of service keys cannot answer", async () => {
    const place = folder();
    const held = await startTestService({
      env: { SOJOURN_STORE: `sqlite:${place.path}/s.db` },
    });
    const key = await held.key("default");
    const other = new DatabaseSync(`${place.path}/control.db`);
    try {
      // Renaming the table away is trouble that no lock of SQLite's can be waited out of.
      other.exec("ALTER TABLE service_key RENAME TO gone");
      const answer = await held.bare("GET", "/v1/sessions", bearer(key));
      expectProblem(answer, 503, "unavailable");
      const forged = await held.bare("GET", "/v1/sessions", bearer(`${key.slice(0, -2)}AA`));
      expect(forged.status).toBe(401);
    } finally {
      other.close();
      await held.service.stop();
      place.remove();
    }
  });
});

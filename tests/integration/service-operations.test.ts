import { readFileSync, readdirSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bearer,
  cookie,
  folder,
  SECRET,
  send,
  serveProcess,
  sojourn,
  startTestService,
} from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService();
});

afterAll(async () => {
  await s.service.stop();
});

describe("the page", () => {
  it("says what this is, with this address, and needs nothing from elsewhere", async () => {
    const answer = await s.bare("GET", "/", { headers: { host: "evil.example" } });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toContain("text/html");
    expect(answer.text).toContain(`curl -s ${s.service.url}/v1/sessions`);
    expect(answer.text).toContain('href="/openapi.json"');
    expect(answer.text).toContain("prefers-color-scheme: dark");
    expect(answer.text).not.toMatch(/evil\.example|<script|https?:\/\/(?!127\.0\.0\.1)/);
    expect(answer.headers["content-security-policy"]).toContain("default-src 'none'");
  });
});

describe("the public listener", () => {
  it("[TR-11] shows no metrics, no debug pages and no version", async () => {
    const hidden = ["/metrics", "/debug", "/documentation", "/documentation/json", "/.env", "/v1"];
    for (const path of hidden) {
      expect([path, (await s.bare("GET", path)).status]).toEqual([path, 404]);
    }
    const shown = await Promise.all(
      ["/", "/healthz", "/readyz", "/openapi.json", "/nothing"].map((path) => s.bare("GET", path)),
    );
    for (const { headers, text } of shown) {
      expect(headers["server"]).toBeUndefined();
      expect(headers["x-powered-by"]).toBeUndefined();
      const rest = text.replaceAll("127.0.0.1", "").replace('"openapi":"3.1.0"', "");
      expect(rest).not.toMatch(/fastify|node\.js|\d+\.\d+\.\d+/i);
    }
  });

  it("says whether it lives and whether it is ready", async () => {
    const store = { role: "primary", writable: true };
    const audit = "ok";
    for (const base of [s.service.url, s.service.metricsUrl ?? ""]) {
      expect((await send(`${base}/healthz`, "GET")).json).toEqual({ status: "ok" });
      expect((await send(`${base}/readyz`, "GET")).json).toEqual({ status: "ok", store, audit });
    }
  });
});

describe("metrics", () => {
  it("count what happens, under stable names, by closed lists of labels", async () => {
    const { id, token } = await s.open("metered");
    await s.api("POST", "/v1/sessions/verify", { body: { tokens: [token, `${token}x`] } });
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    const { text, headers } = await send(`${s.service.metricsUrl ?? ""}/metrics`, "GET");
    expect(headers["content-type"]).toContain("text/plain");
    for (const line of [
      /^sojourn_sessions_opened_total [1-9]/m,
      /^sojourn_sessions_ended_total\{reason="revoked"\} [1-9]/m,
      /^sojourn_verifies_total\{state="active"\} [1-9]/m,
      /^sojourn_verifies_total\{state="unknown"\} [1-9]/m,
      /^sojourn_tokens_forged_total\{why="malformed"\} [1-9]/m,
      /^sojourn_store_up 1$/m,
      /^sojourn_streams_open 0$/m,
      /^sojourn_http_request_seconds_count\{method="POST",route="\/v1\/sessions",status="201"\}/m,
    ]) {
      expect(text).toMatch(line);
    }
    expect(text).not.toContain(id);
    expect(text).not.toContain("metered");
  });
});

describe("logs", () => {
  it("are one JSON object per line; request and audit lines belong together", async () => {
    const headers = { "x-request-id": "trace-42" };
    await s.api("POST", "/v1/sessions", { body: { subject: "logged", amr: ["pwd"] }, headers });
    const lines = s.logs.map((line) => JSON.parse(line) as Json);
    const own = lines.filter((line) => line["reqId"] === "trace-42");
    expect(new Set(own.map((line) => line["msg"]))).toEqual(new Set(["audit", "request"]));
    const audit = own.find((line) => line["msg"] === "audit");
    expect(audit).toMatchObject({ event: "session-established", subject: "logged" });
    expect(audit?.["sidRef"]).toMatch(/^[\w-]{16}$/);
    const request = own.find((line) => line["msg"] === "request");
    expect(request).toMatchObject({ method: "POST", route: "/v1/sessions", status: 201 });
  });

  it("[LG-04] keep what others wrote inside its text", async () => {
    const subject = 'mallory\n{"level":"info","msg":"forged"}\u001B[2J';
    await s.open(subject);
    const line = s.logs.find((one) => one.includes("mallory")) ?? "";
    expect(line.trimEnd().split("\n")).toHaveLength(1);
    expect(line).not.toContain("\u001B");
    expect((JSON.parse(line) as Json)["subject"]).toBe(subject);
  });
});

describe("a canary", () => {
  it("[LG-02] token or key appears in no log line, no error, no metric and no file", async () => {
    const place = folder();
    const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
    const served = await serveProcess({ ...env, SOJOURN_LOG_LEVEL: "debug" });
    const made = await sojourn(["keys", "create", "--name", "canary", "--json"], env);
    const { key } = JSON.parse(made.out) as { key: string };
    const api = (method: string, path: string, body?: unknown, more: object = {}) =>
      send(served.url + path, method, { body, headers: { ...bearer(key).headers, ...more } });
    const idempotent = { "idempotency-key": "canary-1" };
    const opened = await api("POST", "/v1/sessions", { subject: "ann" }, idempotent);
    const { token, session } = opened.json as { token: string; session: { id: string } };
    const rotated = await api("POST", `/v1/sessions/${session.id}/rotate`);
    const secrets = [key, token, String(rotated.json["token"]), SECRET];
    const answers = [
      await api("GET", `/v1/sessions?subject=${token}`),
      await api("GET", `/v1/sessions/${token}`),
      await api("GET", `/v1/${token}`),
      await api("POST", "/v1/sessions", { [token]: key }),
      await api("POST", "/v1/sessions", token),
      await send(`${served.url}/v1/sessions`, "POST", { raw: token, ...bearer(key) }),
      await send(`${served.url}/v1/session`, "GET", cookie(token, { "x-request-id": token })),
      await send(`${served.url}/v1/sessions`, "GET", { headers: { authorization: token } }),
      await send(`${served.metricsUrl}/metrics`, "GET"),
    ];
    await served.stop();
    // The name of an unknown field is the caller's own and is told to the caller alone.
    const errors = answers.filter(({ json }) => json["code"] !== "unknown_field");
    const below = readdirSync(place.path, { withFileTypes: true, recursive: true });
    const files = below
      .filter((one) => one.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
    for (const secret of secrets) {
      expect(served.said()).not.toContain(secret);
      for (const { text } of errors) expect(text).not.toContain(secret);
      for (const file of files) expect(file.includes(secret)).toBe(false);
    }
    expect(files.length).toBeGreaterThanOrEqual(2);
    place.remove();
  });
});

describe("stopping", () => {
  it("finishes what is under way, flushes, and exits with 0 on SIGTERM and SIGINT", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const place = folder();
      const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
      const served = await serveProcess(env);
      const { port } = new URL(served.url);
      const answered = slowRequest(Number(port), () => void served.child.kill(signal));
      expect(await answered).toMatch(/^HTTP\/1\.1 (401|503) /);
      // A terminal and a program above may both pass a signal on: the second one changes nothing.
      expect(await served.stop(signal)).toBe(0);
      expect(served.said()).toContain('"msg":"stopped"');
      place.remove();
    }
  });

  it("waits for no connection on which nothing is asked, and gives a new one time to ask", async () => {
    const own = await startTestService();
    const { port } = new URL(own.service.url);
    const silent = connect(Number(port), "127.0.0.1");
    await once(silent, "connect");
    let stopped: Promise<void> | undefined;
    const answered = slowRequest(Number(port), () => {
      stopped = own.service.stop();
    });
    expect(await answered).toMatch(/^HTTP\/1\.1 (401|503) /);
    const began = performance.now();
    await stopped;
    // Requests under way have ten seconds.
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

/** Half a request, then whatever `between` does, then the other half. @returns the answer. */
function slowRequest(port: number, between: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write("GET /v1/session HTTP/1.1\r\nhost: 127.0.0.1\r\n");
      setTimeout(between, 100);
      setTimeout(() => socket.write("connection: close\r\n\r\n"), 400);
    });
    let text = "";
    socket.on("data", (chunk: Buffer) => void (text += chunk.toString()));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

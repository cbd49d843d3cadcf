/** Real gateways, configured by the committed files, in front of a back end without sessions. */
import { Agent, createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { read } from "../tidy/repository.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { page, PRODUCTS, SOCKET, startWorld } from "./gateway-harness.ts";
import type { Answered, Asking, World } from "./gateway-harness.ts";
import { bearer } from "./service-harness.ts";

const HOUR_MS = 3_600_000;
const TOKEN = /^session=sj1s_[\w-]{80}; Path=\/; HttpOnly; SameSite=Lax$/;

/** What a browser sends on other occasions than a page of the own origin. */
const OCCASIONS: readonly (readonly [string, string, Readonly<Record<string, string>>, number])[] =
  [
    ["a link on another site", "GET", { "sec-fetch-site": "cross-site" }, 200],
    ["a HEAD from a sibling", "HEAD", { "sec-fetch-site": "same-site" }, 200],
    ["a GET without any of it", "GET", {}, 200],
    ["a form of the own origin", "POST", { "sec-fetch-site": "same-origin" }, 200],
    ["a form of another site", "POST", { "sec-fetch-site": "cross-site" }, 403],
    ["a form of a sibling domain", "POST", { "sec-fetch-site": "same-site" }, 403],
    ["a POST without any of it", "POST", {}, 403],
    ["a POST of another origin", "POST", { origin: "https://evil.example" }, 403],
    ["a POST of the configured origin", "POST", { origin: "https://app.example" }, 200],
    ["a DELETE of another site", "DELETE", { "sec-fetch-site": "cross-site" }, 403],
    [
      "a POST that calls itself a GET",
      "POST",
      {
        "sec-fetch-site": "cross-site",
        "x-forwarded-method": "GET",
        "x-original-method": "GET",
        "x-http-method-override": "GET",
      },
      403,
    ],
    ["a socket of the own origin", "GET", { ...SOCKET, "sec-fetch-site": "same-origin" }, 101],
    ["a socket of another site", "GET", { ...SOCKET, "sec-fetch-site": "cross-site" }, 403],
    ["a socket of a sibling domain", "GET", { ...SOCKET, origin: "https://a.app.example" }, 403],
    [
      "an Upgrade to something else",
      "GET",
      { connection: "Upgrade", upgrade: "other/1", "sec-fetch-site": "cross-site" },
      403,
    ],
    ["a socket without any of it", "GET", { ...SOCKET }, 403],
  ];

const RECORDED_ORIGIN = "https://app.example.test:42185";
const RECORDED = "packages/sojourn/src/http/fixtures/csrf-vectors.tsv";

/** What Chromium sent from three origins: who started it, and its headers. */
function recorded(): { from: string; method: string; headers: Record<string, string> }[] {
  const lines = read(RECORDED).split("\n");
  const rows = lines.filter((line) => line !== "" && !line.startsWith("#"));
  return rows.map((row) => {
    const [from = "", , method = "", origin = "-", site = "-"] = row.split("\t");
    const sent = { origin, "sec-fetch-site": site };
    const headers = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== "-"));
    return { from, method, headers };
  });
}

describe.each(PRODUCTS)("through %s", (product) => {
  let w: World;

  beforeAll(async () => {
    const env = {
      SOJOURN_ORIGINS: `https://app.example,${RECORDED_ORIGIN}`,
      SOJOURN_GATEWAY_FACTORS: "1",
    };
    w = await startWorld(product, { env });
  });
  afterAll(() => w.close());

  const told = (): Record<string, unknown> => w.heard.at(-1)?.headers ?? {};
  async function refused(asking: Asking, status: number, code: string): Promise<Answered> {
    const before = w.heard.length;
    const answer = await w.ask("/notes", asking);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(code)]);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(w.heard.length).toBe(before);
    return answer;
  }

  it.each(["/v1/sessions", "/v1/sessions/verify", "/v1/sessionlike", "/v1/audit"])(
    "%s is the back end's own: of the service only a person's session is to be had",
    async (path) => {
      const { token } = await w.s.open("alice");
      expect(await w.ask(path, page(token))).toMatchObject({ status: 200, text: "hello alice" });
      expect(w.heard.at(-1)?.url).toBe(path);
    },
  );

  it("a signed-in request reaches the back end with who it is, its body and its cookies", async () => {
    const { id, token } = await w.s.open("alice", { amr: ["pwd", "otp"], acr: "aal2" });
    const asking = { ...page(token), method: "POST", body: "note=x" };
    const answer = await w.ask("/notes?acr=aal9&x=1", asking);
    expect([answer.status, answer.text]).toEqual([200, "hello alice"]);
    expect(answer.cookies).toEqual(["theme=dark; Path=/", "lang=de; Path=/"]);
    expect(w.heard.at(-1)).toMatchObject({
      method: "POST",
      url: "/notes?acr=aal9&x=1",
      body: "note=x",
    });
    expect(told()).toMatchObject({
      cookie: `session=${token}`,
      "x-session-subject": "alice",
      "x-session-id": id,
      "x-session-tenant": "default",
      "x-session-acr": "aal2",
      "x-session-amr": "pwd otp",
      "x-session-auth-time": expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it("a bearer token counts as a cookie does, and needs no proof of its origin", async () => {
    const { token } = await w.s.open("robot");
    const answer = await w.ask("/notes", { ...bearer(token), method: "POST", body: "x" });
    expect([answer.status, answer.text]).toEqual([200, "hello robot"]);
  });

  it("a body of unknown length reaches the back end whole, and never the service", async () => {
    const { token } = await w.s.open("alice");
    const more = { "transfer-encoding": "chunked", "content-type": "text/plain" };
    const body = "x".repeat(100_000);
    const { status } = await w.ask("/notes", { ...page(token, more), method: "POST", body });
    expect([status, w.heard.at(-1)?.body.length]).toEqual([200, 100_000]);
    expect((await w.ask("/notes", page(token))).status).toBe(200);
  });

  it("nobody's request is 401 and never reaches the back end", async () => {
    const answer = await refused({}, 401, "unauthenticated");
    expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
    await refused(page("sj1s_forged"), 401, "unauthenticated");
  });

  it("an ended session is 401 with its reason at the next request of the same connection", async () => {
    const { id, token } = await w.s.open("alice");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await w.ask("/notes", { ...page(token), agent })).status).toBe(200);
    await w.s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const answer = await refused({ ...page(token), agent }, 401, "session_ended");
    expect(answer.text).toContain('"reason":"revoked"');
    expect(answer.headers["www-authenticate"]).toContain('error="invalid_token"');
    expect(answer.cookies).toEqual([]);
    agent.destroy();
  });

  it("[TN-02] nobody reaches the back end under a name of their own making", async () => {
    const { token } = await w.s.open("mallory");
    const names = ["X-Session-Subject", "x-session-acr", "X-Session-Tenant", "X-Session-Id"];
    const spelled = names.flatMap((name) => [
      name,
      name.replaceAll("-", "_"),
      name.replace("-", "_"),
      name.replace(/-(?=[^-]*$)/, "_"),
    ]);
    const forged = Object.fromEntries(spelled.map((name) => [name, "admin"]));
    const answer = await w.ask("/notes", page(token, { ...forged, "X-Session-Roles": "admin" }));
    expect([answer.status, answer.text]).toEqual([200, "hello mallory"]);
    // The acr that nobody has is not sent at all.
    const values = Object.entries(told()).filter(([, value]) => value === "admin");
    expect(values).toEqual(product === "nginx" ? [["x-session-roles", "admin"]] : []);
    expect(told()["x-session-acr"] ?? "").toBe("");
    await refused({ headers: forged }, 401, "unauthenticated");
  });

  it("[TR-03] nobody says how they came, or from where: over plain HTTP no strict cookie counts", async () => {
    const { token } = await w.s.open("alice");
    const claims = {
      "x-forwarded-proto": "https",
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-ssl": "on",
      forwarded: "for=192.0.2.1;proto=https",
    };
    const headers = { cookie: `__Host-session=${token}`, "sec-fetch-site": "same-origin" };
    await refused({ headers: { ...headers, ...claims } }, 401, "unauthenticated");
  });

  it.each(OCCASIONS)("[CS-01] %s (%s, %o) is %i", async (_, method, headers, status) => {
    const { token } = await w.s.open("alice");
    const asking = { method, headers: { cookie: `session=${token}`, ...headers } };
    if (status === 403) await refused(asking, 403, "csrf_failed");
    else expect((await w.ask("/notes", asking)).status).toBe(status);
  });

  it("[CS-01] [CS-04] [CS-06] what Chromium sent is judged as what it was", async () => {
    const { token } = await w.s.open("alice");
    const all = recorded();
    expect(all).toHaveLength(45);
    for (const { from, method, headers } of all) {
      const own = from.startsWith("app.example.test|") && !from.endsWith("|sandbox-form");
      const asking = { method, headers: { cookie: `session=${token}`, ...headers } };
      const expected = own || method !== "POST" ? 200 : 403;
      expect([from, method, (await w.ask("/notes", asking)).status]).toEqual([
        from,
        method,
        expected,
      ]);
    }
  });

  it("[CK-15] a new token reaches the browser beside the back end's cookies, and confirms itself", async () => {
    const { token } = await w.s.open("alice", { remember: true });
    w.pass(HOUR_MS);
    const answers = await Promise.all([1, 2, 3].map(() => w.ask("/notes", page(token))));
    const renewed = answers.map(({ cookies }) =>
      cookies.filter((one) => one.startsWith("session=")),
    );
    expect(new Set(renewed.flat()).size).toBe(1);
    for (const { status, headers, cookies } of answers) {
      expect(status).toBe(200);
      expect(cookies).toHaveLength(3);
      expect(headers["cache-control"]).toMatch(/\bno-store\b/);
    }
    const [line = ""] = renewed.flat();
    const [, next = ""] = /^session=([^;]+)/.exec(line) ?? [];
    expect([next === token, line]).toEqual([false, expect.stringMatching(/HttpOnly/)]);
    const after = await w.ask("/notes", page(next));
    expect([after.status, after.cookies.length]).toEqual([200, 2]);
    expect(after.headers["cache-control"]).toBe("public, max-age=60");
  });

  it("a new token reaches the browser with a refusal, too", async () => {
    const { token } = await w.s.open("alice", { amr: ["user"] });
    w.pass(HOUR_MS);
    const answer = await refused(page(token), 403, "step_up_required");
    expect(answer.cookies).toEqual([expect.stringMatching(TOKEN)]);
    expect(answer.headers["www-authenticate"]).toContain("insufficient_user_authentication");
  });

  it("a socket gets no token, and is no act of the person", async () => {
    const { id, token } = await w.s.open("alice");
    w.pass(HOUR_MS);
    const answer = await w.ask("/live", page(token, SOCKET));
    expect([answer.status, answer.cookies]).toEqual([101, []]);
    const { json } = await w.s.api("GET", `/v1/sessions/${id}`);
    const { session } = json as { session: { seenAt: string; createdAt: string } };
    expect(session.seenAt).toBe(session.createdAt);
  });

  it("an event stream starts at once, for those who are signed in", async () => {
    const { token } = await w.s.open("alice");
    const accept = { accept: "text/event-stream" };
    const answer = await w.ask("/events", page(token, accept));
    expect([answer.status, answer.text]).toEqual([200, "event: hello\n\n"]);
    expect((await w.ask("/events", { headers: accept })).status).toBe(401);
  });

  it.each([
    ["a line break", "al\r\nX-Session-Tenant: other", "al%0D%0AX-Session-Tenant%3A%20other"],
    ["NUL", "a\0b", "a%00b"],
    [
      "letters of many scripts",
      "Zoë 日本 😀,;=",
      "Zo%C3%AB%20%E6%97%A5%E6%9C%AC%20%F0%9F%98%80%2C%3B%3D",
    ],
    [
      "placeholders",
      "{http.request.host}$host%[src]",
      "%7Bhttp.request.host%7D%24host%25%5Bsrc%5D",
    ],
    ["as many characters as there may be", "日".repeat(512), "%E6%97%A5".repeat(512)],
  ])("a subject with %s arrives percent-encoded, alone", async (_, subject, encoded) => {
    const { token } = await w.s.open(subject);
    const { status } = await w.ask("/notes", page(token));
    expect(status).toBe(200);
    expect(told()).toMatchObject({ "x-session-subject": encoded, "x-session-tenant": "default" });
  });

  it("a store that does not answer is 503, clears no cookie and signs nobody out (I7)", async () => {
    const { token } = await w.s.open("alice");
    process.kill(w.store.pid, "SIGSTOP");
    try {
      const before = w.heard.length;
      const answer = await w.ask("/notes", page(token));
      expect([answer.status, answer.cookies]).toEqual([503, []]);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      expect(answer.headers["www-authenticate"]).toBeUndefined();
      expect(w.heard.length).toBe(before);
    } finally {
      process.kill(w.store.pid, "SIGCONT");
    }
    let status = 503;
    for (let tries = 0; status === 503 && tries < 200; tries += 1) {
      ({ status } = await w.ask("/notes", page(token)));
      await sleep(20);
    }
    expect(status).toBe(200);
  });

  it("a service that is not there lets nobody through", async () => {
    const { token } = await w.s.open("alice");
    await w.s.service.stop();
    const before = w.heard.length;
    const answer = await w.ask("/notes", page(token));
    expect(answer.status).toBe(product === "Caddy" ? 502 : 503);
    expect(w.heard.length).toBe(before);
  });
});

it.each(PRODUCTS)("[TR-03] %s hands no client's Forwarded on as its own", async (product) => {
  const w = await startWorld(product, { env: { SOJOURN_FORWARDED_HEADER: "forwarded" } });
  const { token } = await w.s.open("alice");
  const headers = { cookie: `__Host-session=${token}`, forwarded: "for=192.0.2.1;proto=https" };
  expect((await w.ask("/notes", { headers })).status).toBe(401);
  expect((await w.ask("/notes", page(token))).status).toBe(200);
  await w.close();
});

it.each(PRODUCTS)("%s asks with a GET of its own, without the body", async (product) => {
  const asked: { method?: string; url?: string; headers: IncomingHttpHeaders; body: string }[] = [];
  const service = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => void (body += chunk.toString()));
    const { method = "", url = "", headers } = req;
    asked.push({ method, url, headers, body });
    res.end();
  });
  await new Promise<void>((resolve) => void service.listen(0, "127.0.0.1", resolve));
  const { port } = service.address() as AddressInfo;
  const edit = (text: string): string => text.replaceAll("127.0.0.1:7380", `127.0.0.1:${port}`);
  const w = await startWorld(product, { edit });
  const chunked = { "transfer-encoding": "chunked" };
  for (const more of [{}, chunked]) {
    await w.ask("/notes?x=1", { ...page("t", more), method: "PUT", body: "note" });
  }
  expect(w.heard.map(({ body }) => body)).toEqual(["note", "note"]);
  expect(asked).toHaveLength(2);
  for (const { method, url, headers, body } of asked) {
    expect([method, url?.replace(/\?$/, ""), body]).toEqual(["GET", "/v1/forward-auth", ""]);
    expect(headers).toMatchObject({
      cookie: "session=t",
      "sec-fetch-site": "same-origin",
      "x-forwarded-method": "PUT",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
    });
    expect([headers["content-length"] ?? "0", headers["transfer-encoding"]]).toEqual([
      "0",
      undefined,
    ]);
  }
  await w.close();
  service.closeAllConnections();
  service.close();
});

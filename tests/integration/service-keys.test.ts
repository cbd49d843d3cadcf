import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bearer,
  folder,
  SECRET,
  send,
  serveProcess,
  sojourn,
  startTestService,
} from "./service-harness.ts";
import type { Answer, ServedProcess, TestService } from "./service-harness.ts";

let s: TestService;

beforeAll(async () => {
  s = await startTestService();
});

afterAll(async () => {
  await s.service.stop();
});

const ROUTES: readonly (readonly [string, string])[] = [
  ["POST", "/v1/sessions"],
  ["POST", "/v1/sessions/verify"],
  ["GET", "/v1/sessions"],
  ["GET", "/v1/sessions/ses_x"],
  ["PATCH", "/v1/sessions/ses_x"],
  ["DELETE", "/v1/sessions/ses_x"],
  ["POST", "/v1/sessions/ses_x/revoke"],
  ["POST", "/v1/subjects/ann/revoke"],
];

describe("the Backend group", () => {
  it("wants a service key on every route, before it looks at anything else", async () => {
    for (const [method, path] of ROUTES) {
      const answer = await s.bare(method, path, { headers: { "content-type": "text/plain" } });
      expect([path, answer.status, answer.json["code"]]).toEqual([path, 401, "unauthenticated"]);
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
    }
  });

  it("[ID-02] accepts no session token as a service key", async () => {
    const { token } = await s.open("ann");
    const answer = await s.bare("GET", "/v1/sessions", bearer(token));
    expect(answer.status).toBe(401);
  });

  it("refuses forged, truncated and foreign keys alike, and counts them", async () => {
    const key = await s.key("default");
    const other = await startTestService({
      env: { SOJOURN_SECRETS: Buffer.alloc(32, SECRET).reverse().toString("base64url") },
    });
    const foreign = await other.key("default");
    await other.service.stop();
    const wrong = [`${key.slice(0, -2)}AA`, key.slice(0, -1), `${key}A`, foreign, "sj1k_", "x"];
    for (const text of wrong) {
      const answer = await s.bare("GET", "/v1/sessions", bearer(text));
      expect([answer.status, answer.text]).toEqual([
        401,
        (await s.bare("GET", "/v1/sessions", bearer("sj1k_nonsense"))).text,
      ]);
    }
    const metrics = await send(`${s.service.metricsUrl ?? ""}/metrics`, "GET");
    expect(metrics.text).toMatch(/sojourn_service_keys_refused_total\{why="forged"\} [1-9]/);
  });

  it("says which scope is missing", async () => {
    const reader = await s.key("default", ["sessions:read"]);
    const writer = await s.key("default", ["sessions:write"]);
    const opened = await s.bare("POST", "/v1/sessions", {
      ...bearer(reader),
      body: { subject: "ann" },
    });
    expect([opened.status, opened.json["scope"]]).toEqual([403, "sessions:write"]);
    const listed = await s.bare("GET", "/v1/sessions", bearer(writer));
    expect([listed.status, listed.json["scope"]]).toEqual([403, "sessions:read"]);
    const body = { token: "sj1s_x", canSetToken: true };
    const verified = await s.bare("POST", "/v1/sessions/verify", { ...bearer(reader), body });
    expect([verified.status, verified.json["scope"]]).toEqual([403, "sessions:write"]);
  });
});

describe("tenants", () => {
  it("[TN-02] follow from the key alone: no field, header or path names one", async () => {
    const acme = await s.key("acme");
    const sent = { ...bearer(acme), body: { subject: "ann", tenant: "default" } };
    const answer = await s.bare("POST", "/v1/sessions", sent);
    expect([answer.status, answer.json["code"]]).toEqual([422, "unknown_field"]);
    const headers = { authorization: `Bearer ${acme}`, "x-tenant": "default" };
    const opened = await s.bare("POST", "/v1/sessions", { headers, body: { subject: "ann" } });
    expect(opened.json["session"]).toMatchObject({ tenant: "acme" });
  });

  it("answer the same 404 for foreign, unknown and malformed ids", async () => {
    const acme = await s.key("acme");
    const { id, token } = await s.open("ann");
    const unknown = `ses_${"B".repeat(24)}`;
    const actions: readonly (readonly [string, string])[] = [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/revoke"],
      ["POST", "/extend"],
      ["POST", "/rotate"],
      ["POST", "/lock"],
    ];
    for (const [method, action] of actions) {
      const answers: Answer[] = [];
      for (const which of [id, unknown, "nonsense"]) {
        answers.push(await s.bare(method, `/v1/sessions/${which}${action}`, bearer(acme)));
      }
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    }
    const verified = await s.bare("POST", "/v1/sessions/verify", {
      ...bearer(acme),
      body: { token },
    });
    expect(verified.json["state"]).toBe("unknown");
    const list = await s.bare("GET", "/v1/sessions?subject=ann&state=any", bearer(acme));
    expect(list.text).not.toContain(id);
    await s.bare("POST", "/v1/subjects/ann/revoke", bearer(acme));
    const own = await s.api("GET", `/v1/sessions/${id}`);
    expect(own.json["session"]).toMatchObject({ state: "active" });
  });
});

describe("answers to a backend", () => {
  it("[TN-05] show sessions by handle, no token, and to no cache", async () => {
    const { id, token } = await s.open("shown", { device: { label: "Laptop" } });
    const paths = [`/v1/sessions/${id}`, "/v1/sessions?state=any", "/v1/subjects/shown/sessions"];
    const answers = await Promise.all(paths.map((path) => s.api("GET", path)));
    answers.push(await s.api("POST", "/v1/sessions/verify", { body: { token } }));
    answers.push(await s.api("POST", `/v1/sessions/${id}/extend`));
    answers.push(await s.api("POST", `/v1/sessions/${id}/revoke`));
    for (const { status, text, headers } of answers) {
      expect(status).toBe(200);
      expect(headers["cache-control"]).toBe("no-store");
      expect(text).toContain(id);
      expect(text).not.toMatch(/sj1[a-z]_|verifier|sealed/);
    }
  });
});

describe("keys between processes", () => {
  let served: ServedProcess;
  const place = folder();
  const env = { SOJOURN_SECRETS: SECRET, SOJOURN_STORE: `sqlite:${place.path}/s.db` };
  const create = async (name: string): Promise<string> => {
    const { out } = await sojourn(["keys", "create", "--name", name, "--json"], env);
    return (JSON.parse(out) as { key: string }).key;
  };
  const list = (key: string): Promise<Answer> =>
    send(`${served.url}/v1/sessions`, "GET", bearer(key));

  beforeAll(async () => {
    served = await serveProcess(env);
  });

  afterAll(async () => {
    await served.stop();
    place.remove();
  });

  it("are accepted once made, and refused within a second of their end", async () => {
    const key = await create("brief");
    expect((await list(key)).status).toBe(200);
    expect((await sojourn(["keys", "revoke", "brief"], env)).code).toBe(0);
    const revokedAt = performance.now();
    let status = 200;
    while (status === 200 && performance.now() - revokedAt < 5_000) {
      ({ status } = await list(key));
    }
    expect(status).toBe(401);
    expect(performance.now() - revokedAt).toBeLessThan(1_000);
  });

  it("overlap while they are rotated, if so wished, and not otherwise", async () => {
    const old = await create("turned");
    const args = ["keys", "rotate", "turned", "--overlap", "1h", "--json"];
    const { out } = await sojourn(args, env);
    const fresh = (JSON.parse(out) as { key: string }).key;
    expect([(await list(old)).status, (await list(fresh)).status]).toEqual([200, 200]);
    const last = await sojourn(["keys", "rotate", "turned", "--json"], env);
    expect((await list((JSON.parse(last.out) as { key: string }).key)).status).toBe(200);
    const { out: listed } = await sojourn(["keys", "list", "--all", "--json"], env);
    expect(listed).not.toContain("verifier");
    expect(listed).not.toContain("sj1k_");
  });
});

/** What the service answers a gateway; through real ones: gateway.test.ts. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../packages/sojourn-server/src/config/config.ts";
import { bearer, cookie, SECRET, send, startTestService } from "./service-harness.ts";
import type { Answer, TestService } from "./service-harness.ts";

const HOUR_MS = 3_600_000;
const PATH = "/v1/forward-auth";
const GET = { "x-forwarded-method": "GET" } as const;
const skew = { ms: 0 };
const clock = { now: () => Date.now() + skew.ms, learn: () => undefined };

let s: TestService;
const started: TestService[] = [];

async function service(env: Readonly<Record<string, string>>): Promise<TestService> {
  const one = await startTestService({
    env: { SOJOURN_PROXIES: "loopback", ...env },
    library: { clock },
  });
  started.push(one);
  return one;
}

beforeAll(async () => {
  s = await service({});
});
afterAll(() => Promise.all(started.map((one) => one.service.stop())));
afterEach(() => {
  skew.ms = 0;
});

/** As a gateway asks about a link that somebody followed from another site. */
function link(token: string, more: Readonly<Record<string, string>> = {}) {
  return cookie(token, { "sec-fetch-site": "cross-site", ...GET, ...more });
}

function told({ status, json, headers }: Answer): readonly unknown[] {
  return [status, json["code"], headers["x-session-problem"]];
}

describe("the original method", () => {
  it("counts where a configured hop names it, and under one name alone", async () => {
    const { token } = await s.open("alice");
    expect((await s.bare("GET", PATH, link(token))).status).toBe(200);
    const failed = [403, "csrf_failed", "csrf_failed"];
    for (const named of ["POST", "", "get", "GET, GET", "GET, POST", "CONNECT"]) {
      const answer = await s.bare("GET", PATH, link(token, { "x-forwarded-method": named }));
      expect([named, ...told(answer)]).toEqual([named, ...failed]);
    }
    const other = { "x-original-method": "GET", "x-http-method": "GET" };
    const bare = cookie(token, { "sec-fetch-site": "cross-site", ...other });
    expect(told(await s.bare("GET", PATH, bare))).toEqual(failed);
  });

  it("is unsafe for a WebSocket, even where the gateway keeps its Upgrade to itself", async () => {
    const { token } = await s.open("alice");
    for (const name of ["upgrade", "sec-websocket-key", "sec-websocket-version"]) {
      const answer = await s.bare("GET", PATH, link(token, { [name]: "13" }));
      expect([name, ...told(answer)]).toEqual([name, 403, "csrf_failed", "csrf_failed"]);
    }
  });

  it("[CS-07] brings the token that a policy asks of unsafe requests in a header", async () => {
    const strict = await service({ SOJOURN_POLICY: "nist-aal1" });
    const { token } = await strict.open("alice", { amr: ["pwd", "otp"], acr: "aal2" });
    const post = { "x-forwarded-method": "POST" };
    const bare = await strict.bare("GET", PATH, cookie(token, post));
    expect([...told(bare), bare.json["check"]]).toEqual([
      403,
      "csrf_failed",
      "csrf_failed",
      "token",
    ]);
    const { json } = await strict.bare("GET", "/v1/session", cookie(token));
    const proved = { ...post, "x-csrf-token": String(json["csrfToken"]) };
    expect((await strict.bare("GET", PATH, cookie(token, proved))).status).toBe(200);
  });

  it("has another name where gateways speak otherwise", async () => {
    const other = await service({ SOJOURN_GATEWAY_NAMING: "x-original" });
    const { token } = await other.open("alice");
    const cross = { "sec-fetch-site": "cross-site" };
    const named = cookie(token, { ...cross, "x-original-method": "GET" });
    expect((await other.bare("GET", PATH, named)).status).toBe(200);
    expect((await other.bare("GET", PATH, link(token))).status).toBe(403);
  });

  it("[TR-03] is not believed from anybody else, which the log says once", async () => {
    const strange = await service({ SOJOURN_PROXIES: "10.0.0.0/8" });
    const { token } = await strange.open("alice");
    for (let time = 0; time < 2; time += 1) {
      expect(told(await strange.bare("GET", PATH, link(token)))).toContain("csrf_failed");
    }
    const own = cookie(token, GET);
    expect((await strange.bare("GET", PATH, own)).status).toBe(200);
    const said = strange.logs.filter((line) => line.includes("Add your gateway's address"));
    expect(said).toHaveLength(1);
  });

  it.each(["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])(
    "a question that is itself a %s is refused",
    async (method) => {
      const { token } = await s.open("alice");
      const { status, headers } = await s.bare(method, PATH, cookie(token, GET));
      expect([status, headers.allow]).toEqual([405, "GET"]);
      expect(headers["x-session-subject"]).toBeUndefined();
    },
  );
});

describe("behind TLS that the gateway ends", () => {
  it("[CK-01] the cookie is the strict one, and a plain-HTTP request carries none", async () => {
    const { token } = await s.open("alice");
    const strict = { cookie: `__Host-session=${token}`, "sec-fetch-site": "none", ...GET };
    const tls = { "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7" };
    skew.ms = HOUR_MS;
    const answer = await s.bare("GET", PATH, { headers: { ...strict, ...tls } });
    expect(answer.status).toBe(200);
    expect(answer.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^__Host-session=sj1s_[\w-]{80}; Path=\/; Secure; HttpOnly/),
    ]);
    expect((await s.bare("GET", PATH, { headers: strict })).status).toBe(401);
  });
});

describe("what is asked of the session", () => {
  it("by the gateway's address: 403 with the challenge of RFC 9470 until it is met", async () => {
    const { id, token } = await s.open("alice");
    const ask = (query: string, presented = token): Promise<Answer> =>
      s.bare("GET", `${PATH}?${query}`, link(presented));
    const weak = await ask("acr=aal2&factors=2&maxAge=300");
    expect(told(weak)).toEqual([403, "step_up_required", "step_up_required"]);
    expect(weak.json["required"]).toEqual({ acr: "aal2", factors: 2 });
    expect(weak.headers["www-authenticate"]).toMatch(
      /^Bearer .*error="insufficient_user_authentication".*acr_values="aal2"/,
    );
    const body = { amr: ["otp"], acr: "aal2" };
    const stepped = await s.api("POST", `/v1/sessions/${id}/step-up`, { body });
    const strong = String(stepped.json["token"]);
    expect((await ask("acr=aal2&factors=2&maxAge=300", strong)).status).toBe(200);
    skew.ms = 301_000;
    const late = await ask("maxAge=300", strong);
    expect([late.status, late.json["required"]]).toEqual([403, { maxAge: 300 }]);
  });

  it("by the configuration, whatever the address leaves out", async () => {
    const strict = await service({
      SOJOURN_GATEWAY_ACR: "aal2",
      SOJOURN_GATEWAY_MAX_AGE: "10m",
      SOJOURN_GATEWAY_FACTORS: "2",
    });
    const { token } = await strict.open("alice");
    const weak = await strict.bare("GET", `${PATH}?acr=aal1&factors=1`, link(token));
    expect([weak.status, weak.json["required"]]).toEqual([403, { acr: "aal2", factors: 2 }]);
    const good = await strict.open("bob", { amr: ["pwd", "otp"], acr: "aal2" });
    expect((await strict.bare("GET", PATH, link(good.token))).status).toBe(200);
    skew.ms = 601_000;
    const late = await strict.bare("GET", `${PATH}?maxAge=86400`, link(good.token));
    expect([late.status, late.json["required"]]).toEqual([403, { maxAge: 600, factors: 2 }]);
  });

  it("a locked session is 403, since gateways know no 423; one without a factor is, too", async () => {
    const { id, token } = await s.open("alice");
    await s.api("POST", `/v1/sessions/${id}/lock`);
    const locked = await s.bare("GET", PATH, link(token));
    expect(told(locked)).toEqual([403, "session_locked", "session_locked"]);
    expect(locked.json["status"]).toBe(403);
    expect(locked.headers["www-authenticate"]).toContain("insufficient_user_authentication");
    const half = await s.open("bob", { pending: true });
    expect(told(await s.bare("GET", PATH, link(half.token)))).toEqual([
      403,
      "step_up_required",
      "step_up_required",
    ]);
  });

  it.each(["acr=", "acr=a&acr=b", "factors=0", "factors=x", "maxAge=-1", "activity=no", "max=1"])(
    "what cannot be meant lets nobody through: %s",
    async (query) => {
      const { token } = await s.open("alice", { amr: ["pwd", "otp"], acr: "aal2" });
      const { status, headers } = await s.bare("GET", `${PATH}?${query}`, link(token));
      expect([400, 422]).toContain(status);
      expect(headers["x-session-subject"]).toBeUndefined();
    },
  );
});

describe("the reason of a refusal", () => {
  it("is told to the holder of the credential alone", async () => {
    const { id, token } = await s.open("alice");
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const ended = await s.bare("GET", PATH, link(token));
    expect([...told(ended), ended.json["reason"], ended.headers["x-session-reason"]]).toEqual([
      401,
      "session_ended",
      "session_ended",
      "revoked",
      "revoked",
    ]);
    const forged = `${token.slice(0, -4)}AAAA`;
    const none = await s.bare("GET", PATH, link(forged));
    expect([...told(none), none.headers["x-session-reason"]]).toEqual([
      401,
      "unauthenticated",
      "unauthenticated",
      undefined,
    ]);
  });
});

describe("activity and tokens", () => {
  async function seenAfterAnHour(query: string): Promise<boolean> {
    const { id, token } = await s.open("alice");
    skew.ms += HOUR_MS;
    const { status } = await s.bare("GET", `${PATH}?${query}`, link(token));
    const { json } = await s.api("GET", `/v1/sessions/${id}`);
    const { seenAt, createdAt } = json["session"] as { seenAt: string; createdAt: string };
    expect(status).toBe(200);
    return seenAt !== createdAt;
  }

  it("a question is an act of the person, unless its address says otherwise", async () => {
    expect(await seenAfterAnHour("")).toBe(true);
    expect(await seenAfterAnHour("activity=false")).toBe(false);
  });

  it("a path that answers late is given no token", async () => {
    const { token } = await s.open("alice");
    skew.ms = HOUR_MS;
    const late = await s.bare("GET", `${PATH}?canSetToken=false`, link(token));
    expect([late.status, late.headers["set-cookie"]]).toEqual([200, undefined]);
    const usual = await s.bare("GET", PATH, link(token));
    expect(usual.headers["set-cookie"]).toHaveLength(1);
    expect(usual.headers["cache-control"]).toBe("no-store");
  });

  it("a bearer token is never answered with a cookie", async () => {
    const { token } = await s.open("robot");
    skew.ms = HOUR_MS;
    const { status, headers } = await s.bare("GET", PATH, bearer(token));
    expect([status, headers["set-cookie"]]).toEqual([200, undefined]);
  });
});

describe("who it is", () => {
  it("a subject that has no UTF-8 is refused: two of them would be one", async () => {
    const { token } = await s.open("a\ud800b");
    const answer = await s.bare("GET", PATH, link(token));
    expect(told(answer)).toEqual([403, "forbidden", "forbidden"]);
    expect(answer.headers["x-session-subject"]).toBeUndefined();
  });

  it("every name is answered each time, so that gateways overwrite what clients sent", async () => {
    const { id, token } = await s.open("alice");
    const { headers, text } = await s.bare("GET", PATH, link(token));
    const names = Object.keys(headers).filter((name) => name.startsWith("x-session-"));
    expect(names.toSorted()).toEqual(
      ["acr", "amr", "auth-time", "id", "subject", "tenant"].map((name) => `x-session-${name}`),
    );
    expect([headers["x-session-id"], headers["x-session-acr"], text]).toEqual([id, "", ""]);
  });
});

describe("too many questions", () => {
  it("of one session, or one client without any, are 503: gateways can pass no 429 on", async () => {
    const slow = await service({ SOJOURN_RATE_LIMIT: "1" });
    const { token } = await slow.open("alice");
    const from = (address: string) => ({ ...GET, "x-forwarded-for": address });
    const ask = (headers: Readonly<Record<string, string>>): Promise<Answer> =>
      slow.bare("GET", PATH, { headers });
    const statuses: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      statuses.push((await ask({ cookie: `session=${token}`, ...GET })).status);
    }
    expect(statuses).toEqual([200, 200, 503]);
    for (let time = 0; time < 3; time += 1) statuses.push((await ask(from("192.0.2.1"))).status);
    expect(statuses.slice(3)).toEqual([401, 401, 503]);
    expect((await ask(from("192.0.2.2"))).status).toBe(401);
  });
});

describe("metrics", () => {
  it("count answers by what they were, from a closed list", async () => {
    const counted = await service({});
    const { token } = await counted.open("alice");
    await counted.bare("GET", PATH, link(token));
    await counted.bare("GET", PATH);
    await counted.bare("GET", `${PATH}?x=1`);
    const { text } = await send(`${counted.service.metricsUrl ?? ""}/metrics`, "GET");
    const lines = text.split("\n").filter((line) => line.startsWith("sojourn_forward_auths_total"));
    expect(lines.toSorted()).toEqual([
      'sojourn_forward_auths_total{answer="ok"} 1',
      'sojourn_forward_auths_total{answer="unauthenticated"} 1',
      'sojourn_forward_auths_total{answer="unknown_field"} 1',
    ]);
  });
});

describe("answers that a gateway may keep", () => {
  const near = { SOJOURN_NEAR_CACHE: "5s", SOJOURN_GATEWAY_CACHE: "5s" };
  const kept = ({ headers }: Answer): unknown => headers["x-accel-expires"];

  it("[CK-15] there are none unless that is configured", async () => {
    const { token } = await s.open("alice");
    const answer = await s.bare("GET", PATH, link(token));
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(kept(answer)).toBeUndefined();
  });

  it("[CK-15] are a yes to reading, private, without a cookie, by credential and origin", async () => {
    const caching = await service(near);
    const { id, token } = await caching.open("alice");
    const ask = (query: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
      caching.bare("GET", `${PATH}?${query}`, cookie(token, { ...GET, ...headers }));
    const yes = await ask("acr=");
    expect(kept(yes)).toBeUndefined();
    const good = await ask("factors=1");
    expect([good.status, kept(good), good.headers["cache-control"]]).toEqual([
      200,
      "5",
      "private, max-age=5",
    ]);
    expect(good.headers.vary).toBe("Cookie, Authorization, Origin, Sec-Fetch-Site, Upgrade");
    expect(kept(await ask("", { "x-forwarded-method": "POST" }))).toBeUndefined();
    expect(kept(await ask("", { upgrade: "websocket" }))).toBeUndefined();
    expect(kept(await ask("maxAge=300"))).toBeUndefined();
    expect(kept(await ask("factors=2"))).toBeUndefined();
    skew.ms = HOUR_MS;
    const renewed = await ask("");
    expect(renewed.headers["set-cookie"]).toHaveLength(1);
    expect([kept(renewed), renewed.headers["cache-control"]]).toEqual([undefined, "no-store"]);
    const { json } = await caching.api("GET", `/v1/sessions/${id}`);
    const { idleExpiresAt } = json["session"] as { idleExpiresAt: string };
    skew.ms = Date.parse(idleExpiresAt) - Date.now() - 2_500;
    expect(kept(await ask("activity=false&canSetToken=false"))).toBe("2");
  });
});

describe("the configuration", () => {
  it("names what is wrong and what is accepted, all at once", () => {
    const env = {
      SOJOURN_SECRETS: SECRET,
      SOJOURN_GATEWAY_NAMING: "forwarded",
      SOJOURN_GATEWAY_FACTORS: "4",
      SOJOURN_GATEWAY_MAX_AGE: "5",
      SOJOURN_GATEWAY_CACHE: "10s",
      SOJOURN_NEAR_CACHE: "5s",
    };
    const read = (): unknown => readConfig({ flags: {}, env });
    expect(read).toThrow(/gateway\.naming: accepted: x-forwarded, x-original/);
    expect(read).toThrow(/gateway\.factors: accepted: 1, 2 or 3/);
    expect(read).toThrow(/SOJOURN_GATEWAY_MAX_AGE: given "5"; accepted: a span from 1s to 30d/);
    expect(read).toThrow(/gateway\.cache: is longer than nearCache/);
    expect(() => readConfig({ flags: {}, env: { ...env, SOJOURN_NEAR_CACHE: "" } })).toThrow(
      /gateway\.cache: is longer than nearCache/,
    );
  });
});

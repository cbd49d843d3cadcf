/** Verify has a short way past the framework: answers are the same on both. */
import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { request } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRedis } from "../../tools/engines.mjs";
import { eventually } from "../support/eventually.ts";
import { bearer, folder, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

/** Published by the framework for each request that a route of it handles. */
const HANDLED = "tracing:fastify.request.handler:start";
const PATH = "/v1/sessions/verify";

let handled = 0;
const count = (): void => void (handled += 1);
subscribe(HANDLED, count);
afterAll(() => void unsubscribe(HANDLED, count));

interface Asked {
  readonly key: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Told extends Pick<Answer, "status" | "headers" | "json"> {
  /** By a route of the framework. */
  readonly usual: boolean;
}

/** The same route, written as the short way does not know it. */
const USUAL = `${PATH}?`;
const NOBODY = '{"token":"x"}';

function ask(s: TestService, { key, body, headers }: Asked, path = PATH): Promise<Told> {
  const bytes = Buffer.from(body);
  const before = handled;
  return new Promise((resolve, reject) => {
    const outgoing = request(s.service.url + path, {
      method: "POST",
      agent: false,
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "content-length": bytes.length,
        ...headers,
      },
    });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => void (text += chunk.toString()));
      response.on("end", () => {
        const { statusCode: status = 0, headers: told } = response;
        const json = JSON.parse(text) as Json;
        resolve({ status, headers: told, json, usual: handled > before });
      });
    });
    outgoing.end(bytes);
  });
}

/** Without what is of one moment. */
function lasting({ status, headers, json }: Told): unknown {
  const { date: _date, ratelimit, "x-request-id": id, ...rest } = headers;
  const { serverTime, ...body } = json;
  const moment = { limited: typeof ratelimit, id: typeof id, at: typeof serverTime };
  return { status, headers: rest, body, moment };
}

/** Asked the plain way, then the usual one. */
async function both(s: TestService, asked: Asked, one = ask(s, asked)): Promise<Told> {
  const told = await one;
  expect(lasting(told)).toEqual(lasting(await ask(s, asked, USUAL)));
  return told;
}

/** Answered by the short way: one in half a second is not, for which the key is read again. */
function short(s: TestService, asked: Asked): Promise<Told> {
  const taken = eventually(async () => {
    const told = await ask(s, asked);
    return told.usual ? undefined : told;
  });
  return both(s, asked, taken);
}

const COUNTED = [
  /^sojourn_http_request_seconds_count\{method="POST",route="\/v1\/sessions\/verify",status="200"\} (\d+)/m,
  /^sojourn_tenant_requests_total\{tenant="default"\} (\d+)/m,
  /^sojourn_verifies_total\{state="unknown"\} (\d+)/m,
];

function withoutMoment({ time: _time, at: _at, reqId: _id, ms, ...line }: Json): Json {
  return { ...line, ms: typeof ms };
}

describe("what goes the short way", () => {
  let s: TestService;
  let key: string;

  beforeAll(async () => {
    s = await startTestService({ env: { SOJOURN_NEAR_CACHE: "2s" } });
    key = await s.key("default", ["sessions:read"]);
  });
  afterAll(() => s.service.stop());

  const tell = (body: unknown, headers = {}): Promise<Told> =>
    short(s, { key, body: JSON.stringify(body), headers });

  it("is a token, whatever it is worth", async () => {
    const { id, token } = await s.open("ann", { data: { name: "Zoë" } });
    expect(await tell({ token })).toMatchObject({ json: { state: "active" } });
    await s.api("POST", `/v1/sessions/${id}/lock`, { body: {} });
    expect(await tell({ token })).toMatchObject({ json: { state: "locked" } });
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    expect(await tell({ token })).toMatchObject({ json: { state: "ended" } });
    const forged = `${token.slice(0, -6)}AAAAAA`;
    for (const odd of [forged, "x", '"', "x".repeat(4_096)]) {
      expect(await tell({ token: odd })).toMatchObject({ json: { state: "unknown" } });
    }
  });

  it("is a batch", async () => {
    const sessions = await Promise.all(["a", "b", "c"].map((subject) => s.open(subject)));
    const tokens = [...sessions.map(({ token }) => token), "x"];
    const told = await tell({ tokens });
    expect(told.json["results"]).toMatchObject([
      { state: "active" },
      { state: "active" },
      { state: "active" },
      { state: "unknown" },
    ]);
    const many = await tell({ tokens: Array.from({ length: 500 }, () => "x") });
    expect(many.json["results"]).toHaveLength(500);
  });

  it("keeps the id of the request, if it is one", async () => {
    const named = await tell({ token: "x" }, { "x-request-id": "of-mine.1" });
    expect(named.headers["x-request-id"]).toBe("of-mine.1");
    const odd = await tell({ token: "x" }, { "x-request-id": "of mine" });
    expect(odd.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
  });

  it("is logged and counted as the usual way is, and events know of it", async () => {
    const { token } = await s.open("ben");
    const body = JSON.stringify({ token: `${token.slice(0, -6)}AAAAAA` });
    const counted = async (): Promise<readonly number[]> => {
      const page = await (await fetch(`${s.service.metricsUrl}/metrics`)).text();
      return COUNTED.map((pattern) => Number(pattern.exec(page)?.[1] ?? 0));
    };
    const lines: Json[][] = [];
    for (const path of [PATH, USUAL]) {
      let id = "";
      let before: readonly number[] = [];
      await eventually(async () => {
        id = randomUUID();
        before = await counted();
        const { usual } = await ask(s, { key, body, headers: { "x-request-id": id } }, path);
        return usual === (path === USUAL);
      });
      const ofIt = (): Json[] =>
        s.logs.map((line) => JSON.parse(line) as Json).filter(({ reqId }) => reqId === id);
      await eventually(() => ofIt().some(({ msg }) => msg === "request"));
      expect((await counted()).map((now, at) => now - (before[at] ?? 0))).toEqual([1, 1, 1]);
      lines.push(ofIt().map(withoutMoment));
    }
    expect(lines[0]).toEqual(lines[1]);
    expect(lines[0]).toMatchObject([
      { msg: "audit", event: "token-forged" },
      { msg: "request", method: "POST", route: PATH, status: 200, tenant: "default" },
    ]);
  });
});

describe("what goes the usual way, unharmed", () => {
  let s: TestService;
  let key: string;

  beforeAll(async () => {
    s = await startTestService();
    key = await s.key("default", ["sessions:read"]);
  });
  afterAll(() => s.service.stop());

  const BODIES: readonly (readonly [string, string | Buffer, number])[] = [
    ["is empty", "", 400],
    ["is no JSON", "{token", 400],
    ["has a space that JSON does not know", '{\u000b"token":"x"}', 400],
    ["has a page break", '{\f"token":"x"}', 400],
    ["has a space of Latin-1", Buffer.from('{\u00a0"token":"x"}', "latin1"), 400],
    ["is null", "null", 400],
    ["is a list", '["x"]', 400],
    ["is a text", '"x"', 400],
    ["says nothing", "{}", 400],
    ["has a token of no length", '{"token":""}', 400],
    ["has a token that is too long", JSON.stringify({ token: "x".repeat(4_097) }), 400],
    ["has a token that is a number", '{"token":5}', 400],
    ["has one token and many", '{"token":"x","tokens":["x"]}', 400],
    ["has no tokens", '{"tokens":[]}', 400],
    ["has 501 tokens", JSON.stringify({ tokens: Array.from({ length: 501 }, () => "x") }), 400],
    ["has a number among tokens", '{"tokens":["x",5]}', 400],
    ["has something unknown", '{"token":"x","tokn":"x"}', 422],
    ["has a prototype", '{"token":"x","__proto__":{}}', 400],
    ["has a prototype alone", '{"__proto__":{"token":"x"}}', 400],
    ["begins with a mark of order", '\uFEFF{"token":"x"}', 200],
    ["has a letter that is not ASCII", '{"token":"ä"}', 200],
    ["says whose act it is", '{"token":"x","activity":true}', 200],
    ["asks for a member", '{"token":"x","fields":["id"]}', 200],
    ["wants a successor without the scope for it", '{"token":"x","canSetToken":true}', 403],
  ];

  it.each(BODIES)("a body that %s", async (_what, body, status) => {
    const told = await both(s, { key, body });
    expect(told.status).toBe(status);
    if (status === 200) expect(told.usual).toBe(true);
  });

  it.each([
    ["no key that is one", { authorization: "Bearer sj1k_x" }, 401],
    ["another type", { "content-type": "text/plain" }, 415],
    ["another charset", { "content-type": "application/json; charset=latin1" }, 200],
  ])("a request with %s", async (_what, headers, status) => {
    const told = await both(s, { key, body: NOBODY, headers });
    expect(told.status).toBe(status);
    if (status === 200) expect(told.usual).toBe(true);
  });

  it("a key without the scope", async () => {
    const writer = await s.key("default", ["sessions:write"]);
    expect((await both(s, { key: writer, body: NOBODY })).status).toBe(403);
    expect((await both(s, { key: writer, body: NOBODY })).status).toBe(403);
  });

  it("a key that was revoked, at once", async () => {
    const lost = await s.key("default", ["sessions:read", "keys:write"]);
    await short(s, { key: lost, body: NOBODY });
    const listed = await s.api("GET", "/v1/keys?limit=100");
    const items = listed.json["items"] as { id: string }[];
    const { id } = items.find((item) => lost.includes(item.id)) ?? { id: "" };
    expect((await s.api("POST", `/v1/keys/${id}/revoke`)).status).toBe(200);
    expect((await both(s, { key: lost, body: NOBODY })).status).toBe(401);
  });

  it("a tenant with a quota, and one that is suspended", async () => {
    const quotas = { requestsPerSecond: 1_000 };
    await s.api("POST", "/v1/tenants", { body: { id: "metered", quotas } });
    const metered = await s.key("metered");
    for (let count = 0; count < 2; count += 1) {
      const told = await both(s, { key: metered, body: NOBODY });
      expect(told).toMatchObject({ status: 200, usual: true });
    }
    await s.api("POST", "/v1/tenants", { body: { id: "closed" } });
    const closed = await s.key("closed");
    await short(s, { key: closed, body: NOBODY });
    await s.api("POST", "/v1/tenants/closed/suspend");
    expect((await both(s, { key: closed, body: NOBODY })).status).toBe(403);
  });

  const head = (length: number): string =>
    `POST ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n` +
    `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

  /** A connection on which bytes go out exactly as given. */
  function wire(): { readonly socket: Socket; said(words: string): number } {
    const { hostname, port } = new URL(s.service.url);
    const socket = connect(Number(port), hostname);
    let got = "";
    socket.on("data", (chunk) => void (got += chunk.toString()));
    // The service may close it meanwhile.
    socket.on("error", () => undefined);
    return { socket, said: (words) => got.split(words).length - 1 };
  }

  it("a request on a connection that is used again, in whatever pieces it comes", async () => {
    const { socket, said } = wire();
    const answers = (): number => said("HTTP/1.1 200 OK");
    const whole = `${head(13)}${NOBODY}`;
    socket.write(whole);
    await eventually(() => answers() === 1);
    // Three at once: short, usual, short.
    socket.write(`${whole}${head(29)}{"token":"x","activity":true}${whole}`);
    await eventually(() => answers() === 4);
    socket.write(`${head(13)}{"tok`);
    await sleep(30);
    socket.write('en":"x"}');
    await eventually(() => answers() === 5);
    // What comes first would do; what comes after it is wrong.
    socket.write(`${head(17)}${NOBODY}`);
    await sleep(30);
    socket.write(',"y"');
    await eventually(() => said("HTTP/1.1 400 ") === 1);
    expect(answers()).toBe(5);
    socket.destroy();
  });

  it.each([
    ["before its body", ""],
    ["in the middle of it", '{"tok'],
  ])("the others, when a client goes away %s", async (_when, sent) => {
    const { socket } = wire();
    await short(s, { key, body: NOBODY });
    socket.write(`${head(13)}${sent}`);
    await sleep(30);
    socket.destroy();
    await short(s, { key, body: NOBODY });
  });
});

describe("where something is wrong", () => {
  it("a body that is larger than allowed is refused on both ways", async () => {
    const s = await startTestService({ env: { SOJOURN_BODY_LIMIT: "1024" } });
    const key = await s.key("default", ["sessions:read"]);
    const body = (length: number): string => JSON.stringify({ token: "x".repeat(length) });
    await short(s, { key, body: body(1_000) });
    expect((await both(s, { key, body: body(1_100) })).status).toBe(413);
    await s.service.stop();
  });

  it("too many are refused on both ways, which count together", async () => {
    const s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "1" } });
    const key = await s.key("default", ["sessions:read"]);
    const asked = { key, body: NOBODY };
    let quick = 0;
    for (const path of [PATH, USUAL]) {
      await eventually(async () => {
        const { status, headers, usual } = await ask(s, asked, path);
        expect(headers["ratelimit-policy"]).toBe('"caller";q=2;w=2');
        if (status === 200 && !usual) quick += 1;
        return status === 429 && (path === USUAL || quick > 0);
      });
    }
    await s.service.stop();
  });

  it("a store that stands still is a problem of the same form", async () => {
    const place = folder();
    const engine = await startRedis({ args: ["--appendonly", "yes"] });
    const s = await startTestService({
      env: {
        SOJOURN_STORE: engine.url,
        SOJOURN_CONTROL: `sqlite:${place.path}/control.db`,
        SOJOURN_STORE_TIMEOUT: "400ms",
      },
    });
    try {
      const { token } = await s.open("ann");
      const key = await s.key("default", ["sessions:read"]);
      process.kill(engine.pid, "SIGSTOP");
      const told = await short(s, { key, body: JSON.stringify({ token }) });
      expect(told).toMatchObject({ status: 503, json: { code: "unavailable" } });
    } finally {
      process.kill(engine.pid, "SIGCONT");
      await s.service.stop();
      await engine.stop();
      place.remove();
    }
  });

  it("a service that goes away says so to its balancer", async () => {
    const s = await startTestService();
    const key = await s.key("default", ["sessions:read"]);
    const { token } = await s.open("ann");
    await short(s, { key, body: JSON.stringify({ token }) });
    const stopped = s.service.stop(5_000);
    const { headers } = bearer(key);
    const sent = { headers: { ...headers, connection: "keep-alive" }, body: { token } };
    const told = await s.bare("POST", PATH, sent);
    expect([told.status, told.headers.connection]).toEqual([200, "close"]);
    await stopped;
  });
});

/**
 * Sealed sessions over HTTP: the service holds the sessions, workerd is the edge and has no store.
 * The published bound is `boundMs`: a logout acknowledged longer ago is refused everywhere.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { startEdge } from "../support/sealed-edge.ts";
import type { Edge } from "../support/sealed-edge.ts";
import { CookieBox } from "../support/sealed-world.ts";
import { folder, SECRET, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";
import { postgres, redis } from "./service-machines-harness.ts";
import type { Shared } from "./service-machines-harness.ts";

const ISSUER = "https://auth.example";
const BOUND_MS = 1_500;
/** Long enough for the service to stop within it. */
const AWAY_BOUND_MS = 4_000;
const RENEW_EVERY_MS = 1_000;
const NAME = "__Host-session";
const place = folder();
const ending: (() => unknown)[] = [];
let files = 0;

afterAll(() => place.remove());
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

function keyFile(): Promise<string> {
  files += 1;
  return keyFileAt(join(place.path, `keys-${files}.jwks`));
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<TestService> {
  const s = await startTestService({
    env: {
      SOJOURN_TOKEN_KEYS: await keyFile(),
      SOJOURN_TOKEN_ISSUER: ISSUER,
      SOJOURN_TOKEN_AUDIENCES: "https://api.example",
      SOJOURN_RATE_LIMIT: "0",
      ...env,
    },
  });
  ending.push(() => s.service.stop());
  return s;
}

async function edgeOf(s: TestService, boundMs = BOUND_MS, renewEveryMs = 300_000): Promise<Edge> {
  const serviceKey = await s.key("default", ["sessions:read", "sessions:write"]);
  const edge = startEdge({
    service: s.service.url,
    serviceKey,
    secret: SECRET,
    issuer: ISSUER,
    boundMs,
    renewEveryMs,
  });
  ending.push(() => edge.stop());
  return edge;
}

/** A browser whose session was opened at the service, and sealed at its first request. */
async function browser(s: TestService, edge: Edge, data: Json = { cart: ["tea"] }) {
  const { id, token } = await s.open("alice", { data });
  const box = new CookieBox();
  box.cookies.set(NAME, token);
  const first = await edge.ask(box.header);
  expect([first.status, first.standing]).toMatchObject([200, { state: "active", data }]);
  box.take(first.setCookies);
  return { id, token, box };
}

const POST = { method: "POST", headers: { "sec-fetch-site": "same-origin" } };

async function sqlite(): Promise<Shared> {
  return {
    env: { SOJOURN_STORE: `sqlite:${join(place.path, "sessions.db")}` },
    stop: async () => undefined,
  };
}

describe.each([
  ["SQLite", sqlite],
  ["PostgreSQL", postgres],
  ["Redis", redis],
] as const)("over the service on %s", (_name, begin) => {
  let shared: Shared;
  beforeAll(async () => {
    shared = await begin();
  }, 60_000);
  afterAll(() => shared.stop());

  it("[TE-02] a session is read at the edge without a call, and ends there with its logout", async () => {
    const s = await start(shared.env);
    const edge = await edgeOf(s);
    const { id, box } = await browser(s, edge);
    // Where nothing is due while it is counted, the feed included.
    const elsewhere = await edgeOf(s, 60_000);
    await elsewhere.ask(box.header);
    for (let count = 0; count < 5; count += 1) {
      const { standing, calls, setCookies } = await elsewhere.ask(box.header);
      expect(standing).toMatchObject({ state: "active", session: { subject: "alice" } });
      expect([calls, setCookies]).toEqual([[], []]);
    }
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const acknowledgedAt = performance.now();
    await sleep(BOUND_MS - (performance.now() - acknowledgedAt));
    const ended = await edge.ask(box.header);
    expect(ended.standing).toEqual({ state: "ended", reason: "revoked" });
    expect([ended.calls.at(-1), ended.setCookies]).toEqual(["/v1/sessions/verify", []]);
  });

  it("[TE-02] data is changed where it is kept, and everything of a subject ends within the bound", async () => {
    const s = await start(shared.env);
    const edge = await edgeOf(s);
    const { id, box } = await browser(s, edge);
    const changed = await edge.ask(box.header, "/change", { ...POST, body: '{"n":1,"cart":null}' });
    box.take(changed.setCookies);
    expect(changed.standing).toMatchObject({ state: "active", data: { n: 1 } });
    const stored = await s.api("GET", `/v1/sessions/${id}`);
    expect(stored.json).toMatchObject({ session: { data: { n: 1 } } });
    const read = await edge.ask(box.header);
    expect(read.standing["data"]).toEqual({ n: 1 });
    expect(read.calls).not.toContain("/v1/sessions/verify");
    await s.api("POST", "/v1/subjects/alice/revoke", { body: {} });
    await sleep(BOUND_MS);
    expect((await edge.ask(box.header)).standing).toMatchObject({ state: "ended" });
    const late = await edge.ask(box.header, "/change", { ...POST, body: '{"n":2}' });
    expect(late.standing).toMatchObject({ state: "ended" });
  });
});

describe("while the service is away", () => {
  it("reads go on within the bound, then nobody is active and nobody is logged out (I3, I7)", async () => {
    const s = await start();
    const edge = await edgeOf(s, AWAY_BOUND_MS);
    const { box } = await browser(s, edge);
    await s.service.stop();
    ending.shift();
    const within = await edge.ask(box.header);
    expect([within.status, within.standing["state"]]).toEqual([200, "active"]);
    const write = await edge.ask(box.header, "/change", { ...POST, body: '{"n":1}' });
    expect(write.standing).toEqual({ state: "active-before", after: "unavailable" });
    await sleep(AWAY_BOUND_MS);
    const past = await edge.ask(box.header);
    expect([past.status, past.setCookies]).toEqual([503, []]);
    expect(past.headers.get("retry-after")).toBe("1");
    expect(past.text).toContain("nobody was signed out");
    const forged = await edge.ask(`${NAME}=sj1e_1${"A".repeat(80)}`);
    expect(forged.standing).toMatchObject({ state: "unknown" });
  });
});

describe("the edge", () => {
  it("goes on where a runtime ended what a request had begun together with that request", async () => {
    const s = await start();
    const edge = await edgeOf(s);
    const { box } = await browser(s, edge);
    const endsAt = performance.now() + 3 * BOUND_MS;
    while (performance.now() < endsAt) {
      const { status, setCookies } = await edge.ask(box.header);
      expect(status).toBe(200);
      box.take(setCookies);
      await sleep(300);
    }
  });

  it("is asked by many at once from cold, and all get the answer", async () => {
    const s = await start();
    const edge = await edgeOf(s);
    const { token } = await s.open("alice");
    const asked = Array.from({ length: 8 }, () => edge.ask(`${NAME}=${token}`));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ standing }) => standing["state"]))).toEqual(new Set(["active"]));
    const feeds = answers
      .flatMap(({ calls }) => calls)
      .filter((path) => path.endsWith("revocations"));
    expect(feeds).toHaveLength(1);
  });

  it("[CK-05] keeps a session over cookies, falls back to its token, and comes back", async () => {
    const s = await start();
    const edge = await edgeOf(s);
    const { token, box } = await browser(s, edge);
    const put = async (text: string): Promise<readonly string[]> => {
      const body = JSON.stringify({ text });
      const answer = await edge.ask(box.header, "/change", { ...POST, body });
      box.take(answer.setCookies);
      expect(answer.standing).toMatchObject({ state: "active", data: { text } });
      return [...box.cookies.keys()];
    };
    expect(await put("x".repeat(4_000))).toEqual([NAME, `${NAME}.1`]);
    const chunked = await edge.ask(box.header);
    expect(chunked.standing["state"]).toBe("active");
    expect(chunked.calls).not.toContain("/v1/sessions/verify");
    expect(await put("x".repeat(8_000))).toEqual([NAME]);
    expect(box.cookies.get(NAME)).toBe(token);
    const outgrown = await edge.ask(box.header);
    expect(outgrown.standing).toMatchObject({ data: { text: "x".repeat(8_000) } });
    expect(outgrown.calls).toContain("/v1/sessions/verify");
    expect(await put("short")).toEqual([NAME]);
    const back = await edge.ask(box.header);
    expect(back.standing["data"]).toMatchObject({ text: "short" });
    expect(back.calls).not.toContain("/v1/sessions/verify");
    const refused = await edge.ask(box.header, "/change", {
      ...POST,
      body: JSON.stringify({ text: "x".repeat(100_000) }),
    });
    expect(refused.status).toBe(413);
  });

  it("opens nothing that was tampered with, or put together from two sessions", async () => {
    const s = await start();
    const edge = await edgeOf(s);
    const boxes = [
      (await browser(s, edge, { text: "a".repeat(4_000) })).box,
      (await browser(s, edge, { text: "b".repeat(4_000) })).box,
    ];
    const [a = [], b = []] = boxes.map((box) => [...box.cookies.values()]);
    const unknown = { state: "unknown", why: "sealed" };
    const mixed = await edge.ask(`${NAME}=${a[0]}; ${NAME}.1=${b[1]}`);
    expect(mixed.standing).toEqual(unknown);
    const bent = `${a[0]?.slice(0, -9)}AAAAAAAAA`;
    expect((await edge.ask(`${NAME}=${bent}; ${NAME}.1=${a[1]}`)).standing).toEqual(unknown);
    expect((await edge.ask(`${NAME}=${a[0]}`)).standing).toEqual({
      state: "unknown",
      why: "chunk",
    });
    expect((await edge.ask(boxes[0]?.header ?? "")).standing).toMatchObject({ state: "active" });
  });

  it("[CS-04] refuses what another site's page sends, before anything is asked", async () => {
    const s = await start();
    const edge = await edgeOf(s);
    const { box } = await browser(s, edge);
    for (const site of ["cross-site", "same-site"]) {
      const headers = { "sec-fetch-site": site };
      const init = { method: "POST", body: '{"n":1}', headers };
      expect((await edge.ask(box.header, "/change", init)).status).toBe(403);
    }
    expect((await edge.ask(box.header)).standing["data"]).toEqual({ cart: ["tea"] });
  });

  it("is made anew from the service, with the token that rotation gave", async () => {
    const s = await start({ SOJOURN_POLICY: "owasp-asvs-l2" });
    const edge = await edgeOf(s, BOUND_MS, RENEW_EVERY_MS);
    const { id, box } = await browser(s, edge);
    const before = box.header;
    await s.api("PATCH", `/v1/sessions/${id}`, { body: { data: { n: 1 } } });
    await sleep(RENEW_EVERY_MS);
    const renewed = await edge.ask(before);
    expect(renewed.standing["data"]).toEqual({ cart: ["tea"], n: 1 });
    expect(renewed.calls).toContain("/v1/sessions/verify");
    box.take(renewed.setCookies);
    expect(box.header).not.toBe(before);
    expect(renewed.headers.get("cache-control")).toBe("no-store");
  });
});

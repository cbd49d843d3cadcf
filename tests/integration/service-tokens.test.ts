/** Access tokens of the service: minted over sessions, verified elsewhere, revoked with them. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { createVerifier, httpFeed, httpJwks } from "sojourn/tokens";
import type { AccessVerifier } from "sojourn/tokens";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { MetaTable } from "../../packages/sojourn-server/src/control/meta-table.ts";
import { SqliteControl } from "../../packages/sojourn-server/src/control/sqlite-control.ts";
import { STOP_MS_MAX } from "../../packages/sojourn-server/src/main/service.ts";
import { folder, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";
import { postgres, redis } from "./service-machines-harness.ts";
import type { Shared } from "./service-machines-harness.ts";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const BOUND_MS = 600;
const place = folder();
const running: TestService[] = [];
let files = 0;

afterAll(() => place.remove());
afterEach(async () => {
  for (const { service } of running.splice(0)) await service.stop();
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
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
      SOJOURN_RATE_LIMIT: "0",
      ...env,
    },
  });
  running.push(s);
  return s;
}

async function verifierOf(s: TestService, tenant = "default"): Promise<AccessVerifier> {
  const jwks = httpJwks({ url: `${s.service.url}/.well-known/jwks.json` });
  const url = `${s.service.url}/v1/revocations`;
  const serviceKey = await s.key(tenant, ["sessions:read"]);
  const feed = httpFeed({ url, issuer: ISSUER, jwks, serviceKey });
  return createVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks, feed, boundMs: BOUND_MS });
}

async function mint(s: TestService, id: string, more: Json = {}): Promise<string> {
  const body = { audience: AUDIENCE, clientId: "app", ...more };
  const answer = await s.api("POST", `/v1/sessions/${id}/access-token`, { body });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return String(answer.json["token"]);
}

describe.each(["memory:", "sqlite:"])("the service on %s", (kind) => {
  beforeAll(() => void mkdirSync(place.path, { recursive: true }));
  const store = () => (kind === "memory:" ? kind : `sqlite:${join(place.path, `s${files}.db`)}`);

  it("mints tokens that an independent library verifies with its key set", async () => {
    const s = await start({ SOJOURN_STORE: store() });
    const { id } = await s.open("alice", { amr: ["pwd"] });
    const token = await mint(s, id, { scope: "cart:read" });
    const keySet = createRemoteJWKSet(new URL(`${s.service.url}/.well-known/jwks.json`));
    const options = { issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt", algorithms: ["ES256"] };
    const { payload } = await jwtVerify(token, keySet, options);
    expect(payload).toMatchObject({ sub: "alice", sid: id, scope: "cart:read", amr: ["pwd"] });
    const { json, headers } = await s.bare("GET", "/.well-known/jwks.json");
    expect(headers["cache-control"]).toBe("public, max-age=60");
    expect(JSON.stringify(json)).not.toContain('"d"');
    expect((json["keys"] as { purpose: string }[]).map(({ purpose }) => purpose)).toEqual([
      "access-token",
      "revocation-feed",
      "introspection",
    ]);
  });

  it("[TE-01, TE-02] has them refused elsewhere within the bound once their session ended", async () => {
    const s = await start({ SOJOURN_STORE: store() });
    const [one, two] = [await s.open("alice"), await s.open("bob")];
    const tokens = { one: await mint(s, one.id), two: await mint(s, two.id) };
    const verifier = await verifierOf(s);
    const stateOf = async (token: string) => (await verifier.verify(token)).state;
    expect([await stateOf(tokens.one), await stateOf(tokens.two)]).toEqual(["active", "active"]);
    await s.api("POST", `/v1/sessions/${one.id}/revoke`, { body: {} });
    await expect.poll(() => stateOf(tokens.one), { timeout: BOUND_MS * 4 }).toBe("ended");
    expect(await stateOf(tokens.two)).toBe("active");
    await s.api("POST", "/v1/subjects/bob/revoke", { body: {} });
    await expect.poll(() => stateOf(tokens.two), { timeout: BOUND_MS * 4 }).toBe("ended");
    const body = { audience: AUDIENCE, clientId: "app" };
    const refused = await s.api("POST", `/v1/sessions/${two.id}/access-token`, { body });
    expect(refused.status).not.toBe(200);
  });
});

describe("the feed of the service", () => {
  it("tells a tenant of no session of another", async () => {
    const s = await start();
    const key = await s.key("acme");
    const headers = { authorization: `Bearer ${key}` };
    const ours = await s.open("alice");
    await s.api("POST", `/v1/sessions/${ours.id}/revoke`, { body: {} });
    const { json } = await s.bare("GET", "/v1/revocations", { headers });
    expect(json).toMatchObject({ tenant: "acme", complete: true });
    expect(JSON.stringify(json)).not.toContain(ours.id);
    const own = await s.api("GET", "/v1/revocations");
    expect(JSON.stringify(own.json)).toContain(ours.id);
    const verifier = await verifierOf(s, "acme");
    const { id } = await s.open("carol");
    const standing = await verifier.verify(await mint(s, id));
    expect(standing).toEqual({ state: "unknown", why: "tenant" });
  });

  it("answers a waiting reader when there is news, and in time when there is none", async () => {
    const s = await start();
    const first = await s.api("GET", "/v1/revocations");
    const since = encodeURIComponent(String(first.json["position"]));
    const none = await s.api("GET", `/v1/revocations?since=${since}&wait=1`);
    expect(none.json).toMatchObject({ entries: [], complete: true });
    const { id } = await s.open("alice");
    const before = performance.now();
    const waiting = s.api("GET", `/v1/revocations?since=${since}&wait=20`);
    await s.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const { json } = await waiting;
    expect(json["entries"]).toMatchObject([{ kind: "session", session: id }]);
    expect(performance.now() - before).toBeLessThan(10_000);
    const acme = { headers: { authorization: `Bearer ${await s.key("acme")}` } };
    const own = await s.bare("GET", "/v1/revocations", acme);
    const from = encodeURIComponent(String(own.json["position"]));
    const asked = performance.now();
    const other = s.bare("GET", `/v1/revocations?since=${from}&wait=2`, acme);
    const { id: another } = await s.open("alice");
    await s.api("POST", `/v1/sessions/${another}/revoke`, { body: {} });
    expect((await other).json).toMatchObject({ entries: [], complete: true });
    expect(performance.now() - asked).toBeGreaterThan(1_900);
    const stale = await s.api("GET", "/v1/revocations?since=other.3");
    expect(stale.json).toMatchObject({ entries: [], complete: false });
  });

  it("answers a waiting reader when it stops, instead of waiting with it", async () => {
    const s = await start();
    const { json } = await s.api("GET", "/v1/revocations");
    const since = encodeURIComponent(String(json["position"]));
    const waiting = s.api("GET", `/v1/revocations?since=${since}&wait=25`);
    // Sent after it, and answered: it is being worked on.
    await s.api("GET", "/v1/revocations");
    const before = performance.now();
    await s.service.stop();
    expect(performance.now() - before).toBeLessThan(STOP_MS_MAX / 2);
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ entries: [], complete: true });
    expect(s.logs.join("")).not.toContain("cut off");
  });

  it("takes a service key that may read, and refuses what cannot be meant", async () => {
    const s = await start();
    expect((await s.bare("GET", "/v1/revocations")).status).toBe(401);
    const key = await s.key("default", ["sessions:write"]);
    const headers = { authorization: `Bearer ${key}` };
    expect((await s.bare("GET", "/v1/revocations", { headers })).status).toBe(403);
    for (const query of ["wait=26", "wait=x", `nonce=${"n".repeat(65)}`]) {
      expect((await s.api("GET", `/v1/revocations?${query}`)).status).toBe(400);
    }
    expect((await s.api("GET", "/v1/revocations?from=1")).status).toBe(422);
  });
});

describe.each([
  ["PostgreSQL", postgres],
  ["Redis", redis],
] as const)("two services on %s", (_name, begin) => {
  let shared: Shared;
  beforeAll(async () => {
    shared = await begin();
  }, 60_000);
  afterAll(() => shared.stop());

  it("[TE-02] refuse by the feed of the one what ended at the other, within the bound", async () => {
    const env = { ...shared.env, SOJOURN_TOKEN_KEYS: await keyFile() };
    const [one, other] = [await start(env), await start(env)];
    const verifiers = [await verifierOf(one), await verifierOf(other)];
    const stateAt = async (token: string) => {
      const standings = await Promise.all(verifiers.map(async (it) => it.verify(token)));
      return standings.map(({ state }) => state);
    };
    const { id } = await one.open("alice");
    const bob = await one.open("bob");
    const tokens = { alice: await mint(one, id), bob: await mint(other, bob.id) };
    expect(await stateAt(tokens.alice)).toEqual(["active", "active"]);
    expect(await stateAt(tokens.bob)).toEqual(["active", "active"]);
    await other.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    const ended = ["ended", "ended"];
    await expect.poll(() => stateAt(tokens.alice), { timeout: BOUND_MS * 4 }).toEqual(ended);
    await other.api("POST", "/v1/subjects/bob/revoke", { body: {} });
    await expect.poll(() => stateAt(tokens.bob), { timeout: BOUND_MS * 4 }).toEqual(ended);
  });
});

describe("a service that starts again", () => {
  it("takes the store's log up where it was kept, and knows what ended before it began", async () => {
    const path = keyFile();
    const [sessions, control] = ["again.db", "again-control.db"].map((name) =>
      join(place.path, name),
    );
    const env = {
      SOJOURN_STORE: `sqlite:${sessions}`,
      SOJOURN_CONTROL: `sqlite:${control}`,
      SOJOURN_TOKEN_KEYS: await path,
      SOJOURN_TOKEN_CLIENTS: "app",
    };
    const first = await start(env);
    const { id } = await first.open("alice");
    const store = new SqliteStore({ path: sessions ?? "" });
    const position = await new Promise<string>((resolve) => {
      store.tail("now", { change: () => undefined, frontier: resolve });
    });
    await store.close();
    const bob = await first.open("bob");
    const token = await mint(first, bob.id);
    const raw = `token=${token}&client_id=app`;
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const gone = await first.bare("POST", "/oauth/revoke", { raw, headers });
    expect(gone.status).toBe(200);
    await first.api("POST", `/v1/sessions/${id}/revoke`, { body: {} });
    await first.service.stop();
    running.splice(0);

    const second = await start(env);
    const unknowing = await second.api("GET", "/v1/revocations");
    expect(unknowing.json["entries"]).toMatchObject([{ kind: "all" }]);
    await second.service.stop();
    running.splice(0);

    const sql = new SqliteControl(control ?? "");
    await new MetaTable(sql).keep("revocation-checkpoint", position);
    await sql.close();
    const third = await start(env);
    const knowing = await third.api("GET", "/v1/revocations");
    const { jti } = decodeJwt(token);
    expect(knowing.json["entries"]).toMatchObject([
      { kind: "token", issuer: ISSUER, jti },
      { kind: "session", session: id },
    ]);
  });
});

describe("revocation by a client of its own access tokens", () => {
  it("[TE-02] ends the one token; another client's and another tenant's it cannot", async () => {
    const s = await start({ SOJOURN_TOKEN_CLIENTS: "app" });
    const form = (path: string, raw: string, headers: Record<string, string> = {}) => {
      const type = { "content-type": "application/x-www-form-urlencoded" };
      return s.bare("POST", path, { raw, headers: { ...type, ...headers } });
    };
    const minted = async (clientId: string, headers: Record<string, string> = {}) => {
      const opened = await s.api("POST", "/v1/sessions", { body: { subject: "bob" }, headers });
      const { id } = opened.json["session"] as { id: string };
      const body = { audience: AUDIENCE, clientId };
      const path = `/v1/sessions/${id}/access-token`;
      return String((await s.api("POST", path, { body, headers })).json["token"]);
    };
    const key = await s.key("default");
    const acme = { authorization: `Bearer ${await s.key("acme")}` };
    const active = async (token: string, headers: Record<string, string>) =>
      (await form("/oauth/introspect", `token=${token}`, headers)).json["active"];
    const ours = { authorization: `Bearer ${key}` };
    const [mine, others] = [await minted("app"), await minted("other")];
    const foreign = await minted("app", acme);
    for (const token of [mine, others, foreign]) {
      const answer = await form("/oauth/revoke", `token=${token}&client_id=app`);
      expect([answer.status, answer.text]).toEqual([200, "{}"]);
    }
    await expect.poll(() => active(mine, ours), { timeout: 3_000 }).toBe(false);
    expect(await active(others, ours)).toBe(true);
    expect(await active(foreign, acme)).toBe(true);
    // The ends of the others were not written either.
    const { json } = await s.api("GET", "/v1/revocations", { headers: acme });
    expect(JSON.stringify(json["entries"])).not.toContain('"token"');
  });
});

describe("minting", () => {
  it("[JW-06] needs an audience that is configured, and an active session of the tenant", async () => {
    const s = await start();
    const { id } = await s.open("alice");
    const status = async (body: object, session = id) =>
      (await s.api("POST", `/v1/sessions/${session}/access-token`, { body })).status;
    expect(await status({ audience: AUDIENCE, clientId: "app" })).toBe(200);
    expect(await status({ clientId: "app" })).toBe(400);
    expect(await status({ audience: "https://other.example", clientId: "app" })).toBe(400);
    expect(await status({ audience: AUDIENCE, clientId: "app", scope: "a  b" })).toBe(400);
    expect(await status({ audience: AUDIENCE, clientId: "app" }, `ses_${"A".repeat(24)}`)).toBe(
      404,
    );
    const headers = { authorization: `Bearer ${await s.key("acme")}` };
    const body = { audience: AUDIENCE, clientId: "app" };
    const path = `/v1/sessions/${id}/access-token`;
    expect((await s.bare("POST", path, { headers, body })).status).toBe(404);
    await s.api("POST", `/v1/sessions/${id}/lock`, { body: { factors: 1 } });
    expect(await status({ audience: AUDIENCE, clientId: "app" })).toBe(423);
  });

  it("names the key a token is bound to, and tells no log of the token", async () => {
    const s = await start();
    const { id } = await s.open("alice");
    const body = { audience: AUDIENCE, clientId: "app", cnf: { jkt: "k".repeat(43) } };
    const { json } = await s.api("POST", `/v1/sessions/${id}/access-token`, { body });
    expect(json).toMatchObject({ tokenType: "DPoP", jti: expect.any(String) as string });
    const token = String(json["token"]);
    expect((await (await verifierOf(s)).verify(token)).state).toBe("unknown");
    expect(s.logs.join("")).not.toContain(token.slice(-40));
  });

  it("is off without keys, and the service says so", async () => {
    const s = await startTestService();
    running.push(s);
    expect((await s.bare("GET", "/.well-known/jwks.json")).status).toBe(404);
    expect((await s.api("GET", "/v1/revocations")).status).toBe(404);
  });

  it("refuses at start a key file that others may open, in words of the settings", async () => {
    const path = await keyFile();
    chmodSync(path, 0o644);
    await expect(start({ SOJOURN_TOKEN_KEYS: path })).rejects.toThrow(
      /tokens\.keyFile: .*chmod 600/,
    );
    await expect(start({ SOJOURN_TOKEN_ISSUER: "http://x" })).rejects.toThrow(/tokens\.issuer: /);
  });
});

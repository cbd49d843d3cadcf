/** The OAuth endpoints, with an independent client on the other side. */
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import { createVerifier, httpFeed, httpJwks } from "sojourn/tokens";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { folder, send, startTestService } from "./service-harness.ts";
import type { Answer, TestService } from "./service-harness.ts";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const place = folder();
const running: TestService[] = [];
let files = 0;

afterAll(() => place.remove());
afterEach(async () => {
  for (const { service } of running.splice(0)) await service.stop();
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<TestService> {
  files += 1;
  const s = await startTestService({
    env: {
      SOJOURN_TOKEN_KEYS: await keyFileAt(join(place.path, `keys-${files}.jwks`)),
      SOJOURN_TOKEN_ISSUER: ISSUER,
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
      SOJOURN_TOKEN_CLIENTS: "app,other",
      SOJOURN_RATE_LIMIT: "0",
      ...env,
    },
  });
  running.push(s);
  return s;
}

/** The addresses are the issuer's; the connection goes to the service under test. */
function to(s: TestService) {
  const through = (
    url: string,
    { body, ...options }: Readonly<{ body?: BodyInit | undefined; method: string }>,
  ): Promise<Response> =>
    fetch(url.replace(ISSUER, s.service.url), body === undefined ? options : { ...options, body });
  return { [oauth.customFetch]: through };
}

async function serverOf(s: TestService): Promise<oauth.AuthorizationServer> {
  const url = new URL(ISSUER);
  const response = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...to(s) });
  return oauth.processDiscoveryResponse(url, response);
}

async function granted(s: TestService, more: object = {}) {
  const { id } = await s.open("alice");
  const body = { clientId: "app", audience: AUDIENCE, scope: "cart:read cart:write", ...more };
  const answer = await s.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return { session: id, token: String(answer.json["refreshToken"]), family: answer.json["id"] };
}

const PUBLIC = oauth.None();
const app: oauth.Client = { client_id: "app" };

async function refresh(
  s: TestService,
  token: string,
  { client = app, auth = PUBLIC, parameters = {} }: Partial<RefreshHow> = {},
): Promise<oauth.TokenEndpointResponse> {
  const as = await serverOf(s);
  const options = { additionalParameters: parameters, ...to(s) };
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, options);
  return oauth.processRefreshTokenResponse(as, client, response);
}

interface RefreshHow {
  readonly client: oauth.Client;
  readonly auth: oauth.ClientAuth;
  readonly parameters: Record<string, string>;
}

function form(
  s: TestService,
  path: string,
  fields: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return send(s.service.url + path, "POST", { raw: fields, headers: { ...type, ...headers } });
}

async function basic(s: TestService, name: string, tenant = "default"): Promise<string> {
  const { text } = await s.service.keys.create({ name, tenant, scopes: ["sessions:read"] });
  return text;
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (error instanceof oauth.WWWAuthenticateChallengeError) return "challenge";
  return error instanceof oauth.ResponseBodyError ? error.error : String(error);
}

describe("an independent client", () => {
  it("[RT-01] refreshes, gets a JWT that another library verifies, and a new token each time", async () => {
    const s = await start();
    const { session, token, family } = await granted(s);
    const first = await refresh(s, token);
    expect(first).toMatchObject({ token_type: "bearer", scope: "cart:read cart:write" });
    expect(first.expires_in).toBeGreaterThan(200);
    const keySet = createRemoteJWKSet(new URL(`${s.service.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(first.access_token, keySet, {
      issuer: ISSUER,
      audience: AUDIENCE,
      typ: "at+jwt",
    });
    expect(payload).toMatchObject({ sub: "alice", sid: session, client_id: "app", grant: family });
    const second = await refresh(s, first.refresh_token ?? "");
    expect(new Set([token, first.refresh_token, second.refresh_token]).size).toBe(3);
    expect(s.logs.join("")).not.toContain(token.slice(40));
  });

  it("[RT-04] is refused the tokens of another client, more scope and another resource", async () => {
    const s = await start();
    const { token } = await granted(s);
    expect(await codeOf(refresh(s, token, { client: { client_id: "other" } }))).toBe(
      "invalid_grant",
    );
    const asking = (parameters: Record<string, string>) =>
      codeOf(refresh(s, token, { parameters }));
    expect(await asking({ scope: "admin" })).toBe("invalid_scope");
    expect(await asking({ resource: "https://b.example" })).toBe("invalid_target");
    const { id } = await s.open("alice");
    const body = { clientId: "app", audience: "https://b.example" };
    for (const kind of ["refresh-token", "access-token"]) {
      const answer = await s.api("POST", `/v1/sessions/${id}/${kind}`, { body });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("audience")]);
    }
    const less = await refresh(s, token, { parameters: { scope: "cart:read" } });
    expect(less.scope).toBe("cart:read");
  });

  it("is a service key by its name where it has a secret", async () => {
    const s = await start();
    const key = await basic(s, "shop");
    const { token } = await granted(s, { clientId: "shop" });
    const client = { client_id: "shop" };
    const auth = oauth.ClientSecretBasic(key);
    expect((await refresh(s, token, { client, auth })).refresh_token).toMatch(/^sj1r_/);
    expect(await codeOf(refresh(s, token, { client }))).toBe("challenge");
    const stranger = oauth.ClientSecretBasic(await basic(s, "stranger"));
    expect(await codeOf(refresh(s, token, { client, auth: stranger }))).toBe("challenge");
  });

  it("[RT-05] needs a proof where the token is bound to a key", async () => {
    const s = await start();
    const { token } = await granted(s, { cnf: { jkt: "k".repeat(43) } });
    expect(await codeOf(refresh(s, token))).toBe("invalid_dpop_proof");
  });

  it("[RT-06] is told invalid_grant once the session ended, interaction_required while it is locked", async () => {
    const s = await start();
    const { session, token } = await granted(s);
    await s.api("POST", `/v1/sessions/${session}/lock`, { body: { factors: 1 } });
    expect(await codeOf(refresh(s, token))).toBe("interaction_required");
    await s.api("POST", `/v1/sessions/${session}/revoke`, { body: {} });
    expect(await codeOf(refresh(s, token))).toBe("invalid_grant");
  });
});

describe("metadata", () => {
  it("[LO-07] names no iframe that watches a session, and answers tell no session_state", async () => {
    const s = await start();
    const as = await serverOf(s);
    expect(
      Object.keys(as).filter((name) => /iframe|end_session|authorization_end/.test(name)),
    ).toEqual([]);
    expect(as.grant_types_supported).toEqual(["refresh_token"]);
    const answer = await refresh(s, (await granted(s)).token);
    expect(answer["session_state"]).toBeUndefined();
    for (const path of ["/oauth/check-session", "/oauth/authorize", "/oauth/logout"]) {
      expect((await s.bare("GET", path)).status).toBe(404);
    }
  });
});

describe("revocation", () => {
  it("[JW-17, TE-10] ends a refresh token with its access tokens; 200 for unknown ones", async () => {
    const s = await start();
    const { token, family } = await granted(s);
    const first = await refresh(s, token);
    const jwks = httpJwks({ url: `${s.service.url}/.well-known/jwks.json` });
    const serviceKey = await s.key("default", ["sessions:read"]);
    const feed = httpFeed({
      url: `${s.service.url}/v1/revocations`,
      issuer: ISSUER,
      jwks,
      serviceKey,
    });
    const verifier = createVerifier({
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks,
      feed,
      boundMs: 300,
    });
    const stateOf = async () => (await verifier.verify(first.access_token)).state;
    expect(await stateOf()).toBe("active");
    const as = await serverOf(s);
    const revoke = (text: string, client = app) =>
      oauth.revocationRequest(as, client, PUBLIC, text, to(s));
    expect((await revoke(token, { client_id: "other" })).status).toBe(200);
    expect((await s.api("GET", `/v1/sessions/${String(family)}`)).json).toMatchObject({
      session: { state: "active" },
    });
    await oauth.processRevocationResponse(await revoke(first.refresh_token ?? ""));
    await expect.poll(stateOf, { timeout: 3_000 }).toBe("ended");
    expect(await codeOf(refresh(s, first.refresh_token ?? ""))).toBe("invalid_grant");
    for (const text of ["x", token, `sj1r_${"A".repeat(80)}`]) {
      expect((await revoke(text)).status).toBe(200);
    }
    expect((await form(s, "/oauth/revoke", "token=x")).status).toBe(401);
  });
});

describe("a client", () => {
  const credentials = (name: string, key: string) => ({
    authorization: `Basic ${Buffer.from(`${name}:${key}`).toString("base64")}`,
  });

  it("[RT-04] of another tenant has nothing of what its name was granted in this one", async () => {
    const s = await start();
    const { token, family } = await granted(s, { clientId: "shop" });
    const headers = credentials("shop", await basic(s, "shop", "acme"));
    const fields = `grant_type=refresh_token&refresh_token=${token}`;
    const used = await form(s, "/oauth/token", fields, headers);
    expect([used.status, used.json["error"]]).toEqual([400, "invalid_grant"]);
    expect((await form(s, "/oauth/revoke", `token=${token}`, headers)).status).toBe(200);
    const { json } = await s.api("GET", `/v1/sessions/${String(family)}`);
    expect(json).toMatchObject({ session: { state: "active" } });
    const { token: session } = await s.open("alice");
    for (const text of [token, session]) {
      const look = await form(s, "/oauth/introspect", `token=${text}`, headers);
      expect([look.status, look.text]).toEqual([200, '{"active":false}']);
    }
  });

  it("is one: who proves to be another than it says is refused", async () => {
    const s = await start();
    const { token } = await granted(s);
    const key = await basic(s, "shop");
    const fields = `grant_type=refresh_token&refresh_token=${token}`;
    for (const [sent, headers] of [
      [`${fields}&client_id=app`, credentials("shop", key)],
      [`${fields}&client_id=shop`, credentials("app", key)],
      [fields, credentials("app", key)],
      [`${fields}&client_id=shop`, { authorization: `Bearer ${key}` }],
    ] as const) {
      const answer = await form(s, "/oauth/token", sent, headers);
      expect([answer.status, answer.json["error"]]).toEqual([401, "invalid_client"]);
      expect(answer.headers["www-authenticate"]).toMatch(/^Basic /);
    }
  });

  it("[JW-15] introspects with a key that may read, and with no other", async () => {
    const s = await start();
    const headers = { authorization: `Bearer ${await s.key("default", ["sessions:write"])}` };
    const answer = await form(s, "/oauth/introspect", "token=x", headers);
    expect([answer.status, answer.json["error"]]).toEqual([403, "insufficient_scope"]);
  });
});

describe("introspection", () => {
  it("[JW-15] wants a service key, and tells of what is no good nothing but that", async () => {
    const s = await start();
    const { token } = await granted(s);
    const { access_token: access, refresh_token: next } = await refresh(s, token);
    const key = await basic(s, "api");
    const as = await serverOf(s);
    const client = { client_id: "api" };
    const look = async (text: string) => {
      const auth = oauth.ClientSecretBasic(key);
      const response = await oauth.introspectionRequest(as, client, auth, text, to(s));
      return oauth.processIntrospectionResponse(as, client, response);
    };
    expect(await look(access)).toMatchObject({ active: true, sub: "alice", client_id: "app" });
    expect(await look(next ?? "")).toMatchObject({ active: true, aud: AUDIENCE });
    for (const text of ["x", `${access.slice(0, -6)}AAAAAA`, `sj1r_${"A".repeat(80)}`, key]) {
      const headers = { authorization: `Bearer ${key}` };
      const answer = await form(s, "/oauth/introspect", `token=${text}`, headers);
      expect([answer.status, answer.text]).toEqual([200, '{"active":false}']);
    }
    await form(s, "/oauth/revoke", `token=${next}&client_id=app`);
    await expect.poll(async () => (await look(access)).active, { timeout: 3_000 }).toBe(false);
    expect(await look(next ?? "")).toEqual({ active: false });
    expect((await form(s, "/oauth/introspect", "token=x&client_id=app")).status).toBe(401);
    expect((await form(s, "/oauth/introspect", "token=x")).status).toBe(401);
    const foreign = { authorization: `Bearer ${await s.key("acme")}` };
    const ours = await refresh(s, (await granted(s)).token);
    for (const text of [ours.access_token, ours.refresh_token ?? ""]) {
      expect(await look(text)).toMatchObject({ active: true });
      const answer = await form(s, "/oauth/introspect", `token=${text}`, foreign);
      expect(answer.text).toBe('{"active":false}');
    }
  });

  it("calls a token by the scheme it is sent with: DPoP where that binds it, and nothing else", async () => {
    const s = await start();
    const headers = { authorization: `Bearer ${await basic(s, "api")}` };
    const { id } = await s.open("alice");
    const [jkt, certificate] = ["k".repeat(43), "c".repeat(43)];
    for (const [cnf, type] of [
      [undefined, "Bearer"],
      [{ "x5t#S256": certificate }, "Bearer"],
      [{ jkt }, "DPoP"],
      [{ jkt, "x5t#S256": certificate }, "DPoP"],
    ] as const) {
      const body = { audience: AUDIENCE, clientId: "app", ...(cnf === undefined ? {} : { cnf }) };
      const { json } = await s.api("POST", `/v1/sessions/${id}/access-token`, { body });
      const said = await form(s, "/oauth/introspect", `token=${String(json["token"])}`, headers);
      expect([json["tokenType"], said.json["token_type"]]).toEqual([type, type]);
    }
  });

  it("[JW-16] is signed where that is asked for, for the one who asked", async () => {
    const s = await start();
    const { token } = await granted(s);
    const key = await basic(s, "api");
    const as = await serverOf(s);
    const client = { client_id: "api" };
    const options = { requestJwtResponse: true, ...to(s) };
    const auth = oauth.ClientSecretBasic(key);
    const response = await oauth.introspectionRequest(as, client, auth, token, options);
    expect(response.headers.get("content-type")).toBe("application/token-introspection+jwt");
    const text = await response.clone().text();
    const answer = await oauth.processIntrospectionResponse(as, client, response);
    expect(answer).toMatchObject({ active: true, sub: "alice" });
    const keySet = createRemoteJWKSet(new URL(`${s.service.url}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(text, keySet, {
      issuer: ISSUER,
      audience: "api",
    });
    expect(protectedHeader.typ).toBe("token-introspection+jwt");
    expect(payload["exp"] ?? payload["sub"]).toBeUndefined();
  });
});

describe("what cannot be meant", () => {
  it("gets the errors of RFC 6749, and says nothing of what was sent", async () => {
    const s = await start();
    const { token } = await granted(s);
    const ok = `grant_type=refresh_token&client_id=app&refresh_token=${token}`;
    const cases: readonly (readonly [string, number, string])[] = [
      ["", 401, "invalid_client"],
      ["grant_type=refresh_token", 401, "invalid_client"],
      [`${ok}&client_secret=x`, 401, "invalid_client"],
      [ok.replace("app", "nobody"), 401, "invalid_client"],
      [`${ok}&scope=a&scope=b`, 400, "invalid_request"],
      [`${ok}${"&a".repeat(3)}`, 400, "invalid_request"],
      [ok + Array.from({ length: 62 }, (_, at) => `&a${at}=1`).join(""), 400, "invalid_request"],
      ["client_id=app&refresh_token=x", 400, "invalid_request"],
      ["client_id=app&refresh_token=x&grant_type=", 400, "invalid_request"],
      ["client_id=app&grant_type=refresh_token", 400, "invalid_request"],
      [
        ok.replace("grant_type=refresh_token", "grant_type=password"),
        400,
        "unsupported_grant_type",
      ],
      [ok.replace("sj1r_", "sj1s_"), 400, "invalid_grant"],
    ];
    for (const [fields, status, error] of cases) {
      const answer = await form(s, "/oauth/token", fields);
      expect([fields, answer.status, answer.json["error"]]).toEqual([fields, status, error]);
      expect(answer.text).not.toContain("sj1");
      expect(answer.headers["cache-control"]).toBe("no-store");
    }
    const json = await s.bare("POST", "/oauth/token", { body: { grant_type: "refresh_token" } });
    expect([json.status, json.json["error"]]).toEqual([400, "invalid_request"]);
    expect((await s.bare("GET", `/oauth/token?${ok}`)).status).toBe(405);
    expect((await form(s, "/oauth/token", ok)).status).toBe(200);
  });

  it("is off without keys", async () => {
    const s = await startTestService();
    running.push(s);
    expect((await s.bare("GET", "/.well-known/oauth-authorization-server")).status).toBe(404);
    expect((await form(s, "/oauth/token", "client_id=app")).status).toBe(401);
  });
});

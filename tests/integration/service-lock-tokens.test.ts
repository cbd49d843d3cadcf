/** Locks and tokens: refresh tokens, access tokens here and elsewhere, and the feed. */
import { join } from "node:path";
import { createVerifier, httpFeed, httpJwks } from "sojourn/tokens";
import type { AccessStanding, AccessVerifier } from "sojourn/tokens";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { keyFileAt } from "../support/key-file.ts";
import { bearer, folder, startTestService } from "./service-harness.ts";
import type { Answer, Json, TestService } from "./service-harness.ts";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const MESSAGE = "Call us.";
const FORM = { "content-type": "application/x-www-form-urlencoded" };

describe("a lock and tokens", () => {
  const place = folder();
  let s: TestService;
  let other: TestService;
  let elsewhere: AccessVerifier;
  let key: string;

  beforeAll(async () => {
    const env = {
      SOJOURN_STORE: `sqlite:${place.path}/sojourn.db`,
      SOJOURN_TOKEN_KEYS: await keyFileAt(join(place.path, "keys.jwks")),
      SOJOURN_TOKEN_ISSUER: ISSUER,
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
      SOJOURN_TOKEN_CLIENTS: "app,web",
      SOJOURN_RATE_LIMIT: "0",
    };
    s = await startTestService({ env });
    other = await startTestService({ env });
    key = await s.key("default");
    elsewhere = await verifier();
  });

  const verifier = async (): Promise<AccessVerifier> => {
    const jwks = httpJwks({ url: `${s.service.url}/.well-known/jwks.json` });
    const url = `${s.service.url}/v1/revocations`;
    const serviceKey = await s.key("default", ["sessions:read"]);
    const feed = httpFeed({ url, issuer: ISSUER, jwks, serviceKey });
    return createVerifier({ issuer: ISSUER, audience: AUDIENCE, jwks, feed, boundMs: 600 });
  };

  afterAll(async () => {
    await s.service.stop();
    await other.service.stop();
    place.remove();
  });

  const set = async (body: Json): Promise<() => Promise<Answer>> => {
    const { json } = await other.api("POST", "/v1/locks", { body: { message: MESSAGE, ...body } });
    const id = String((json["lock"] as Json)["id"]);
    return () => other.api("DELETE", `/v1/locks/${id}`);
  };
  const mint = (id: string, clientId: string): Promise<Answer> =>
    s.api("POST", `/v1/sessions/${id}/access-token`, { body: { audience: AUDIENCE, clientId } });
  const minted = async (id: string, clientId: string): Promise<string> =>
    String((await mint(id, clientId)).json["token"]);
  const form = (path: string, raw: string, headers: Readonly<Record<string, string>> = {}) =>
    s.bare("POST", path, { raw, headers: { ...FORM, ...headers } });
  const verdict = async (token: string): Promise<AccessStanding> => elsewhere.verify(token);

  /** What a token's holder finds at every place that is asked here. */
  const worth = async (token: string): Promise<readonly unknown[]> => {
    const looked = await form("/oauth/introspect", `token=${token}`, bearer(key).headers);
    const body = { audience: AUDIENCE, method: "GET", url: `${AUDIENCE}/notes` };
    const checked = await s.api("POST", "/v1/access-tokens/verify", {
      body: { ...body, authorization: `Bearer ${token}` },
    });
    return [looked.json["active"], checked.json["state"]];
  };

  const whyOver = async (token: string): Promise<string | undefined> => {
    const standing = await verdict(token);
    return standing.state === "ended" ? standing.why : undefined;
  };
  const isActive = async (token: string): Promise<boolean> =>
    (await verdict(token)).state === "active" && (await worth(token)).join() === "true,active";
  const isOver = async (token: string): Promise<boolean> =>
    (await verdict(token)).state === "ended" && (await worth(token)).join() === "false,refused";

  it("of a client ends its access tokens everywhere until it is lifted, no other's", async () => {
    const { id } = await s.open("of-client");
    const [token, spared] = [await minted(id, "app"), await minted(id, "web")];
    for (const one of [token, spared]) await eventually(() => isActive(one));
    const lift = await set({ kind: "client", value: "app" });
    await eventually(() => isOver(token));
    await eventually(async () => (await whyOver(token)) === "lockout");
    const refused = await mint(id, "app");
    expect([refused.status, refused.json["code"]]).toEqual([403, "locked_out"]);
    await eventually(() => isActive(spared));
    await lift();
    await eventually(() => isActive(token));
  });

  it("of the tenant ends all access tokens, and sessions as they are presented", async () => {
    const [one, two] = [await s.open("one"), await s.open("two")];
    const tokens = [await minted(one.id, "app"), await minted(two.id, "app")] as const;
    const lift = await set({ kind: "tenant", confirm: true });
    for (const token of tokens) await eventually(() => isOver(token));
    expect((await mint(one.id, "app")).status).toBe(409);
    await lift();
    await eventually(() => isActive(tokens[1]));
    await eventually(async () => (await whyOver(tokens[0])) === "session");
  });

  it("of a subject ends what was issued, for good", async () => {
    const { id } = await s.open("subject");
    const token = await minted(id, "app");
    const lift = await set({ kind: "subject", value: "subject" });
    await eventually(() => isOver(token));
    await lift();
    const standing = async (): Promise<boolean> => {
      const { json } = await s.api("GET", "/v1/revocations");
      return (json["entries"] as Json[]).some(({ kind }) => kind === "lockout");
    };
    await eventually(async () => !(await standing()));
    // A verifier without a past, which never heard of the lock, knows of the end.
    elsewhere = await verifier();
    await eventually(async () => (await whyOver(token)) !== undefined);
    expect(await whyOver(token)).not.toBe("lockout");
  });

  it("of a client ends its refresh tokens, and no other client's", async () => {
    const { id } = await s.open("refreshing");
    const tokens = new Map<string, string>();
    for (const clientId of ["app", "web"]) {
      const body = { clientId, audience: AUDIENCE };
      const { json } = await s.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
      tokens.set(clientId, String(json["refreshToken"]));
    }
    const use = async (client: string): Promise<Answer> => {
      const token = tokens.get(client) ?? "";
      return form(
        "/oauth/token",
        `grant_type=refresh_token&client_id=${client}&refresh_token=${token}`,
      );
    };
    const lift = await set({ kind: "client", value: "app" });
    const issuing = (): Promise<Answer> =>
      s.api("POST", `/v1/sessions/${id}/refresh-token`, {
        body: { clientId: "app", audience: AUDIENCE },
      });
    await eventually(async () => (await issuing()).status === 403);
    expect((await use("app")).json["error"]).toBe("invalid_grant");
    expect((await use("web")).status).toBe(200);
    await lift();
    await eventually(async () => (await issuing()).status === 200);
    expect((await use("app")).json["error"]).toBe("invalid_grant");
  });

  it("of a network keeps refresh tokens out that are used from there", async () => {
    const { id } = await s.open("from-here");
    const body = { clientId: "app", audience: AUDIENCE };
    const { json } = await s.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
    const lift = await set({ kind: "network", value: "127.0.0.1" });
    await eventually(async () => {
      const page = await s.api("GET", "/v1/revocations");
      return (page.json["entries"] as Json[]).some(({ target }) => target === "network");
    });
    const token = String(json["refreshToken"]);
    const fields = `grant_type=refresh_token&client_id=app&refresh_token=${token}`;
    expect((await form("/oauth/token", fields)).json["error"]).toBe("invalid_grant");
    expect((await s.api("GET", `/v1/sessions/${id}`)).json).toMatchObject({
      session: { state: "active" },
    });
    await lift();
  });

  it("is in the feed: standing ones in a snapshot, changes after a position, no words", async () => {
    const before = await set({ kind: "device", value: "told", reason: "secret reason" });
    const read = async (since?: string): Promise<Json> =>
      (await s.api("GET", `/v1/revocations${since === undefined ? "" : `?since=${since}`}`)).json;
    const lockouts = (page: Json): Json[] =>
      (page["entries"] as Json[]).filter(({ kind }) => kind === "lockout");
    await eventually(async () => lockouts(await read()).some(({ value }) => value === "told"));
    const snapshot = await read();
    expect(lockouts(snapshot)).toEqual([
      {
        kind: "lockout",
        id: expect.stringMatching(/^lck_/),
        tenant: "default",
        target: "device",
        value: "told",
        lifted: false,
        at: expect.stringMatching(/Z$/),
      },
    ]);
    const position = String(snapshot["position"]);
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    await before();
    const after = await set({ kind: "network", value: "192.0.2.0/24", expiresAt });
    await eventually(async () => lockouts(await read(position)).length === 2);
    const changes = lockouts(await read(position));
    expect(changes).toMatchObject([
      { target: "device", lifted: true },
      { target: "network", value: "192.0.2.0/24", lifted: false, expiresAt },
    ]);
    const foreign = bearer(await s.key("acme"));
    expect(lockouts((await s.bare("GET", "/v1/revocations", foreign)).json)).toEqual([]);
    await after();
  });
});

/** The token endpoint and DPoP, with an independent client on the other side. */
import { join } from "node:path";
import * as oauth from "oauth4webapi";
import { createAccessGuard, createDpop, createVerifier, memoryReplays } from "sojourn/tokens";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { startRedis } from "../../tools/engines.mjs";
import { folder, startTestService } from "./service-harness.ts";
import type { Json, TestService } from "./service-harness.ts";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const CLIENT: oauth.Client = { client_id: "app" };
const place = folder();
const KEYS = join(place.path, "keys.jwks");
const TOKENS = {
  SOJOURN_TOKEN_KEYS: KEYS,
  SOJOURN_TOKEN_ISSUER: ISSUER,
  SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
  SOJOURN_TOKEN_CLIENTS: "app",
  SOJOURN_RATE_LIMIT: "0",
};
let s: TestService;

beforeAll(async () => {
  await keyFileAt(KEYS);
  s = await startTestService({ env: TOKENS });
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

/** What the client last sent as a proof, to be sent again. */
const sent: string[] = [];

/** The addresses are the issuer's; the connection goes to the service under test. */
const through = {
  [oauth.customFetch]: (
    url: string,
    { body, ...options }: { body?: BodyInit | undefined; headers: Record<string, string> },
  ): Promise<Response> => {
    sent.push(options.headers["dpop"] ?? "");
    const at = url.replace(ISSUER, s.service.url);
    return fetch(at, body === undefined ? options : { ...options, body });
  },
};

async function client() {
  const keys = await oauth.generateKeyPair("ES256");
  const handle = oauth.DPoP(CLIENT, keys);
  const url = new URL(ISSUER);
  const found = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...through });
  const as = await oauth.processDiscoveryResponse(url, found);
  const once = async (token: string, options: object) => {
    const auth = oauth.None();
    const asked = { ...through, ...options };
    const response = await oauth.refreshTokenGrantRequest(as, CLIENT, auth, token, asked);
    return oauth.processRefreshTokenResponse(as, CLIENT, response);
  };
  return {
    as,
    keys,
    handle,
    jkt: await handle.calculateThumbprint(),
    bare: (token: string) => once(token, {}),
    /** Again with the nonce that a refusal brought. */
    renew: (token: string) =>
      once(token, { DPoP: handle }).catch((error: unknown) => {
        if (oauth.isDPoPNonceError(error)) return once(token, { DPoP: handle });
        throw error;
      }),
  };
}

async function granted(jkt?: string): Promise<string> {
  const { id } = await s.open("alice");
  const cnf = jkt === undefined ? {} : { cnf: { jkt } };
  const body = { clientId: "app", audience: AUDIENCE, ...cnf };
  const answer = await s.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
  expect(answer.status).toBe(200);
  return String(answer.json["refreshToken"]);
}

async function codeOf(asked: Promise<unknown>): Promise<unknown> {
  return asked.then(
    () => "good",
    (error: unknown) => (error as { readonly error?: unknown }).error ?? error,
  );
}

describe("a refresh token that is bound to a key", () => {
  it("[RT-05] needs a proof by it at every use", async () => {
    const [owner, thief] = [await client(), await client()];
    expect(owner.as["dpop_signing_alg_values_supported"]).toContain("ES256");
    const token = await granted(owner.jkt);
    expect(await codeOf(owner.bare(token))).toBe("invalid_dpop_proof");
    expect(await codeOf(thief.renew(token))).toBe("invalid_dpop_proof");
    const first = await owner.renew(token);
    expect(first.token_type).toBe("dpop");
    const next = first.refresh_token ?? token;
    expect(await codeOf(owner.bare(next))).toBe("invalid_dpop_proof");
    expect(await codeOf(thief.renew(next))).toBe("invalid_dpop_proof");
    expect(await codeOf(owner.renew(next))).toBe("good");
  });

  it("[RT-05, DP-05] gives access tokens that are bound to the same key", async () => {
    const owner = await client();
    const { access_token: token } = await owner.renew(await granted(owner.jkt));
    const jwks = await (await fetch(`${s.service.url}/.well-known/jwks.json`)).json();
    const guard = createAccessGuard({
      verifier: createVerifier({
        issuer: ISSUER,
        audience: AUDIENCE,
        jwks: jwks as { keys: unknown[] },
        feed: "none",
      }),
      dpop: createDpop({ externalUrl: AUDIENCE, replays: memoryReplays() }),
    });
    const read = async (by: Awaited<ReturnType<typeof client>>) => {
      let state = "";
      const url = new URL(`${AUDIENCE}/notes?page=2`);
      const answer = await oauth
        .protectedResourceRequest(token, "GET", url, undefined, undefined, {
          DPoP: by.handle,
          [oauth.customFetch]: async (
            _url: string,
            { headers }: { headers: Record<string, string> },
          ) => {
            const { authorization, dpop: proof } = headers;
            const asked = { method: "GET", path: "/notes?page=2", authorization, proof };
            ({ state } = await guard.check(asked));
            return new Response("", { status: 200 });
          },
        })
        .then(({ status }) => status);
      return [answer, state];
    };
    expect(await read(owner)).toEqual([200, "active"]);
    expect(await read(await client())).toEqual([200, "refused"]);
  });
});

describe("a proof on the token endpoint", () => {
  it("[DP-04, DP-07, DP-08] has a nonce of ours, and is taken once", async () => {
    const owner = await client();
    const token = await granted(owner.jkt);
    sent.length = 0;
    const { refresh_token: next = token } = await owner.renew(token);
    const [early, good] = sent;
    const again = (proof: string | undefined) =>
      fetch(`${s.service.url}/oauth/token`, {
        method: "POST",
        headers: { dpop: proof ?? "" },
        body: new URLSearchParams({
          grant_type: "refresh_token",
          client_id: "app",
          refresh_token: next,
        }),
      });
    for (const [proof, error] of [
      [early, "use_dpop_nonce"],
      [good, "invalid_dpop_proof"],
      ["garbage", "invalid_dpop_proof"],
      [`${good}, ${good}`, "invalid_dpop_proof"],
    ] as const) {
      const answer = await again(proof);
      expect([answer.status, await answer.json()]).toEqual([
        400,
        expect.objectContaining({ error }),
      ]);
      expect(answer.headers.get("dpop-nonce")).toMatch(/^[\w-]{32}$/);
    }
    expect(await codeOf(owner.renew(next))).toBe("good");
  });

  it("[DP-04] is remembered beside a good token alone: strangers cannot fill the memory", async () => {
    const owner = await client();
    const token = await granted(owner.jkt);
    sent.length = 0;
    expect(await codeOf(owner.renew(`sj1r_${"A".repeat(80)}`))).toBe("invalid_grant");
    const dpop = sent.at(-1) ?? "";
    const ask = async (refreshToken: string) => {
      const fields = { grant_type: "refresh_token", client_id: "app", refresh_token: refreshToken };
      const body = new URLSearchParams(fields);
      const answer = await fetch(`${s.service.url}/oauth/token`, {
        method: "POST",
        headers: { dpop },
        body,
      });
      return ((await answer.json()) as { error?: string }).error ?? "good";
    };
    expect(await ask(await granted("x".repeat(43)))).toBe("invalid_dpop_proof");
    expect(await ask(token)).toBe("good");
    expect(await ask(token)).toBe("invalid_dpop_proof");
  });

  it("binds the access token of a grant that is bound to nothing", async () => {
    const owner = await client();
    const token = await granted();
    const bare = await owner.bare(token);
    expect(bare.token_type).toBe("bearer");
    const bound = await owner.renew(bare.refresh_token ?? token);
    expect(bound.token_type).toBe("dpop");
    const [, claims = ""] = bound.access_token.split(".");
    const { cnf } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { cnf: object };
    expect(cnf).toEqual({ jkt: owner.jkt });
  });
});

describe("a resource that asks the service", () => {
  const URL_READ = `${AUDIENCE}/notes?page=2`;
  const check = (more: Json, headers = {}) =>
    s.api("POST", "/v1/access-tokens/verify", {
      headers,
      body: { audience: AUDIENCE, method: "GET", url: URL_READ, ...more },
    });

  /** A resource server that only passes on what came and what the service says. */
  async function ask(by: Awaited<ReturnType<typeof client>>, token: string, more: Json = {}) {
    const seen: Json[] = [];
    const once = () =>
      oauth.protectedResourceRequest(token, "GET", new URL(URL_READ), undefined, undefined, {
        DPoP: by.handle,
        [oauth.customFetch]: async (
          _url: string,
          { headers: sent }: { headers: Record<string, string> },
        ) => {
          const { authorization, dpop } = sent;
          const { json } = await check({ authorization, dpop, ...more });
          seen.push({ ...json, authorization, dpop });
          const headers = json["headers"] as Record<string, string>;
          return new Response("", { status: Number(json["status"] ?? 200), headers });
        },
      });
    const good = await once()
      .catch((error: unknown) => {
        if (oauth.isDPoPNonceError(error)) return once();
        throw error;
      })
      .then(
        () => true,
        () => false,
      );
    return { good, seen, last: seen.at(-1) ?? {} };
  }

  it("[DP-05] [DP-07] hears the claims of a bound token with its proof", async () => {
    const owner = await client();
    const { access_token: token } = await owner.renew(await granted(owner.jkt));
    const { good, seen, last } = await ask(owner, token);
    expect(good).toBe(true);
    expect(seen[0]).toMatchObject({ state: "refused", status: 401, why: "nonce" });
    expect(last).toMatchObject({
      state: "active",
      claims: { sub: "alice", aud: AUDIENCE, cnf: { jkt: owner.jkt } },
    });
    expect(last).not.toHaveProperty("status");
  });

  it("[DP-04] hears of a proof that was taken before", async () => {
    const owner = await client();
    const { access_token: token } = await owner.renew(await granted(owner.jkt));
    const { authorization, dpop } = (await ask(owner, token)).last;
    const { json } = await check({ authorization, dpop });
    expect(json).toMatchObject({ state: "refused", status: 401, why: "replayed" });
    expect(json).not.toHaveProperty("claims");
  });

  it("[DP-03] [DP-05] [DP-06] refuses another key, address, method, and a bound token as Bearer", async () => {
    const [owner, thief] = [await client(), await client()];
    const { access_token: token } = await owner.renew(await granted(owner.jkt));
    const refusal = async (...given: Parameters<typeof ask>) => {
      const { good, last } = await ask(...given);
      return [good, last["status"], last["why"]];
    };
    expect(await refusal(thief, token)).toEqual([false, 401, "binding"]);
    expect(await refusal(owner, token, { method: "POST" })).toEqual([false, 401, "method"]);
    const url = `${AUDIENCE}/other`;
    expect(await refusal(owner, token, { url })).toEqual([false, 401, "target"]);
    const bearer = await check({ authorization: `Bearer ${token}` });
    expect(bearer.json).toMatchObject({ state: "refused", status: 401 });
    const both = await check({ authorization: [`Bearer ${token}`, `DPoP ${token}`] });
    expect(both.json).toMatchObject({ state: "refused", status: 400 });
  });

  it("hears of plain bearer tokens, and that one has ended at once", async () => {
    const { id } = await s.open("alice");
    const body = { audience: AUDIENCE, clientId: "app" };
    const { json } = await s.api("POST", `/v1/sessions/${id}/access-token`, { body });
    const authorization = `Bearer ${String(json["token"])}`;
    expect((await check({ authorization })).json).toMatchObject({ state: "active" });
    const other = { authorization: `Bearer ${await s.key("other")}` };
    expect((await check({ authorization }, other)).json).toMatchObject({
      state: "refused",
      why: "signature",
    });
    await s.api("POST", `/v1/sessions/${id}/revoke`);
    await vi.waitFor(async () =>
      expect((await check({ authorization })).json).toMatchObject({ state: "refused" }),
    );
    expect((await check({})).json).toMatchObject({ state: "refused", status: 401, why: "absent" });
  });

  it("is told 503, and nothing of the token, while nobody can say whether it has ended", async () => {
    const redis = await startRedis({ args: ["--appendonly", "yes"] });
    const env = {
      ...TOKENS,
      SOJOURN_STORE: redis.url,
      SOJOURN_CONTROL: `sqlite:${place.path}/away.db`,
      SOJOURN_STORE_TIMEOUT: "500ms",
    };
    const away = await startTestService({ env });
    const { id } = await away.open("alice");
    const grant = { audience: AUDIENCE, clientId: "app" };
    const { json } = await away.api("POST", `/v1/sessions/${id}/access-token`, { body: grant });
    const authorization = `Bearer ${String(json["token"])}`;
    const body = { audience: AUDIENCE, method: "GET", url: URL_READ, authorization };
    const ask = () => away.api("POST", "/v1/access-tokens/verify", { body });
    expect((await ask()).json).toMatchObject({ state: "active" });
    await redis.stop();
    await vi.waitFor(async () => expect((await ask()).status).toBe(503), { timeout: 5_000 });
    expect((await ask()).json).toMatchObject({ code: "unavailable" });
    expect(away.logs.join()).not.toContain(String(json["token"]));
    await away.service.stop();
  });

  it("is told what it asked wrong, and that tokens are off", async () => {
    for (const [more, named] of [
      [{ audience: "https://other.example" }, "audience"],
      [{ url: "/notes" }, "url"],
      [{ url: "http://api.example/notes" }, "url"],
      [{ url: "https://user:pw@api.example/notes" }, "url"],
      [{ method: "" }, "method"],
      [{ dpop: Array(5).fill("a") }, "dpop"],
    ] as const) {
      const answer = await check(more);
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(named)]);
      expect(answer.text).not.toContain("pw@");
    }
    const off = await startTestService();
    const body = { audience: AUDIENCE, method: "GET", url: URL_READ };
    expect((await off.api("POST", "/v1/access-tokens/verify", { body })).status).toBe(404);
    await off.service.stop();
  });
});

/** The token endpoint and DPoP, with an independent client on the other side. */
import { join } from "node:path";
import * as oauth from "oauth4webapi";
import {
  createAccessGuard,
  createDpop,
  createVerifier,
  memoryReplays,
  rotateKeys,
  writeKeyFile,
} from "sojourn/tokens";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

const ISSUER = "https://auth.example";
const AUDIENCE = "https://api.example";
const CLIENT: oauth.Client = { client_id: "app" };
const place = folder();
let s: TestService;

beforeAll(async () => {
  let document = "";
  for (const purpose of ["access-token", "revocation-feed", "introspection"] as const) {
    const options = { document, purpose, now: Date.now(), leadMs: 0, overlapMs: 60_000 };
    document = (await rotateKeys(options)).document;
  }
  const path = join(place.path, "keys.jwks");
  await writeKeyFile(path, document);
  s = await startTestService({
    env: {
      SOJOURN_TOKEN_KEYS: path,
      SOJOURN_TOKEN_ISSUER: ISSUER,
      SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
      SOJOURN_TOKEN_CLIENTS: "app",
      SOJOURN_RATE_LIMIT: "0",
    },
  });
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

/** Clients that others wrote, over HTTP, against the guard of resources and a token endpoint. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import * as dpopPackage from "dpop";
import * as oauth from "oauth4webapi";
import { createAccessGuard, createDpop, memoryReplays, Nonces } from "sojourn/tokens";
import type { AccessGuard, Dpop } from "sojourn/tokens";
import { generateSecret } from "sojourn/tokens";
import { afterEach, describe, expect, it } from "vitest";
import { sessionOf, tokenWorld } from "../support/token-world.ts";

interface Site {
  readonly url: string;
  readonly dpop: Dpop;
  issue(jkt?: string): Promise<string>;
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** `/notes` is a resource, `/token` renews for whoever proves the key of `refresh-<jkt>`. */
async function site({ withNonces }: { readonly withNonces: boolean }): Promise<Site> {
  const world = await tokenWorld();
  const parts: { guard?: AccessGuard; dpop?: Dpop } = {};
  const issue = (jkt?: string) =>
    world.issue({ session: sessionOf(), ...(jkt === undefined ? {} : { cnf: { jkt } }) });
  const server = createServer((request, response) => {
    const { guard, dpop } = parts;
    if (guard === undefined || dpop === undefined) throw new Error("the site is not up");
    const answering =
      request.url === "/token"
        ? renew(request, response, { dpop, issue })
        : read(request, response, guard);
    answering.catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const nonces = withNonces ? { nonces: new Nonces({ secrets: [generateSecret()] }) } : {};
  const dpop = createDpop({ externalUrl: url, replays: memoryReplays(), ...nonces });
  Object.assign(parts, { dpop, guard: createAccessGuard({ verifier: world.verifier, dpop }) });
  return { url, dpop, issue };
}

async function read(request: IncomingMessage, response: ServerResponse, guard: AccessGuard) {
  const { method = "", url = "", headersDistinct } = request;
  const { authorization, dpop: proof } = headersDistinct;
  const answer = await guard.check({ method, path: url, authorization, proof });
  const status = answer.state === "active" ? 200 : answer.status;
  response.writeHead(status, answer.headers);
  response.end(answer.state === "active" ? answer.claims.sub : answer.why);
}

async function renew(
  request: IncomingMessage,
  response: ServerResponse,
  { dpop, issue }: Pick<Site, "dpop" | "issue">,
) {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part as Uint8Array);
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  const boundTo = (form.get("refresh_token") ?? "").replace("refresh-", "");
  const { method = "", url: path = "", headersDistinct } = request;
  const proved = await dpop.verify({ method, path, proof: headersDistinct["dpop"], boundTo });
  if (proved.state === "unavailable") return void response.writeHead(503).end();
  const headers = {
    "content-type": "application/json",
    ...(proved.nonce === undefined ? {} : { "dpop-nonce": proved.nonce }),
  };
  if (proved.state === "refused") {
    response.writeHead(400, headers).end(JSON.stringify({ error: proved.error }));
    return;
  }
  const access_token = await issue(proved.confirmation.jkt);
  response.writeHead(200, headers).end(JSON.stringify({ access_token, token_type: "DPoP" }));
}

const CLIENT: oauth.Client = { client_id: "app" };

async function oauthClient({ url }: Site) {
  const keys = await oauth.generateKeyPair("ES256");
  const handle = oauth.DPoP(CLIENT, keys);
  const jkt = await handle.calculateThumbprint();
  const insecure = { [oauth.allowInsecureRequests]: true };
  const as: oauth.AuthorizationServer = { issuer: url, token_endpoint: `${url}/token` };
  return {
    jkt,
    renew: (of: string) =>
      oauth
        .refreshTokenGrantRequest(as, CLIENT, oauth.None(), `refresh-${of}`, {
          DPoP: handle,
          ...insecure,
        })
        .then((response) => oauth.processRefreshTokenResponse(as, CLIENT, response)),
    read: (token: string, { path = "/notes", method = "GET" } = {}) =>
      oauth.protectedResourceRequest(token, method, new URL(path, url), undefined, undefined, {
        DPoP: handle,
        ...insecure,
      }),
  };
}

describe.each([{ withNonces: false }, { withNonces: true }])("oauth4webapi, %j,", (mode) => {
  /** As its documentation has it: once more with the nonce that came with the refusal. */
  async function again<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      if (mode.withNonces && oauth.isDPoPNonceError(error)) return call();
      throw error;
    }
  }

  it("[DP-01, DP-05] renews a token and reads with it", async () => {
    const here = await site(mode);
    const client = await oauthClient(here);
    const { access_token: token, token_type } = await again(() => client.renew(client.jkt));
    expect(token_type).toBe("dpop");
    for (const path of ["/notes", "/notes?page=2", "/notes/%7Emine", "/notes/caf%C3%A9"]) {
      const response = await again(() => client.read(token, { path }));
      expect([response.status, await response.text()]).toEqual([200, "alice"]);
    }
    const posted = await again(() => client.read(token, { method: "POST" }));
    expect(posted.status).toBe(200);
  });

  it("is told invalid_dpop_proof for a refresh token of another key", async () => {
    const here = await site(mode);
    const [owner, thief] = [await oauthClient(here), await oauthClient(here)];
    await expect(again(() => thief.renew(owner.jkt))).rejects.toMatchObject({
      error: "invalid_dpop_proof",
    });
    expect(await again(() => owner.renew(owner.jkt))).toHaveProperty("access_token");
  });

  it("[DP-05] is refused with a token of another key", async () => {
    const here = await site(mode);
    const [owner, thief] = [await oauthClient(here), await oauthClient(here)];
    const token = await here.issue(owner.jkt);
    await expect(again(() => thief.read(token))).rejects.toMatchObject({
      status: 401,
      cause: [
        expect.objectContaining({ scheme: "bearer" }),
        expect.objectContaining({ scheme: "dpop" }),
      ],
    });
    expect((await again(() => owner.read(token))).status).toBe(200);
  });
});

describe("the package dpop", () => {
  it.each(["ES256", "Ed25519"] as const)(
    "[DP-01, DP-04] reads once per proof, by %s",
    async (alg) => {
      const here = await site({ withNonces: false });
      const keys = await dpopPackage.generateKeyPair(alg);
      const token = await here.issue(await dpopPackage.calculateThumbprint(keys.publicKey));
      const url = `${here.url}/notes`;
      const proof = await dpopPackage.generateProof(keys, url, "GET", undefined, token);
      const ask = (headers: [string, string][]) => fetch(`${url}?page=2`, { headers });
      const good: [string, string][] = [
        ["authorization", `DPoP ${token}`],
        ["dpop", proof],
      ];
      expect((await ask(good)).status).toBe(200);
      expect((await ask(good)).status).toBe(401);
      const twice = await dpopPackage.generateProof(keys, url, "GET", undefined, token);
      expect((await ask([...good.slice(0, 1), ["dpop", twice], ["dpop", twice]])).status).toBe(401);
      expect((await ask([["authorization", `Bearer ${token}`]])).status).toBe(401);
    },
  );
});

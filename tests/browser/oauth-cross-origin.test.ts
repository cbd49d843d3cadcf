/** A single-page application in Chromium that calls the OAuth endpoints of another origin. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyFileAt } from "../support/key-file.ts";
import { folder, startTestService } from "../integration/service-harness.ts";
import type { TestService } from "../integration/service-harness.ts";
import { launchChromium } from "./support/chromium.ts";

const AUDIENCE = "https://api.example";
const place = folder();
const servers: Server[] = [];
let browser: Browser;
let s: TestService;
let pages: Readonly<Record<"app" | "other", string>>;

/** An empty page of an origin of its own. */
async function origin(): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>page</title>");
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const path = await keyFileAt(join(place.path, "keys.jwks"));
  pages = { app: await origin(), other: await origin() };
  [browser, s] = await Promise.all([
    launchChromium(),
    startTestService({
      env: {
        SOJOURN_TOKEN_KEYS: path,
        SOJOURN_TOKEN_ISSUER: "https://auth.example",
        SOJOURN_TOKEN_AUDIENCES: AUDIENCE,
        SOJOURN_TOKEN_CLIENTS: "app",
        SOJOURN_TOKEN_ORIGINS: pages.app,
      },
    }),
  ]);
}, 60_000);

afterAll(async () => {
  await browser.close();
  await s.service.stop();
  for (const server of servers) server.close();
  place.remove();
});

interface Ask {
  readonly path: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: RequestCredentials;
}

/** What the page reads of an answer; `"refused"` where the browser keeps it from the page. */
async function ask(page: Page, given: Ask) {
  return page.evaluate(
    async ({ url, fields, headers, credentials }) => {
      const body = fields === undefined ? {} : { body: new URLSearchParams(fields) };
      const method = fields === undefined ? "GET" : "POST";
      try {
        const answer = await fetch(url, { method, ...body, headers, credentials });
        const json = (await answer.json()) as Record<string, unknown>;
        return { status: answer.status, json, nonce: answer.headers.get("dpop-nonce") };
      } catch {
        return "refused";
      }
    },
    {
      url: s.service.url + given.path,
      fields: given.fields,
      headers: given.headers ?? {},
      credentials: given.credentials ?? "omit",
    },
  );
}

async function grant(): Promise<Record<string, string>> {
  const { id } = await s.open("alice");
  const body = { clientId: "app", audience: AUDIENCE };
  const answer = await s.api("POST", `/v1/sessions/${id}/refresh-token`, { body });
  const token = String(answer.json["refreshToken"]);
  return { grant_type: "refresh_token", client_id: "app", refresh_token: token };
}

describe("a page of a configured origin", () => {
  it("reads metadata and keys, refreshes, sends proofs and reads nonces, and revokes", async () => {
    const page = await browser.newPage();
    await page.goto(pages.app);
    const metadata = await ask(page, { path: "/.well-known/oauth-authorization-server" });
    expect(metadata).toMatchObject({ status: 200, json: { issuer: "https://auth.example" } });
    expect(await ask(page, { path: "/.well-known/jwks.json" })).toMatchObject({ status: 200 });
    const fields = await grant();
    const headers = { dpop: "no proof" };
    const wrong = await ask(page, { path: "/oauth/token", fields, headers });
    const nonce = expect.stringMatching(/^[\w-]{32}$/) as string;
    expect(wrong).toMatchObject({ status: 400, json: { error: "invalid_dpop_proof" }, nonce });
    const good = await ask(page, { path: "/oauth/token", fields });
    expect(good).toMatchObject({ status: 200, json: { token_type: "Bearer" } });
    const token = String((good as { json: Record<string, unknown> }).json["refresh_token"]);
    const gone = { path: "/oauth/revoke", fields: { token, client_id: "app" } };
    expect(await ask(page, gone)).toMatchObject({ status: 200 });
    await page.close();
  });

  it("reads nothing of a request with cookies, of introspection, and of what takes keys", async () => {
    const page = await browser.newPage();
    await page.goto(pages.app);
    const fields = await grant();
    const refused: readonly Ask[] = [
      { path: "/oauth/token", fields, credentials: "include" },
      { path: "/oauth/introspect", fields: { token: "x" } },
      { path: "/v1/revocations", headers: { authorization: "Bearer sj1k_x" } },
      { path: "/v1/session", credentials: "include" },
    ];
    for (const one of refused)
      expect([one.path, await ask(page, one)]).toEqual([one.path, "refused"]);
    await page.close();
  });
});

describe("a page of another origin", () => {
  it("reads nothing, and its preflights are answered without leave", async () => {
    const page = await browser.newPage();
    await page.goto(pages.other);
    const fields = await grant();
    const headers = { dpop: "no proof" };
    expect(await ask(page, { path: "/oauth/token", fields, headers })).toBe("refused");
    expect(await ask(page, { path: "/.well-known/jwks.json" })).toBe("refused");
    const preflight = { origin: pages.other, "access-control-request-method": "POST" };
    const answer = await s.bare("OPTIONS", "/oauth/token", { headers: preflight });
    expect([answer.status, answer.headers["vary"]]).toEqual([204, "Origin"]);
    expect(Object.keys(answer.headers).join()).not.toContain("access-control");
    // Nothing was refreshed by the preflight: the token is as good as before.
    const raw = new URLSearchParams(fields).toString();
    const type = { "content-type": "application/x-www-form-urlencoded" };
    expect((await s.bare("POST", "/oauth/token", { raw, headers: type })).status).toBe(200);
    await page.close();
  });
});

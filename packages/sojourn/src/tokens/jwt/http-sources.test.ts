import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { HandTime, ISSUER, START } from "../../../../../tests/support/token-world.ts";
import { rotateKeys } from "../keys/key-document.ts";
import { environmentKeys } from "../keys/local-keys.ts";
import { createSigningKeys } from "../keys/signing-keys.ts";
import { httpFeed, httpJwks } from "./http-sources.ts";
import type { RevocationPage } from "./revocations.ts";
import { signPage } from "./signed-page.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function served(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const page: RevocationPage = {
  position: "7",
  entries: [{ kind: "session", session: "ses_1", at: START }],
  complete: true,
  at: START,
  ageMs: 20,
  keepMs: 900_000,
};

async function service(forge: (nonce: string | undefined) => string | undefined = (it) => it) {
  const time = new HandTime();
  const keysFor = async (purpose: "revocation-feed" | "access-token") => {
    const rotated = await rotateKeys({ purpose, now: START, leadMs: 0, overlapMs: 0 });
    const provider = await environmentKeys({ keys: [rotated.document] });
    return createSigningKeys({ provider, purpose, now: time.wall });
  };
  const keys = await keysFor("revocation-feed");
  const asked: { path: string; key: string | undefined }[] = [];
  const origin = await served((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? "/", "http://x");
      asked.push({ path: url.pathname + url.search, key: request.headers.authorization });
      if (url.pathname === "/jwks.json") return response.end(JSON.stringify(await keys.jwks()));
      if (url.pathname === "/moved")
        return response.writeHead(302, { location: "/jwks.json" }).end();
      if (url.pathname === "/silent") return undefined;
      const nonce = forge(url.searchParams.get("nonce") ?? undefined);
      return response.end(await signPage(keys, page, { issuer: ISSUER, nonce }));
    })();
  });
  const options = {
    url: `${origin}/v1/revocations`,
    issuer: ISSUER,
    jwks: httpJwks({ url: `${origin}/jwks.json` }),
    serviceKey: "sj1k_x",
    time,
  };
  return { origin, asked, options, keysFor };
}

describe("httpFeed", () => {
  it("reads a page that its service signed for this very question", async () => {
    const { asked, options } = await service();
    const feed = httpFeed(options);
    expect(await feed.read()).toEqual(page);
    expect(await feed.read("7")).toEqual(page);
    const questions = asked.filter(({ path }) => path.startsWith("/v1/"));
    expect(questions.map(({ key }) => key)).toEqual(["Bearer sj1k_x", "Bearer sj1k_x"]);
    expect(questions[1]?.path).toContain("since=7");
    expect(questions[0]?.path).not.toBe(questions[1]?.path.replace("&since=7", ""));
  });

  it("believes no page that was made for another question, so none that was kept between", async () => {
    let first: string | undefined;
    const { options } = await service((nonce) => (first ??= nonce));
    const feed = httpFeed(options);
    await feed.read();
    await expect(feed.read()).rejects.toThrow(/nonce/);
    const without = await service(() => undefined);
    await expect(httpFeed(without.options).read()).rejects.toThrow(/nonce/);
  });

  it("believes no page of another issuer, and none signed by another key", async () => {
    const { options, keysFor } = await service();
    await expect(httpFeed({ ...options, issuer: "https://x" }).read()).rejects.toThrow(/issuer/);
    const strangers = await keysFor("revocation-feed");
    const jwks = { read: () => strangers.jwks() };
    await expect(httpFeed({ ...options, jwks }).read()).rejects.toThrow(/key/);
    const access = await keysFor("access-token");
    await expect(signPage(access, page, { issuer: ISSUER })).rejects.toThrow(/revocation-feed/);
  });
});

describe("a source over HTTP", () => {
  it("follows no redirect, waits no longer than it is told, takes no error for an answer", async () => {
    const { origin, asked } = await service();
    await expect(httpJwks({ url: `${origin}/moved` }).read()).rejects.toThrow(
      "/moved answered 302",
    );
    expect(asked.map(({ path }) => path)).toEqual(["/moved"]);
    await expect(httpJwks({ url: `${origin}/silent`, timeoutMs: 50 }).read()).rejects.toThrow(
      /timeout/,
    );
    const refusing = await served((_request, response) => response.writeHead(503).end("{}"));
    await expect(httpJwks({ url: `${refusing}/jwks.json` }).read()).rejects.toThrow(
      "/jwks.json answered 503",
    );
    expect(() => httpJwks({ url: "jwks.json" })).toThrow(/url: is no absolute address/);
  });
});

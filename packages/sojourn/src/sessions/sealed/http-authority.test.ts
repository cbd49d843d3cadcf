import { createServer } from "node:http";
import type { IncomingMessage, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { AuthorityQuestion } from "./authority.ts";
import { httpAuthority } from "./http-authority.ts";

const KEY = "sj1k_key";
const ID = "A".repeat(24);
const AT = "2026-01-01T00:00:00.000Z";
const VIEW = {
  id: `ses_${ID}`,
  tenant: "default",
  subject: "alice",
  kind: "user",
  version: "3.7",
  state: "active",
  subjectEpoch: 2,
  createdAt: AT,
  authenticatedAt: AT,
  seenAt: AT,
  idleSeconds: 900,
  absoluteExpiresAt: "2026-01-02T00:00:00.000Z",
  assurance: { amr: ["pwd"], authTime: AT, factors: [{ method: "pwd", at: AT }] },
  data: { cart: ["tea"] },
};
const QUESTION: AuthorityQuestion = {
  token: "sj1s_token",
  tenant: "default",
  activity: true,
  canSetToken: true,
};
const closing: (() => unknown)[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) close();
});

interface Asked {
  readonly line: string;
  readonly key: string | undefined;
  readonly body: unknown;
}

/** A service that gives these answers, one after the other, and the last one from then on. */
async function serving(...answers: readonly (readonly [status: number, body: unknown])[]) {
  const asked: Asked[] = [];
  const listener: RequestListener = (request, response) => {
    void bodyOf(request).then((text) => {
      const { method = "", url = "", headers } = request;
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      asked.push({ line: `${method} ${url}`, key: headers.authorization, body });
      const [status, said] = answers[asked.length - 1] ?? answers.at(-1) ?? [500, {}];
      response.writeHead(status, status === 302 ? { location: "/other" } : {});
      response.end(JSON.stringify(said));
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, url, authority: httpAuthority({ url: `${url}/`, serviceKey: KEY }) };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe("an authority over HTTP", () => {
  it("reads the session back as a store would have told of it", async () => {
    const { authority, asked } = await serving([200, { state: "active", session: VIEW }]);
    const brought = { fingerprint: "Browser/1", boundCookie: "mark" };
    const answer = await authority.check({ ...QUESTION, ...brought });
    expect(answer).toEqual({
      state: "live",
      token: "sj1s_token",
      data: { cart: ["tea"] },
      session: {
        id: ID,
        tenant: "default",
        subject: "alice",
        kind: "user",
        version: 3,
        state: "active",
        epoch: 2,
        createdAt: Date.parse(AT),
        authenticatedAt: Date.parse(AT),
        seenAt: Date.parse(AT),
        idleMs: 900_000,
        idleLockFactors: 0,
        absoluteExpiresAt: Date.parse(VIEW.absoluteExpiresAt),
        assurance: {
          amr: ["pwd"],
          authTime: Date.parse(AT),
          factors: [{ method: "pwd", at: Date.parse(AT) }],
        },
      },
    });
    const body = {
      token: "sj1s_token",
      activity: true,
      canSetToken: true,
      client: { userAgent: "Browser/1" },
      boundCookie: "mark",
    };
    expect(asked).toEqual([{ line: "POST /v1/sessions/verify", key: `Bearer ${KEY}`, body }]);
  });

  it("gives the successor, and no token while one is under way", async () => {
    const settled = { state: "active", session: VIEW, settled: false };
    const { authority } = await serving([200, settled], [200, { ...settled, successor: "next" }]);
    expect(await authority.check(QUESTION)).not.toHaveProperty("token");
    expect(await authority.check(QUESTION)).toMatchObject({ token: "next" });
  });

  it("tells of a lock without data, of an end with its reason, and of nobody", async () => {
    const { data: _, ...bare } = VIEW;
    const locked = { ...bare, state: "locked", required: { factors: 2 }, idleFactors: 1 };
    const { authority } = await serving(
      [200, { state: "locked", session: locked }],
      [200, { state: "ended", reason: "logout" }],
      [200, { state: "ended", reason: "a newer word" }],
      [200, { state: "unknown" }],
    );
    expect(await authority.check(QUESTION)).toMatchObject({
      state: "live",
      data: {},
      session: { state: "locked", lockFactors: 2, idleLockFactors: 1 },
    });
    expect(await authority.check(QUESTION)).toEqual({ state: "ended", reason: "logout" });
    expect(await authority.check(QUESTION)).toEqual({ state: "ended", reason: "revoked" });
    expect(await authority.check(QUESTION)).toEqual({ state: "unknown" });
  });

  it("keeps the device that a session is bound to, or gives none", async () => {
    const bound = { tier: "dbsc", key: "{}", thumbprint: "t", boundAt: AT, proofs: 1 };
    const answer = (binding: object) =>
      [200, { state: "active", session: { ...VIEW, binding } }] as const;
    const { authority } = await serving(answer(bound), answer({ ...bound, tier: "newer" }));
    const binding = { ...bound, boundAt: Date.parse(AT) };
    expect(await authority.check(QUESTION)).toMatchObject({ session: { binding } });
    await expect(authority.check(QUESTION)).rejects.toThrow(/session\.binding\.tier/);
  });

  it("leaves out a user agent that the service would not take", async () => {
    const { authority, asked } = await serving([200, { state: "unknown" }]);
    await authority.check({ ...QUESTION, fingerprint: "x".repeat(1_025) });
    expect(asked[0]?.body).not.toHaveProperty("client");
  });

  it("rejects for whatever is no answer, and says what to do (I7)", async () => {
    const cases: readonly (readonly [number, unknown, RegExp])[] = [
      [503, {}, /POST \/v1\/sessions\/verify answered 503$/],
      [401, {}, /answered 401: the service key is not known there/],
      [403, {}, /answered 403: the service key needs the scopes/],
      [404, {}, /answered 404: the address is to be that of the service/],
      [302, {}, /answered 302$/],
      [200, [], /no usable answer/],
      [200, { state: "active", session: { ...VIEW, subjectEpoch: undefined } }, /subjectEpoch: is/],
      [200, { state: "active", session: { ...VIEW, id: "ses_x" } }, /session\.id: is/],
      [200, { state: "active", session: { ...VIEW, data: undefined } }, /session\.data: is/],
      [200, { state: "active", session: { ...VIEW, tenant: "acme" } }, /of another tenant/],
    ];
    for (const [status, body, message] of cases) {
      const { authority, asked } = await serving([status, body]);
      const error: unknown = await authority.check(QUESTION).catch((reason: unknown) => reason);
      expect(String(error)).toMatch(message);
      expect(String(error)).not.toMatch(/sj1|ses_/);
      expect(asked).toHaveLength(1);
    }
  });

  it("waits no longer than it is told", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    closing.push(
      () => silent.closeAllConnections(),
      () => silent.close(),
    );
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const authority = httpAuthority({ url, serviceKey: KEY, timeoutMs: 50 });
    await expect(authority.check(QUESTION)).rejects.toThrow(/timeout/);
  });

  it("asks a service in trouble again after a second, and until then waits for nobody", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { authority, asked } = await serving([503, {}], [200, { state: "unknown" }]);
    await expect(authority.check(QUESTION)).rejects.toThrow(/503/);
    vi.advanceTimersByTime(999);
    await expect(authority.check(QUESTION)).rejects.toThrow(/a moment ago/);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(await authority.check(QUESTION)).toEqual({ state: "unknown" });
  });

  it("changes data of an active session only, and says what cannot be taken", async () => {
    const live = [200, { state: "active", session: VIEW }] as const;
    const { authority, asked } = await serving(
      live,
      [200, { session: { ...VIEW, data: { n: 1 } } }],
      [200, { state: "pending", session: { ...VIEW, state: "pending" } }],
      live,
      [413, { code: "payload_too_large", limitBytes: 65_536 }],
      live,
      [400, { code: "invalid_request", detail: "data.n: no" }],
      live,
      [409, { code: "conflict" }],
    );
    const question = { ...QUESTION, data: { n: 1, cart: null } };
    expect(await authority.check(question)).toMatchObject({ state: "live", data: { n: 1 } });
    expect(asked[1]).toMatchObject({
      line: `PATCH /v1/sessions/ses_${ID}`,
      body: { data: { n: 1, cart: null } },
    });
    const pending = { state: "live", data: {}, session: { state: "pending" } };
    expect(await authority.check(question)).toMatchObject(pending);
    expect(asked).toHaveLength(3);
    const large = { code: "ERR_DATA_TOO_LARGE" };
    await expect(authority.check(question)).rejects.toMatchObject(large);
    await expect(authority.check(question)).rejects.toThrow("change.data: data.n: no");
    await expect(authority.check(question)).rejects.toThrow(/PATCH .*\{id\} answered 409$/);
  });

  it("lists every problem of its options", () => {
    const options = { url: "auth", serviceKey: "secret-text", timeoutMs: 1, retries: 2 };
    expect(() => httpAuthority(options as never)).toThrow(
      /retries: unknown[^]*url: takes[^]*serviceKey: takes a service key, sj1k_…[^]*timeoutMs/,
    );
    expect(() => httpAuthority(options as never)).not.toThrow(/secret-text/);
  });
});

import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import type { Kind } from "../support/servers.ts";
import { leave, visit, world } from "../support/world.ts";
import type { WorldOptions } from "../support/world.ts";

afterEach(stopServers);

const NOBODY = '{"subject":null,"notes":[]}';
const ALICE = '{"subject":"alice","notes":[]}';

async function start(kind: Kind, options: WorldOptions = {}) {
  const place = world(options);
  const { url } = await serve(kind, place, notes);
  const { token } = await place.sessions.open({ subject: "alice" });
  return { place, url, token };
}

/** Behind a proxy of this machine that says the client came by https. */
const TLS = { "x-forwarded-proto": "https" } as const;
const BEHIND_TLS = {
  production: true,
  proxies: ["loopback"],
  csrf: { origins: ["https://app.example"] },
};

describe("a cookie that could not be set", () => {
  it("is explained in the response in development, in the log, by an event", async () => {
    for (const production of [false, true]) {
      const place = world({ production });
      const exchange = await visit(place, { view: { encrypted: false } });
      await exchange.session.login("alice");
      const { cookies, headers } = leave(exchange);
      expect(cookies).toEqual([]);
      const notice = headers["sojourn-notice"];
      if (production) expect(notice).toBeUndefined();
      else
        expect(notice).toMatch(
          /^cookie not set: plain-http\. .+ See sojourn\/docs\/.+#plain-http$/,
        );
      expect(place.named("cookie-not-set")).toMatchObject([{ why: "plain-http" }]);
      const warned = place.warnings.filter((warning) => warning.includes("plain-http"));
      expect(warned).toHaveLength(1);
    }
  });
});

describe("a response that sets the cookie", () => {
  it("is kept by no cache, whatever the application told those that read fields of their own", async () => {
    const place = world();
    const exchange = await visit(place);
    await exchange.session.login("alice");
    const headers: Record<string, string> = {
      "cache-control": "public, max-age=600",
      "cdn-cache-control": "public, max-age=600",
      "surrogate-control": "max-age=600",
    };
    void exchange.commit({
      get: (name) => headers[name],
      set: (name, value) => void (headers[name] = value),
      addCookie: () => undefined,
    });
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "cdn-cache-control": "no-store",
      "surrogate-control": "no-store",
    });
    expect(headers).not.toHaveProperty("cloudflare-cdn-cache-control");
  });
});

describe("changes that nobody awaited", () => {
  it("fail the request when any of them did, and not only the last", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const exchange = await visit(place, { token });
    const { session } = exchange;
    const silent = (change: Promise<unknown>): void => void change.catch(() => undefined);
    silent(session.set("note", "kept"));
    silent(session.set("note", "x".repeat(10_000_000)));
    silent(session.set("note", "kept, too"));
    while (exchange.working !== undefined) await exchange.working;
    expect(exchange.failure?.problem.code).toBe("payload_too_large");
    await session.set("note", "later");
    expect(exchange.failure).toBeUndefined();
  });
});

describe.each(KINDS)("carriers of a session behind %s", (kind) => {
  it("[ID-09] are cookie and bearer header: no URL, form, body or other header", async () => {
    const { url, token, place } = await start(kind);
    const elsewhere = [
      ask(`${url}/?sid=${token}&session=${token}&token=${token}`),
      ask(`${url}/;session=${token}`),
      ask(url, { headers: { "x-session": token, "x-auth-token": token, session: token } }),
      ask(url, { headers: { authorization: token } }),
      ask(url, { headers: { authorization: `Basic ${token}` } }),
      ask(url, { headers: { authorization: `Token ${token}` } }),
      ask(url, { headers: { "proxy-authorization": `Bearer ${token}` } }),
      ask(url, {
        method: "POST",
        headers: { ...SAME_ORIGIN, "content-type": "application/x-www-form-urlencoded" },
        body: `session=${token}&_session=${token}&access_token=${token}`,
      }),
    ];
    for (const answer of await Promise.all(elsewhere)) {
      expect([answer.status, answer.body]).toEqual([200, NOBODY]);
    }
    expect(place.store.calls("find")).toBe(0);
    const right = await ask(url, { headers: { authorization: `Bearer ${token}` } });
    expect(right.body).toBe(ALICE);
  });

  it("[ID-02] never take a service key for a session, and count it", async () => {
    const { url, place } = await start(kind);
    const keys = await place.sessions.serviceKeys();
    const { text: key } = await keys.mint("default");
    expect(key).toMatch(/^sj1k_/);
    for (const headers of [{ cookie: `session=${key}` }, { authorization: `Bearer ${key}` }]) {
      expect((await ask(url, { headers })).body).toBe(NOBODY);
    }
    expect(place.named("token-forged")).toHaveLength(2);
    expect(place.store.calls("find")).toBe(0);
  });

  it("[CK-09] read the exact name; one that comes with two values is no credential", async () => {
    const { url, token, place } = await start(kind, BEHIND_TLS);
    const { token: evil } = await place.sessions.open({ subject: "mallory" });
    const good = `__Host-session=${token}`;
    const cases: readonly (readonly [string, string])[] = [
      [good, ALICE],
      [`__host-session=${evil}; ${good}`, ALICE],
      [`=__Host-session=${evil}; ${good}`, ALICE],
      [`__Host-session =${evil}`, NOBODY],
      [`x__Host-session=${evil}; ${good}`, ALICE],
      [`session=${evil}`, NOBODY],
      [`__Secure-session=${evil}`, NOBODY],
      [`__HOST-SESSION=${evil}`, NOBODY],
      [`${good}; ${good}`, ALICE],
      [`${good}; __Host-session=${evil}`, NOBODY],
      [`__Host-session=${evil}; ${good}`, NOBODY],
      [`__Host-session="${token}"`, NOBODY],
    ];
    for (const [cookie, body] of cases) {
      expect([cookie, (await ask(url, { headers: { cookie, ...TLS } })).body]).toEqual([
        cookie,
        body,
      ]);
    }
    expect(place.named("cookie-conflict")).toHaveLength(2);
  });

  it("[CK-09] see two Cookie headers as one", async () => {
    const { url, token, place } = await start(kind);
    const { token: evil } = await place.sessions.open({ subject: "mallory" });
    const cookie = [`session=${token}`, `session=${evil}`];
    expect((await ask(url, { headers: { cookie } })).body).toBe(NOBODY);
  });

  it("that disagree are worth nothing; a bearer that agrees with the cookie is fine", async () => {
    const { url, token, place } = await start(kind);
    const { token: other } = await place.sessions.open({ subject: "bob" });
    const cookie = `session=${token}`;
    const disagreeing = { cookie, authorization: `Bearer ${other}` };
    expect((await ask(url, { headers: disagreeing })).body).toBe(NOBODY);
    expect(place.named("cookie-conflict")).toHaveLength(1);
    const agreeing = { cookie, authorization: `Bearer ${token}` };
    expect((await ask(url, { headers: agreeing })).body).toBe(ALICE);
    const foreign = { cookie, authorization: "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA" };
    expect((await ask(url, { headers: foreign })).body).toBe(ALICE);
  });

  it("are judged as a cookie where one comes beside the bearer: only a bearer alone is not", async () => {
    const { url, token } = await start(kind);
    const elsewhere = { "sec-fetch-site": "cross-site", authorization: `Bearer ${token}` };
    const post = async (headers: Record<string, string>) =>
      (await ask(url, { method: "POST", headers })).status;
    expect(await post({ ...elsewhere, cookie: `session=${token}` })).toBe(403);
    expect(await post(elsewhere)).not.toBe(403);
  });

  it("set no cookie for a bearer: not in rotation, at login or at logout", async () => {
    const { url, token, place } = await start(kind);
    const headers = { authorization: `Bearer ${token}` };
    place.clock.advance(3_600_000);
    const answers = [
      await ask(url, { headers }),
      await ask(`${url}/login?as=bob`, { method: "POST", headers }),
    ];
    const [bob] = (await place.sessions.subject("bob").list()).items;
    expect(bob).toBeDefined();
    const { token: another } = await place.sessions.open({ subject: "carol" });
    const carol = { authorization: `Bearer ${another}` };
    answers.push(await ask(`${url}/logout`, { method: "POST", headers: carol }));
    for (const answer of answers) {
      expect(answer.cookies).toEqual([]);
      expect(answer.headers["clear-site-data"]).toBeUndefined();
    }
    expect(await place.sessions.authenticate(another)).toMatchObject({ reason: "logout" });
  });

  it("[TR-01] are neither set nor accepted over plain HTTP in production", async () => {
    const { url, token, place } = await start(kind, BEHIND_TLS);
    const plain = { "x-forwarded-proto": "http", ...SAME_ORIGIN };
    const login = await ask(`${url}/login`, { method: "POST", headers: plain });
    expect(login.cookies).toEqual([]);
    expect(login.headers["sojourn-notice"]).toBeUndefined();
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "plain-http" }]);
    for (const name of ["__Host-session", "session"]) {
      const headers = { ...plain, cookie: `${name}=${token}` };
      expect((await ask(url, { headers })).body).toBe(NOBODY);
    }
    const bearer = { ...plain, authorization: `Bearer ${token}` };
    expect((await ask(url, { headers: bearer })).body).toBe(NOBODY);
    const tls = await ask(`${url}/login`, { method: "POST", headers: { ...TLS, ...SAME_ORIGIN } });
    expect(tls.cookies[0]).toMatch(
      /^__Host-session=sj1s_[\w-]{80}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
  });

  it("of two applications on one host stay apart by their cookies' names", async () => {
    const one = await start(kind, { cookie: { name: "one" } });
    const two = await start(kind, { cookie: { name: "two" } });
    const jar = new Jar();
    await jar.ask(`${one.url}/login?as=alice`, { method: "POST" });
    await jar.ask(`${two.url}/login?as=bob`, { method: "POST" });
    expect([...jar.cookies.keys()].toSorted()).toEqual(["one", "two"]);
    expect((await jar.ask(one.url)).body).toContain("alice");
    expect((await jar.ask(two.url)).body).toContain("bob");
    await jar.ask(`${one.url}/logout`, { method: "POST" });
    expect((await jar.ask(two.url)).body).toContain("bob");
  });
});

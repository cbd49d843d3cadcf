import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import type { Application, Kind } from "../support/servers.ts";
import { HOUR, SECOND, secretPart, world } from "../support/world.ts";

afterEach(stopServers);

async function start(kind: Kind, application: Application = notes) {
  const place = world();
  const { url } = await serve(kind, place, application);
  return { place, url, jar: new Jar() };
}

describe.each(KINDS)("the %s adapter", (kind) => {
  it("sets the cookie at login, knows the person by it, and deletes it at logout", async () => {
    const { url, jar, place } = await start(kind);
    const login = await jar.ask(`${url}/login`, { method: "POST" });
    expect([login.status, login.headers.location]).toEqual([303, "/"]);
    expect(login.cookies).toEqual([
      expect.stringMatching(/^session=sj1s_[\w-]{80}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect((await jar.ask(url)).body).toBe('{"subject":"alice","notes":[]}');
    const old = jar.header;
    const logout = await jar.ask(`${url}/logout`, { method: "POST" });
    expect(logout.cookies).toEqual(["session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]);
    expect(jar.cookies.size).toBe(0);
    const replay = await ask(url, { headers: { cookie: old } });
    expect(replay.body).toBe('{"subject":null,"notes":[]}');
    expect(place.named("session-ended")).toMatchObject([{ reason: "logout" }]);
  });

  it("[CK-14] clears what the browser keeps, at logout and nowhere else", async () => {
    const { url, jar } = await start(kind);
    const answers = [
      await jar.ask(url),
      await jar.ask(`${url}/login`, { method: "POST" }),
      await jar.ask(url),
      await jar.ask(`${url}/login?as=bob`, { method: "POST" }),
    ];
    for (const { headers } of answers) expect(headers["clear-site-data"]).toBeUndefined();
    const { headers } = await jar.ask(`${url}/logout`, { method: "POST" });
    expect(headers["clear-site-data"]).toBe('"cache", "cookies", "storage"');
  });

  it("[ID-04] gives another value at login than the cookie that was set before", async () => {
    const { url, jar } = await start(kind);
    await jar.ask(`${url}/add`, { method: "POST", body: "first" });
    const planted = jar.cookies.get("session") ?? "";
    expect(planted).toMatch(/^sj1n_/);
    await jar.ask(`${url}/login`, { method: "POST" });
    expect(secretPart(jar.cookies.get("session") ?? "")).not.toBe(secretPart(planted));
    const replay = await ask(url, { headers: { cookie: `session=${planted}` } });
    expect(replay.body).toBe('{"subject":null,"notes":[]}');
    expect((await jar.ask(url)).body).toContain('"alice"');
  });

  it("[TO-08] renews the cookie when rotation is due, for parallel requests the same", async () => {
    const { url, jar, place } = await start(kind);
    await jar.ask(`${url}/login`, { method: "POST" });
    const before = jar.header;
    place.clock.advance(HOUR);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask(url, { headers: { cookie: before } })),
    );
    const cookies = new Set(answers.flatMap(({ cookies }) => cookies));
    expect(cookies.size).toBe(1);
    const [first] = answers;
    if (first !== undefined) jar.take(first);
    expect(jar.header).not.toBe(before);
    const next = await jar.ask(url);
    expect(next.body).toContain('"alice"');
    expect(next.cookies).toEqual([]);
    expect(place.named("token-fork")).toEqual([]);
  });

  it("drops a sealed successor that leaves later than T, and offers it again", async () => {
    let waiting: (() => void) | undefined;
    const slow: Application = async (call) => {
      if (call.url.pathname !== "/slow") return notes(call);
      await new Promise<void>((resolve) => void (waiting = resolve));
      return { body: "slow" };
    };
    const { url, jar, place } = await start(kind, slow);
    await jar.ask(`${url}/login`, { method: "POST" });
    place.clock.advance(HOUR);
    const late = jar.ask(`${url}/slow`);
    await until(() => waiting !== undefined);
    place.clock.advance(5 * SECOND + 1);
    waiting?.();
    const dropped = await late;
    expect(dropped.cookies).toEqual([]);
    expect(dropped.headers["sojourn-notice"]).toContain("late-successor");
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "late-successor" }]);
    expect((await jar.ask(url)).cookies).toHaveLength(1);
  });

  it("never drops the cookie of a login, however late it leaves", async () => {
    let waiting: (() => void) | undefined;
    const slow: Application = async ({ session }) => {
      await session.login("alice");
      await new Promise<void>((resolve) => void (waiting = resolve));
      return { body: "in" };
    };
    const { url, jar, place } = await start(kind, slow);
    const late = jar.ask(`${url}/login`, { method: "POST" });
    await until(() => waiting !== undefined);
    place.clock.advance(HOUR);
    waiting?.();
    expect((await late).cookies).toHaveLength(1);
  });

  it("holds the answer until a write that nobody awaited is stored", async () => {
    const careless: Application = (call) => {
      if (call.url.pathname === "/") return notes(call);
      void call.session.login("alice").then(() => call.session.set("notes", ["kept"]));
      return { status: 202, body: "accepted" };
    };
    const { url, jar, place } = await start(kind, careless);
    place.store.before("create", () => new Promise((resolve) => void setTimeout(resolve, 20)));
    const answer = await jar.ask(`${url}/login`, { method: "POST" });
    expect([answer.status, answer.body]).toEqual([202, "accepted"]);
    expect(answer.cookies).toHaveLength(1);
    expect((await jar.ask(url)).body).toBe('{"subject":"alice","notes":["kept"]}');
  });

  it("answers 503, not a lie, when a write that nobody awaited failed (I7)", async () => {
    const careless: Application = ({ session }) => {
      void session.set("n", 1).catch(() => undefined);
      return { body: "stored!" };
    };
    const { url, jar, place } = await start(kind, careless);
    place.store.fail("create", "before");
    const answer = await jar.ask(url, { method: "POST" });
    expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "1"]);
    expect(answer.body).not.toContain("stored!");
    expect(answer.cookies).toEqual([]);
  });

  it("streams: the session's headers go with the first chunk", async () => {
    const streaming: Application = async ({ session }) => {
      await session.login("alice");
      return { chunks: ["one,", "two,", "three"] };
    };
    const { url, jar } = await start(kind, streaming);
    const answer = await jar.ask(url, { method: "POST" });
    expect(answer.body).toBe("one,two,three");
    expect(answer.cookies).toHaveLength(1);
  });

  it("answers HEAD with the headers of GET and no body", async () => {
    const { url, jar } = await start(kind);
    await jar.ask(`${url}/login`, { method: "POST" });
    const get = await jar.ask(url);
    const head = await jar.ask(url, { method: "HEAD" });
    expect([head.status, head.body]).toEqual([200, ""]);
    expect(head.headers["cache-control"]).toBe(get.headers["cache-control"]);
  });

  it("sends the cookie with a redirect and the application's own cookies", async () => {
    const own: Application = async ({ session }) => {
      await session.login("alice");
      return { status: 302, headers: { location: "/x", "set-cookie": ["a=1", "b=2; Path=/"] } };
    };
    const { url, jar } = await start(kind, own);
    const answer = await jar.ask(url, { method: "POST" });
    expect(answer.status).toBe(302);
    expect(answer.cookies.map((line) => line.split("=")[0])).toEqual(["a", "b", "session"]);
  });

  it("[CK-15] keeps caches from what sets a cookie or shows the session only", async () => {
    const { url, jar } = await start(kind);
    const login = await jar.ask(`${url}/login`, { method: "POST" });
    const shown = await jar.ask(url);
    for (const { headers } of [login, shown]) {
      expect(headers["cache-control"]).toBe("no-store");
    }
    expect(login.headers.vary).toBe("Cookie, Sec-Fetch-Site, Origin");
    const open = await jar.ask(`${url}/public`);
    expect(open.headers["cache-control"]).toBeUndefined();
    expect(open.cookies).toEqual([]);
  });

  it("[CK-15] overrules Cache-Control when a cookie leaves, and merges Vary", async () => {
    const cached: Application = async ({ session, url }) => {
      if (url.pathname === "/login") await session.login("alice");
      const subject = url.pathname === "/read" ? String(session.subject) : "";
      const headers = { "cache-control": "public, max-age=60", vary: "Accept-Encoding" };
      return { headers, body: subject };
    };
    const { url, jar } = await start(kind, cached);
    const login = await jar.ask(`${url}/login`, { method: "POST" });
    expect(login.headers["cache-control"]).toBe("no-store");
    expect(login.headers.vary).toMatch(/^Accept-Encoding, Cookie/);
    const read = await jar.ask(`${url}/read`);
    expect(read.headers.vary).toMatch(/^Accept-Encoding, Cookie/);
  });

  it("keeps all of five parallel writes", async () => {
    const { url, jar } = await start(kind);
    await jar.ask(`${url}/login`, { method: "POST" });
    const bodies = ["a", "b", "c", "d", "e"];
    await Promise.all(
      bodies.map((body) => jar.ask(`${url}/add`, { method: "POST", body, headers: TEXT })),
    );
    const { notes: kept } = JSON.parse((await jar.ask(url)).body) as { notes: string[] };
    expect(kept.toSorted()).toEqual(bodies);
  });

  it("goes on anonymously with an ended or unknown cookie, and deletes none", async () => {
    const { url, jar, place } = await start(kind);
    await jar.ask(`${url}/login`, { method: "POST" });
    await place.sessions.subject("alice").revokeAll();
    const forged = `session=sj1s_${"A".repeat(80)}`;
    for (const cookie of [jar.header, forged, "session=", "session=nonsense"]) {
      const answer = await ask(url, { headers: { cookie, ...SAME_ORIGIN } });
      expect([answer.status, answer.body]).toEqual([200, '{"subject":null,"notes":[]}']);
      expect(answer.cookies).toEqual([]);
    }
  });

  it("survives a client that goes away before it is answered", async () => {
    let reached = 0;
    const slow: Application = async (call) => {
      if (call.url.pathname !== "/gone") return notes(call);
      reached += 1;
      await new Promise((resolve) => void setTimeout(resolve, 30));
      await call.session.login("alice");
      return { body: "nobody hears this" };
    };
    const { url, jar, place } = await start(kind, slow);
    const gone = new AbortController();
    const request = fetch(`${url}/gone`, {
      method: "POST",
      headers: SAME_ORIGIN,
      signal: gone.signal,
    });
    await until(() => reached === 1);
    gone.abort();
    await expect(request).rejects.toThrow(/abort/i);
    await until(() => place.named("session-established").length === 1);
    expect((await jar.ask(url)).status).toBe(200);
  });
});

const TEXT = { "content-type": "text/plain" };

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 1) {
    if (waited > 2_000) throw new Error("still not so after 2 s");
    await new Promise((resolve) => void setTimeout(resolve, 1));
  }
}

/** `readSession` and `withSession`: places that have headers, and no response to put any into. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { readSession, sessions as withSessions, withSession } from "sojourn/fetch";
import type { CookieToSet, SessionToRead } from "sojourn/fetch";
import { COOKIE, failure, HOUR, leave, MINUTE, visit, world } from "../support/world.ts";
import type { Data, World } from "../support/world.ts";

const BROWSER = { "user-agent": "browser", "sec-fetch-site": "same-origin" };

function given(token?: string, more: Readonly<Record<string, string>> = {}) {
  const cookie: Readonly<Record<string, string>> =
    token === undefined ? {} : { cookie: `${COOKIE}=${token}` };
  return { headers: new Headers({ ...BROWSER, ...cookie, ...more }), encrypted: true };
}

/** Signed in as this browser; rotation is due. */
async function due(place: World): Promise<string> {
  const exchange = await visit(place, { headers: BROWSER });
  const { token } = await exchange.session.login("alice");
  place.clock.advance(HOUR + MINUTE);
  return token;
}

function cookieJar() {
  const set: CookieToSet[] = [];
  return { set, cookies: { set: (cookie: CookieToSet) => set.push(cookie) } };
}

describe("readSession", () => {
  it("reads who it is and leaves the token alone, however often it is asked", async () => {
    const place = world({ policy: { extends: "saas", rotateEveryMs: HOUR } });
    const token = await due(place);
    for (const _ of [1, 2, 3]) {
      expect((await readSession(place.sessions, given(token))).subject).toBe("alice");
    }
    expect(place.named("session-rotated")).toEqual([]);
    const next = leave(await visit(place, { token, headers: BROWSER }));
    expect(next.token).toMatch(/^sj1s_/);
    // A read with the token that the browser sent does not confirm the one under way to it.
    await readSession(place.sessions, given(token));
    expect(leave(await visit(place, { token, headers: BROWSER })).token).toBe(next.token);
  });

  it("counts as activity unless told otherwise", async () => {
    const place = world();
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const seenAt = async () => (await place.sessions.find(session.id ?? ""))?.seenAt ?? 0;
    const before = await seenAt();
    place.clock.advance(HOUR);
    await readSession(place.sessions, { ...given(token), activity: false });
    expect(await seenAt()).toBe(before);
    await readSession(place.sessions, given(token));
    await expect.poll(seenAt).toBe(before + HOUR);
  });

  it("throws store trouble: nobody is signed out by an outage (I7)", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    place.store.setDown(true);
    const error = await failure(readSession(place.sessions, given(token)));
    expect(error).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true });
    expect((await readSession(place.sessions, given())).subject).toBeNull();
  });

  it("reads for a page that another site linked to", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const linked = given(token, { "sec-fetch-site": "cross-site" });
    expect((await readSession(place.sessions, linked)).subject).toBe("alice");
  });

  it("takes no credential that came by plain HTTP", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const plain = { headers: given(token).headers };
    expect((await readSession(place.sessions, plain)).subject).toBeNull();
  });

  it("offers nothing whose token nobody would receive", () => {
    type Read = SessionToRead<Data>;
    expectTypeOf<Read>().toHaveProperty("update");
    expectTypeOf<Read>().not.toHaveProperty("login");
    expectTypeOf<Read>().not.toHaveProperty("rotate");
    expectTypeOf<Read>().not.toHaveProperty("logout");
  });
});

describe("withSession", () => {
  it("sets the cookie of a login, part by part", async () => {
    const place = world();
    const { set, cookies } = cookieJar();
    const login = { ...given(), cookies };
    const { token } = await withSession(place.sessions, login, (session) =>
      session.login("alice", { amr: ["pwd"] }),
    );
    const plain = { path: "/", secure: true, httpOnly: true, sameSite: "lax" };
    expect(set).toEqual([{ name: COOKIE, value: token, ...plain }]);
    expect((await readSession(place.sessions, given(token))).subject).toBe("alice");
  });

  it("says how long a remembered cookie stays, and deletes it at logout", async () => {
    const remember = { idleMs: 240 * HOUR, absoluteMs: 480 * HOUR };
    const justification = "staff tablets stay at the counter";
    const place = world({ policy: { extends: "saas", remember, justification } });
    const { set, cookies } = cookieJar();
    const { token } = await withSession(place.sessions, { ...given(), cookies }, (session) =>
      session.login("alice", { remember: true }),
    );
    await withSession(place.sessions, { ...given(token), cookies }, (session) => session.logout());
    expect(set.map(({ value, maxAge = -1 }) => [value, maxAge > 0])).toEqual([
      [token, true],
      ["", false],
    ]);
    expect(set[1]).toMatchObject({ name: COOKIE, maxAge: 0, path: "/", secure: true });
  });

  it("sets the cookie when the action throws, as a redirect does, and what it left undone", async () => {
    const place = world();
    const { set, cookies } = cookieJar();
    const redirect = new Error("redirect");
    const action = withSession(place.sessions, { ...given(), cookies }, (session) => {
      void session.login("alice");
      throw redirect;
    });
    expect(await failure(action)).toBe(redirect);
    expect(set).toMatchObject([{ name: COOKIE }]);
  });

  it("throws what nobody waited for and failed", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const { cookies } = cookieJar();
    const action = withSession(place.sessions, { ...given(token), cookies }, (session) => {
      place.store.setDown(true);
      void session.set("note", "lost").catch(() => undefined);
      return "done";
    });
    expect(await failure(action)).toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
  });

  it("takes a form's token where the policy asks for one", async () => {
    const place = world({ policy: "owasp-asvs-l3" });
    const { token, session } = await place.sessions.open({ subject: "alice", amr: ["hwk", "pin"] });
    const headers = new Headers({ ...BROWSER, cookie: `__Host-Http-session=${token}` });
    const request = { headers, encrypted: true, cookies: cookieJar().cookies };
    const act = (csrfToken?: string) =>
      withSession(place.sessions, { ...request, csrfToken }, ({ subject }) => subject);
    expect(await failure(act())).toMatchObject({ code: "ERR_CROSS_SITE", check: "token" });
    expect(await act((await session.csrfToken()) ?? "")).toBe("alice");
  });

  it("renews a token that is due", async () => {
    const place = world({ policy: { extends: "saas", rotateEveryMs: HOUR } });
    const token = await due(place);
    const { set, cookies } = cookieJar();
    await withSession(place.sessions, { ...given(token), cookies }, () => undefined);
    expect(set).toMatchObject([{ name: COOKIE, value: expect.stringMatching(/^sj1s_/) }]);
    expect(set[0]?.value).not.toBe(token);
  });

  it.each(["cross-site", "same-site"])("does not run the action for a %s post", async (site) => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const { set, cookies } = cookieJar();
    const forged = { ...given(token, { "sec-fetch-site": site }), cookies };
    let ran = false;
    const error = await failure(
      withSession(place.sessions, forged, () => {
        ran = true;
      }),
    );
    expect(error).toMatchObject({ code: "ERR_CROSS_SITE", check: "sec_fetch_site" });
    expect([ran, set]).toEqual([false, []]);
  });
});

describe("an answer that takes no headers", () => {
  it("leaves as it is: an upgrade carries a socket, an error is opaque", async () => {
    const place = world();
    const { token } = await place.sessions.open({ subject: "alice" });
    const request = new Request("https://app.example/", {
      headers: { ...BROWSER, cookie: `${COOKIE}=${token}` },
    });
    // What Deno and workerd answer an upgrade with; Node makes no such response.
    const upgrade = new Proxy(new Response(null), {
      get: (target, name) => (name === "status" ? 101 : (Reflect.get(target, name) as unknown)),
    });
    for (const answer of [upgrade, Response.error()]) {
      const handler = withSessions(place.sessions, (_request, { session }) => {
        expect(session.subject).toBe("alice");
        return answer;
      });
      expect(await handler(request)).toBe(answer);
    }
  });
});

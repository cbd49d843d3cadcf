/** What every adapter does, whatever the framework: the cases that need more than one request. */
import { SessionEndedError } from "sojourn";
import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import type { Answered, Application, Kind } from "../support/servers.ts";
import { gate, HOUR, MINUTE, SECOND, world } from "../support/world.ts";
import type { World, WorldOptions } from "../support/world.ts";

afterEach(stopServers);

interface Scene {
  readonly place: World;
  readonly url: string;
  readonly jar: Jar;
}

const POST = { method: "POST" } as const;

async function start(
  kind: Kind,
  application: Application = notes,
  options: WorldOptions = {},
): Promise<Scene> {
  const place = world(options);
  const { url } = await serve(kind, place, application);
  return { place, url, jar: new Jar() };
}

async function signedIn(kind: Kind, application?: Application, options?: WorldOptions) {
  const scene = await start(kind, application, options);
  await scene.jar.ask(`${scene.url}/login`, POST);
  return scene;
}

/** An application whose `/slow…` paths wait at a gate, and how many have got there. */
function gated(answer: Application) {
  const { wait, open } = gate();
  const state = { waiting: 0 };
  const application: Application = async (call) => {
    if (!call.url.pathname.startsWith("/slow")) return notes(call);
    state.waiting += 1;
    await wait();
    return answer(call);
  };
  return { application, state, open };
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 1, timeout: 5_000 }).toBe(true);
}

const cookieNames = ({ cookies }: Answered): string[] =>
  cookies.map((line) => line.split("=")[0] ?? "");

describe.each(KINDS)("behind %s", (kind) => {
  it("a logout stands against the writer and the reader that were under way (I1)", async () => {
    const slow = gated(async ({ session, url }) => {
      if (url.pathname === "/slow-write") await session.update((draft) => void (draft["n"] = 1));
      return { body: String(session.subject) };
    });
    const { url, jar, place } = await signedIn(kind, slow.application);
    const old = jar.header;
    const writer = ask(`${url}/slow-write`, { ...POST, headers: { ...SAME_ORIGIN, cookie: old } });
    const reader = ask(`${url}/slow-read`, { headers: { cookie: old } });
    await until(() => slow.state.waiting === 2);
    const logout = await jar.ask(`${url}/logout`, POST);
    slow.open();
    const answers = await Promise.all([writer, reader]);
    expect(logout.cookies).toHaveLength(1);
    expect(JSON.parse(answers[0].body)).toMatchObject({ code: "session_ended", reason: "logout" });
    expect(answers.map(({ status }) => status)).toEqual([401, 200]);
    expect(answers.flatMap(({ cookies }) => cookies)).toEqual([]);
    expect((await ask(url, { headers: { cookie: old } })).body).toContain('"subject":null');
    expect(place.named("session-ended")).toHaveLength(1);
    expect(await place.sessions.subject("alice").count()).toBe(0);
  });

  it("[TO-08] twenty parallel requests get one successor, and stragglers none", async () => {
    const varied: Application = (call) => {
      const { pathname } = call.url;
      if (pathname === "/stream") return { chunks: ["a", "b"] };
      if (pathname === "/redirect") return { status: 302, headers: { location: "/" } };
      return notes(call);
    };
    const { url, jar, place } = await signedIn(kind, varied);
    const before = jar.header;
    place.clock.advance(HOUR);
    const paths = Array.from(
      { length: 20 },
      (_, index) => ["/", "/stream", "/redirect"][index % 3] ?? "/",
    );
    const answers = await Promise.all(
      paths.map((path) => ask(url + path, { headers: { cookie: before } })),
    );
    expect(new Set(answers.flatMap(({ cookies }) => cookies)).size).toBe(1);
    expect(answers.every(({ cookies }) => cookies.length === 1)).toBe(true);
    jar.take(answers[1] as Answered);
    expect((await jar.ask(url)).body).toContain("alice");
    const straggler = await ask(url, { headers: { cookie: before } });
    expect([straggler.cookies, straggler.body.includes("alice")]).toEqual([[], true]);
    expect(place.named("token-fork")).toEqual([]);
  });

  it("[TO-01] idle time ends a session at its deadline, not a millisecond before", async () => {
    const { url, place } = await start(kind, notes, { policy: "owasp-asvs-l2" });
    for (const early of [1, 0]) {
      const { token, session } = await place.sessions.open({ subject: "alice" });
      place.clock.advance((session.idleExpiresAt ?? 0) - place.clock.now() - early);
      const answer = await ask(url, { headers: { cookie: `session=${token}` } });
      expect(answer.body.includes("alice")).toBe(early === 1);
      if (early === 0) expect(answer.cookies).toEqual([]);
    }
  });

  it("[TO-02] nothing moves the absolute deadline: not one request more (I11)", async () => {
    const { url, jar, place } = await signedIn(kind, notes, { policy: "owasp-asvs-l2" });
    const [summary] = (await place.sessions.subject("alice").list()).items;
    const end = summary?.absoluteExpiresAt ?? 0;
    while (end - place.clock.now() > 20 * MINUTE) {
      place.clock.advance(20 * MINUTE);
      expect((await jar.ask(url)).body).toContain("alice");
    }
    place.clock.advance(end - place.clock.now() - 1);
    expect((await jar.ask(url)).body).toContain("alice");
    place.clock.advance(1);
    const after = await jar.ask(url);
    expect([after.body.includes("alice"), after.cookies]).toEqual([false, []]);
  });

  it("what was written before a redirect is there after it, for visitors, too", async () => {
    const form: Application = async (call) => {
      if (call.url.pathname !== "/save") return notes(call);
      await call.session.set("notes", [call.body.slice(0, 5)]);
      return { status: 303, headers: { location: "/" } };
    };
    for (const scene of [await start(kind, form), await signedIn(kind, form)]) {
      const { jar, url } = scene;
      const headers = { "content-type": "text/plain" };
      const answer = await jar.ask(`${url}/save`, { ...POST, body: "first", headers });
      expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
      expect((await jar.ask(url)).body).toContain('"notes":["first"]');
    }
  });

  it("a streamed answer carries the cookie that rotation made, before its first chunk", async () => {
    const slow = gate();
    const stream: Application = (call) => {
      if (call.url.pathname !== "/stream") return notes(call);
      const parts = async function* () {
        yield "first";
        await slow.wait();
        yield "last";
      };
      return { chunks: parts() };
    };
    const { url, jar, place } = await signedIn(kind, stream);
    place.clock.advance(HOUR);
    const headers = { ...SAME_ORIGIN, cookie: jar.header };
    const answer = await fetch(`${url}/stream`, { headers });
    expect(answer.headers.getSetCookie()).toHaveLength(1);
    slow.open();
    expect(await answer.text()).toBe("firstlast");
  });

  it("a login after the first chunk has left sets no cookie, and that is said", async () => {
    const late: Application = ({ session }) => ({
      chunks: (async function* () {
        yield "first";
        await new Promise((resolve) => void setImmediate(resolve));
        await session.login("alice");
        yield "last";
      })(),
    });
    const { url, jar, place } = await start(kind, late);
    const answer = await jar.ask(url, POST);
    expect([answer.body, answer.cookies]).toEqual(["firstlast", []]);
    expect(place.named("cookie-not-set")).toMatchObject([{ why: "headers-sent" }]);
  });

  it.each([304, 204])(
    "an answer %i of what was read keeps its headers and no body",
    async (status) => {
      const headers = { etag: '"1"', "cache-control": "private, max-age=60" };
      const cached: Application = (call) => {
        if (call.url.pathname === "/login") return notes(call);
        return { status: call.session.subject === null ? 200 : status, headers };
      };
      const { url, jar } = await signedIn(kind, cached);
      const answer = await jar.ask(url);
      expect([answer.status, answer.body, answer.headers.etag]).toEqual([status, "", '"1"']);
      expect(answer.headers["cache-control"]).toBe("private, max-age=60");
      expect(answer.headers.vary).toContain("Cookie");
    },
  );

  it("one touch is stored for all requests of a minute, of all sessions (I6)", async () => {
    const { url, jar, place } = await signedIn(kind);
    const jars = [jar, new Jar(), new Jar()];
    for (const one of jars.slice(1)) await one.ask(`${url}/login`, POST);
    for (let minute = 0; minute < 3; minute += 1) {
      await place.clock.advanceAsync(MINUTE - 50 * SECOND);
      place.store.resetCalls();
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(jars.map((one) => one.ask(url)));
        await place.clock.advanceAsync(10 * SECOND);
      }
      const calls = minute === 0 ? 0 : 1;
      expect([place.store.calls("find"), place.store.calls("touch")]).toEqual([15, calls]);
      expect(place.store.calls()).toBe(15 + calls);
    }
  });

  it("requests that are no activity slide nothing", async () => {
    const place = world({ policy: "owasp-asvs-l2" });
    const options = { activity: () => false };
    const { url } = await serve(kind, place, notes, { options });
    const { token, session } = await place.sessions.open({ subject: "alice" });
    const cookie = `session=${token}`;
    const end = session.idleExpiresAt ?? 0;
    while (place.clock.now() + 10 * MINUTE < end) {
      await place.clock.advanceAsync(10 * MINUTE);
      expect((await ask(url, { headers: { cookie } })).body).toContain("alice");
    }
    place.clock.advance(end - place.clock.now());
    expect((await ask(url, { headers: { cookie } })).body).not.toContain("alice");
    expect(place.store.calls("touch")).toBe(0);
  });

  it("no credential is no I/O, whatever else comes in the Cookie header", async () => {
    const { url, place } = await start(kind);
    place.store.resetCalls();
    for (const cookie of ["", "theme=dark; _ga=1", "session=; x", "session=nonsense", "=a; ;;"]) {
      expect((await ask(url, { headers: { cookie } })).status).toBe(200);
    }
    expect(place.store.calls()).toBe(0);
  });

  it("an error of ours that a handler let through is the problem it is (I7)", async () => {
    const throwing: Application = async ({ session, url }) => {
      if (url.pathname === "/ended") throw new SessionEndedError("revoked");
      if (url.pathname === "/argument") await session.login("");
      await session.login("alice");
      place.store.setDown(true);
      await session.set("n", 1);
      return {};
    };
    const { url, jar, place } = await start(kind, throwing);
    const codes = [401, 400, 503];
    for (const [index, path] of ["/ended", "/argument", "/outage"].entries()) {
      const answer = await jar.ask(url + path, POST);
      expect([path, answer.status]).toEqual([path, codes[index]]);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
      expect(JSON.parse(answer.body)).toMatchObject({ status: codes[index] });
      // The login before the outage is a login.
      expect(cookieNames(answer)).toEqual(path === "/outage" ? ["session"] : []);
      if (path === "/outage") expect(answer.headers["retry-after"]).toBe("1");
    }
    place.store.setDown(false);
    expect(await place.sessions.subject("alice").count()).toBe(1);
  });
});

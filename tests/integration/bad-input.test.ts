/** Requests and handlers as they should not be, behind every adapter. */
import { connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FRAMEWORKS } from "../support/frameworks.ts";
import { ask, Jar, KINDS, notes, SAME_ORIGIN, serve, stopServers } from "../support/servers.ts";
import type { Application, Kind } from "../support/servers.ts";
import { gate, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

afterEach(stopServers);

const POST = { method: "POST" } as const;
const NOBODY = '{"subject":null,"notes":[]}';
const ALICE = '{"subject":"alice","notes":[]}';

interface Scene {
  readonly place: World;
  readonly url: string;
  readonly token: string;
}

async function start(kind: Kind, application: Application = notes): Promise<Scene> {
  const place = world();
  const { url } = await serve(kind, place, application);
  const { token } = await place.sessions.open({ subject: "alice" });
  place.store.resetCalls();
  return { place, url, token };
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { interval: 1, timeout: 5_000 }).toBe(true);
}

/** Send bytes as they are. @returns all that came back until the other side closed. */
function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => void socket.write(text));
    let received = "";
    socket.on("data", (chunk: Buffer) => void (received += chunk.toString()));
    socket.on("close", () => resolve(received));
    socket.on("error", reject);
  });
}

describe.each(KINDS)("cookies behind %s", (kind) => {
  it("[CK-09] look-alikes of the session cookie are no credential and stand in no way", async () => {
    const { url, token, place } = await start(kind);
    const { token: evil } = await place.sessions.open({ subject: "mallory" });
    const good = `session=${token}`;
    const cases: readonly (readonly [string, string])[] = [
      [`${good}; ${good}`, ALICE],
      [`SESSION=${evil}; Session=${evil}; ${good}`, ALICE],
      [`=session=${evil}; =${evil}; ${evil}; ${good}`, ALICE],
      [`=${evil}`, NOBODY],
      [evil, NOBODY],
      [`SESSION=${evil}`, NOBODY],
      [`session=${evil}; ${good}`, NOBODY],
      [`${good}; session=`, NOBODY],
    ];
    for (const [cookie, body] of cases) {
      const answer = await ask(url, { headers: { cookie } });
      expect([cookie, answer.body, answer.cookies]).toEqual([cookie, body, []]);
    }
    expect(place.named("cookie-conflict")).toHaveLength(2);
  });

  it("[CK-05] one of 8 kB is nobody's, and costs no store access", async () => {
    const { url, place } = await start(kind);
    for (const value of ["a".repeat(8_000), `sj1s_${"A".repeat(8_000)}`]) {
      const answer = await ask(url, { headers: { cookie: `session=${value}` } });
      expect([answer.status, answer.body]).toEqual([200, NOBODY]);
    }
    expect(place.store.calls()).toBe(0);
  });

  it("headers over 16 kB are answered 431 by Node, and the session stays", async () => {
    const { url, token, place } = await start(kind);
    const cookie = `session=${token}; tracker=${"a".repeat(17_000)}`;
    const answer = await ask(url, { headers: { cookie } });
    expect([answer.status, answer.cookies]).toEqual([431, []]);
    expect(place.store.calls()).toBe(0);
    expect((await ask(url, { headers: { cookie: `session=${token}` } })).body).toBe(ALICE);
  });
});

describe.each(KINDS)("handlers behind %s", (kind) => {
  it("that throw are answered 500, and what they had stored is stored", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const throwing: Application = async (call) => {
      if (call.url.pathname !== "/throw") return notes(call);
      await call.session.set("notes", ["kept"]);
      throw new TypeError("a mistake with a secret in it");
    };
    const { url, token } = await start(kind, throwing);
    const headers = { ...SAME_ORIGIN, cookie: `session=${token}` };
    const answer = await ask(`${url}/throw`, { ...POST, headers });
    quiet.mockRestore();
    expect([answer.status, answer.cookies]).toEqual([500, []]);
    // Express shows errors outside production; a handler of the application's own does not.
    if (!kind.startsWith("express") && kind !== "fastify")
      expect(answer.body).not.toContain("secret");
    expect((await ask(url, { headers })).body).toContain('["kept"]');
  });

  it("that throw while a login is under way do not take it back", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const throwing: Application = (call) => {
      if (call.url.pathname !== "/throw") return notes(call);
      void call.session.login("bob");
      throw new TypeError("a mistake");
    };
    const { url, place } = await start(kind, throwing);
    place.store.before("create", () => new Promise((resolve) => void setTimeout(resolve, 10)));
    const jar = new Jar();
    const answer = await jar.ask(`${url}/throw`, POST);
    quiet.mockRestore();
    expect(answer.status).toBe(500);
    await until(() => place.named("session-established").length === 2);
    // With `fetch` a thrown error is the runtime's to answer, and it knows of no cookie.
    const body = kind === "fetch" ? NOBODY : '{"subject":"bob","notes":[]}';
    expect((await jar.ask(url)).body).toBe(body);
  });

  it("that never end hold up nobody else, and leave no write behind", async () => {
    const stuck = gate();
    let reached = 0;
    const endless: Application = async (call) => {
      if (call.url.pathname !== "/endless") return notes(call);
      await call.session.set("notes", ["stored"]);
      reached += 1;
      await stuck.wait();
      return {};
    };
    const { url, token } = await start(kind, endless);
    const headers = { ...SAME_ORIGIN, cookie: `session=${token}` };
    const gone = new AbortController();
    const { signal } = gone;
    const request = fetch(`${url}/endless`, { ...POST, headers, signal }).catch(() => "gone");
    await until(() => reached === 1);
    expect((await ask(url, { headers })).body).toContain('["stored"]');
    gone.abort();
    expect(await request).toBe("gone");
    stuck.open();
    expect((await ask(url, { headers })).status).toBe(200);
  });

  it("whose client is gone before a write is done have written, and nothing breaks", async () => {
    let reached = 0;
    const slow: Application = async (call) => {
      if (call.url.pathname !== "/slow") return notes(call);
      void call.session.set("notes", ["stored"]);
      reached += 1;
      return { body: "never heard" };
    };
    const { url, token, place } = await start(kind, slow);
    const writing = gate();
    place.store.before("patchData", writing.wait);
    const headers = { ...SAME_ORIGIN, cookie: `session=${token}` };
    const gone = new AbortController();
    const { signal } = gone;
    const request = fetch(`${url}/slow`, { ...POST, headers, signal }).catch(() => "gone");
    await until(() => reached === 1 && place.store.calls("patchData") === 1);
    gone.abort();
    expect(await request).toBe("gone");
    writing.open();
    await until(() => place.named("session-data-changed").length === 1);
    expect((await ask(url, { headers })).body).toContain('["stored"]');
  });
});

describe.each(KINDS)("a connection to %s", (kind) => {
  it("by HTTP/1.0 has a session like any other", async () => {
    const { url, token } = await start(kind);
    const head = ["POST /login?as=bob HTTP/1.0", "Host: localhost", "Sec-Fetch-Site: same-origin"];
    const login = await raw(url, `${head.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`);
    expect(login).toMatch(/^HTTP\/1\.[01] 303 /);
    expect(login).toMatch(/\r\nset-cookie: session=sj1s_/i);
    const read = await raw(url, `GET / HTTP/1.0\r\nHost: x\r\nCookie: session=${token}\r\n\r\n`);
    expect(read).toContain('"subject":"alice"');
  });

  it("without a Host, which HTTP/1.0 allows, is answered", async () => {
    const { url, token } = await start(kind);
    const answer = await raw(url, `GET / HTTP/1.0\r\nCookie: session=${token}\r\n\r\n`);
    // `@hono/node-server` wants one, before any middleware is asked.
    const expected = kind === "hono" ? /^HTTP\/1\.[01] 400 / : /"subject":"alice"/;
    expect(answer).toMatch(expected);
  });

  it("that breaks off in the middle of a body harms nobody", async () => {
    const { url, token, place } = await start(kind);
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const head = [
      "POST /add HTTP/1.1",
      "Host: localhost",
      `Cookie: session=${token}`,
      "Sec-Fetch-Site: same-origin",
      "Content-Type: text/plain",
      "Content-Length: 1000",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\nhalf`);
    // Until the server has read what there is.
    await new Promise((resolve) => void setTimeout(resolve, 20));
    socket.destroy();
    expect((await ask(url, { headers: { cookie: `session=${token}` } })).body).toBe(ALICE);
    expect(place.named("session-data-changed")).toEqual([]);
  });
});

describe.each(KINDS)("options of %s", (kind) => {
  it("that throw on a refusal are answered 500, and the next request as ever", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const onRefusal = (): never => {
      throw new TypeError("a mistake");
    };
    const { url } = await serve(kind, world(), notes, { options: { onRefusal } });
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await ask(url, { ...POST, headers })).status).toBe(500);
    expect((await ask(url)).body).toBe(NOBODY);
    quiet.mockRestore();
  });

  it("without sessions are refused at set-up, and the error says what is wanted", async () => {
    const place = { ...world(), sessions: undefined } as unknown as World;
    const application = notes;
    await expect(async () => FRAMEWORKS[kind]({ place, application })).rejects.toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringContaining("sessions: takes what createSessions() returned"),
    });
  });
});

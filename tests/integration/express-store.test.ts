/** A Sojourn store under express-session as published and under ours: the same promises. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MemoryStore } from "sojourn";
import { SqliteStore } from "sojourn/stores/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, Jar, stopServers } from "../support/servers.ts";
import type { Answered } from "../support/servers.ts";
import { HOUR, MINUTE, SECOND, world } from "../support/world.ts";
import type { World, WorldOptions } from "../support/world.ts";
import { app, FACTORIES } from "./express-store-app.ts";

const STORES = ["memory", "SQLite"] as const;
const everyWay = Object.keys(FACTORIES).flatMap((name) => STORES.map((store) => ({ name, store })));

let directory = "";
let children: ChildProcess[] = [];
let stores: SqliteStore[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sojourn-express-store-"));
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await stopServers();
  await Promise.all(stores.map((store) => store.close()));
  children = [];
  stores = [];
  rmSync(directory, { recursive: true, force: true });
});

function openSqlite(): SqliteStore {
  const store = new SqliteStore({ path: join(directory, "sessions.db") });
  stores.push(store);
  return store;
}

function worldOn(store: (typeof STORES)[number], options: WorldOptions = {}): World {
  return world({ ...options, store: store === "memory" ? new MemoryStore() : openSqlite() });
}

interface Served {
  readonly url: string;
}

/** A browser that is signed in, and the cookies it had then. */
async function signedIn(on: Served): Promise<{ jar: Jar; before: Jar }> {
  const jar = new Jar();
  await jar.ask(`${on.url}/login`);
  expect(jar.cookies.has("connect.sid")).toBe(true);
  return { jar, before: copyOf(jar) };
}

function copyOf(jar: Jar): Jar {
  const copy = new Jar();
  for (const [name, value] of jar.cookies) copy.cookies.set(name, value);
  return copy;
}

async function keysAt(on: Served, jar: Jar): Promise<unknown> {
  return JSON.parse((await copyOf(jar).ask(`${on.url}/get`)).body);
}

describe.each(everyWay)("$name on a Sojourn store ($store)", ({ name, store }) => {
  it("signs in, reads back and signs out", async () => {
    const place = worldOn(store);
    const on = await app(name, place);
    const { jar } = await signedIn(on);
    expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    await jar.ask(`${on.url}/set?key=cart&value=apple`);
    expect(await keysAt(on, jar)).toEqual({ user: "alice", cart: "apple" });
    await jar.ask(`${on.url}/logout`);
    expect(await keysAt(on, jar)).toEqual({});
    const [established, ended] = [place.named("session-established"), place.named("session-ended")];
    expect(established.map(({ kind }) => kind)).toEqual(["express-session"]);
    expect(ended.map(({ reason }) => reason)).toEqual(["logout"]);
    expect(ended[0]?.session).toBe(established[0]?.session);
    expect(place.named("session-data-changed").map(({ keys }) => keys)).toEqual([["cart"]]);
    expect(on.errors).toEqual([]);
  });

  it("keeps all of five parallel writes to different keys (I4)", async () => {
    const on = await app(name, worldOn(store));
    const { jar } = await signedIn(on);
    const keys = ["a", "b", "c", "d", "e"];
    const answers = await Promise.all(
      keys.map((key) => copyOf(jar).ask(`${on.url}/set?key=${key}&together=5`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const expected = Object.fromEntries(keys.map((key) => [key, "1"]));
    expect(await keysAt(on, jar)).toEqual({ user: "alice", ...expected });
  });

  it.each([
    { what: "a writer", path: "/slow-write", body: "written", options: {} },
    { what: "a reader", path: "/slow-read", body: "read", options: {} },
    { what: "a rolling reader", path: "/slow-read", body: "read", options: { rolling: true } },
    { what: "a resaving reader", path: "/slow-read", body: "read", options: { resave: true } },
    {
      what: "a writer with a maxAge",
      path: "/slow-write",
      body: "written",
      options: { rolling: true, resave: true, cookie: { maxAge: HOUR } },
    },
  ])("never undoes a logout by $what in flight (I1)", async ({ path, body, options }) => {
    const on = await app(name, worldOn(store), options);
    const { jar, before } = await signedIn(on);
    const straggler = copyOf(before).ask(on.url + path);
    await on.arrived();
    await jar.ask(`${on.url}/logout`);
    on.go();
    const answer = await straggler;
    expect([answer.status, answer.body]).toEqual([200, body]);
    expect(await keysAt(on, before)).toEqual({});
    expect(on.errors).toEqual([]);
  });

  it("tells an explicit save of an ended session so where the package can, and saves nothing", async () => {
    const on = await app(name, worldOn(store));
    const { jar, before } = await signedIn(on);
    const saving = copyOf(before).ask(`${on.url}/slow-save`);
    await on.arrived();
    await jar.ask(`${on.url}/logout`);
    on.go();
    const { status, body } = await saving;
    // An unchanged express-session hands its own save at the end of a request on in the same way.
    const untold = [200, "saved"];
    const told = [500, '{"code":"ERR_SESSION_ENDED"}'];
    expect([status, body]).toEqual(name === "express-session" ? untold : told);
    expect(await keysAt(on, before)).toEqual({});
  });

  it("gives the error path of a store that is down, and the same session afterwards (I7)", async () => {
    const place = worldOn(store);
    const on = await app(name, place);
    const { jar } = await signedIn(on);
    const before = jar.header;
    place.store.setDown(true);
    const answer = await jar.ask(`${on.url}/get`);
    expect([answer.status, answer.body]).toEqual([500, '{"code":"ERR_STORE_UNAVAILABLE"}']);
    expect(answer.cookies).toEqual([]);
    place.store.setDown(false);
    expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    expect(jar.header).toBe(before);
  });

  it("tells a save that the store is down, and loses nothing that was there", async () => {
    const place = worldOn(store);
    const on = await app(name, place);
    const { jar } = await signedIn(on);
    const saving = copyOf(jar).ask(`${on.url}/slow-save`);
    await on.arrived();
    place.store.fail("patchData", "before");
    on.go();
    const answer = await saving;
    expect([answer.status, answer.body]).toEqual([500, '{"code":"ERR_STORE_UNAVAILABLE"}']);
    // express-session tries again at the end of the request, as it does with every store.
    expect(await keysAt(on, jar)).toMatchObject({ user: "alice" });
  });

  it("ends a session by its cookie's maxAge without activity, and not before", async () => {
    const place = worldOn(store);
    const on = await app(name, place, { cookie: { maxAge: 10 * MINUTE } });
    const { jar } = await signedIn(on);
    place.clock.advance(10 * MINUTE - SECOND);
    expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    place.clock.advance(10 * MINUTE - SECOND);
    expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    place.clock.advance(10 * MINUTE);
    expect(await keysAt(on, jar)).toEqual({});
  });

  it("ends a session at the policy's absolute end whatever its activity (I11)", async () => {
    const place = worldOn(store, {
      policy: { extends: "saas", absoluteMs: 4 * HOUR, idleMs: HOUR },
    });
    const on = await app(name, place, { cookie: { maxAge: HOUR } });
    const { jar } = await signedIn(on);
    for (let minutes = 0; minutes < 230; minutes += 23) {
      place.clock.advance(23 * MINUTE);
      expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    }
    place.clock.advance(10 * MINUTE);
    expect(await keysAt(on, jar)).toEqual({});
  });

  it("lives by a cookie.maxAge that a request changed, longer and shorter", async () => {
    const place = worldOn(store);
    const on = await app(name, place, { cookie: { maxAge: 10 * MINUTE } });
    const { jar } = await signedIn(on);
    await jar.ask(`${on.url}/max-age?ms=${HOUR}`);
    place.clock.advance(HOUR - SECOND);
    expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    const left = Number((await jar.ask(`${on.url}/cookie`)).body);
    expect(left).toBeGreaterThan(HOUR - MINUTE);
    await jar.ask(`${on.url}/max-age?ms=${MINUTE}`);
    place.clock.advance(MINUTE);
    expect(await keysAt(on, jar)).toEqual({});
  });

  it("keeps a session with a short maxAge alive by frequent requests (I6)", async () => {
    const place = worldOn(store);
    const on = await app(name, place, { cookie: { maxAge: 20 * SECOND } });
    const { jar } = await signedIn(on);
    for (let round = 0; round < 12; round += 1) {
      place.clock.advance(9 * SECOND);
      expect(await keysAt(on, jar)).toEqual({ user: "alice" });
    }
  });

  it("writes no more than a coalesced touch for requests that only read", async () => {
    const place = worldOn(store);
    const on = await app(name, place, { resave: false });
    const { jar } = await signedIn(on);
    place.store.resetCalls();
    for (let round = 0; round < 10; round += 1) await keysAt(on, jar);
    expect(place.store.calls("find")).toBe(10);
    expect(place.store.calls()).toBe(10);
  });
});

describe.each(Object.keys(FACTORIES))("%s on a Sojourn store", (name) => {
  it("keeps sessions over a restart on SQLite", async () => {
    const first = worldOn("SQLite");
    const { jar } = await signedIn(await app(name, first));
    await first.sessions.close();
    await Promise.all(stores.splice(0).map((store) => store.close()));
    const second = worldOn("SQLite");
    expect(await keysAt(await app(name, second), jar)).toEqual({ user: "alice" });
  });

  it("keeps sid, cookie and signature out of the file, and data readable there", async () => {
    const place = worldOn("SQLite");
    const on = await app(name, place);
    const { jar } = await signedIn(on);
    await jar.ask(`${on.url}/set?key=cart&value=an-apple-a-day`);
    const sid = (await jar.ask(`${on.url}/sid`)).body;
    const value = decodeURIComponent(jar.cookies.get("connect.sid") ?? "");
    expect(value).toContain(sid);
    const bytes = await bytesAfterClosing(place);
    expect(bytes.includes("an-apple-a-day")).toBe(true);
    expect(bytes.includes(sid)).toBe(false);
    expect(bytes.includes(value.slice(value.indexOf(".") + 1))).toBe(false);
    expect(JSON.stringify(place.events)).not.toContain(sid);
  });

  it("encrypts data at rest where the sessions do", async () => {
    const place = worldOn("SQLite", { encryptData: true });
    const on = await app(name, place);
    const { jar } = await signedIn(on);
    await jar.ask(`${on.url}/set?key=cart&value=an-apple-a-day`);
    expect(await keysAt(on, jar)).toEqual({ user: "alice", cart: "an-apple-a-day" });
    const bytes = await bytesAfterClosing(place);
    expect(bytes.includes("an-apple-a-day")).toBe(false);
    expect(bytes.includes("originalMaxAge")).toBe(false);
  });

  it("shares sessions, writes and logouts between two processes on one SQLite file", async () => {
    const [left, right] = await Promise.all([startChild(name), startChild(name)]);
    const { jar, before } = await signedIn(left);
    const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`);
    await Promise.all(
      keys.map((key, index) => copyOf(jar).ask(`${(index % 2 ? left : right).url}/set?key=${key}`)),
    );
    const expected = Object.fromEntries(keys.map((key) => [key, "1"]));
    expect(await keysAt(right, jar)).toEqual({ user: "alice", ...expected });
    const stragglers = [left, right].map((on) => copyOf(jar).ask(`${on.url}/late?ms=300`));
    await jar.ask(`${right.url}/logout`);
    expect((await Promise.all(stragglers)).map(({ body }) => body)).toEqual(["late", "late"]);
    expect(await keysAt(left, before)).toEqual({});
    expect(await keysAt(right, before)).toEqual({});
  });
});

async function bytesAfterClosing(place: World): Promise<Buffer> {
  await place.sessions.close();
  await Promise.all(stores.splice(0).map((store) => store.close()));
  return Buffer.concat(readdirSync(directory).map((file) => readFileSync(join(directory, file))));
}

const CHILD = fileURLToPath(new URL("./express-store-child.ts", import.meta.url));

async function startChild(name: string): Promise<Served> {
  const path = join(directory, "sessions.db");
  const child = fork(CHILD, [path, name], { execArgv: [], stdio: "inherit" });
  children.push(child);
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the child ended")));
  const [url] = (await Promise.race([once(child, "message"), ended])) as [string];
  ended.catch(() => undefined);
  return { url };
}

/** Answers of an unchanged express-session and of ours, side by side. */
it("gives both packages the same answers", async () => {
  const answers: Pick<Answered, "status" | "body">[][] = [];
  for (const name of Object.keys(FACTORIES)) {
    const on = await app(name, world());
    const jar = new Jar();
    const seen: Pick<Answered, "status" | "body">[] = [];
    for (const path of ["/get", "/login", "/set?key=a", "/get", "/logout", "/get"]) {
      const { status, body, cookies } = await jar.ask(on.url + path);
      seen.push({ status, body: `${body} ${cookies.length}` });
    }
    answers.push(seen);
    const forged = await ask(`${on.url}/get`, { headers: { cookie: "connect.sid=s:x.y" } });
    expect(forged.body).toBe("{}");
  }
  expect(answers[0]).toEqual(answers[1]);
});

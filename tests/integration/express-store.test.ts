/** A Sojourn store under express-session as published and under ours: the same promises. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import express from "express";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import upstream from "express-session";
import { createSessions, MemoryStore } from "sojourn";
import type { SessionsOptions } from "sojourn";
import ours, { toExpressStore } from "sojourn/express-session";
import type { Store } from "sojourn/express-session";
import { SqliteStore } from "sojourn/stores/sqlite";
import { FaultyStore, ManualClock } from "sojourn/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, Jar, listen, stopServers } from "../support/servers.ts";
import type { Answered, Running } from "../support/servers.ts";
import { gate, HOUR, MINUTE, secretOf, SECOND, world } from "../support/world.ts";
import type { World } from "../support/world.ts";

interface Options {
  readonly store: Store;
  readonly secret: string;
  readonly resave: boolean;
  readonly saveUninitialized: boolean;
  readonly rolling?: boolean;
  readonly cookie?: { readonly maxAge?: number };
}

type Factory = (options: Options) => RequestHandler;
const FACTORIES: Readonly<Record<string, Factory>> = {
  "express-session": upstream as unknown as Factory,
  "sojourn/express-session": ours as unknown as Factory,
};
const STORES = ["memory", "SQLite"] as const;
const everyWay = Object.keys(FACTORIES).flatMap((name) => STORES.map((store) => ({ name, store })));

/** What routes do with the session, whichever package made it. */
interface AnySession {
  [key: string]: unknown;
  readonly id: string;
  cookie: { maxAge: number; originalMaxAge: number | null; expires: Date | null };
  regenerate(callback: (error?: unknown) => void): void;
  destroy(callback: (error?: unknown) => void): void;
  save(callback: (error?: unknown) => void): void;
  reload(callback: (error?: unknown) => void): void;
}

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

function worldOn(store: (typeof STORES)[number], options: Partial<SessionsOptions> = {}): World {
  return world({ ...options, store: store === "memory" ? new MemoryStore() : openSqlite() });
}

interface App extends Running {
  /** What reached Express' error handler. */
  readonly errors: unknown[];
  /** A request that waits inside its handler has arrived. */
  readonly arrived: () => Promise<void>;
  readonly go: () => void;
}

function keysOf(session: AnySession): object {
  const { cookie: _cookie, ...keys } = session;
  return keys;
}

function promised(run: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error ? reject(error as Error) : resolve()));
  });
}

/** An application as people have them, with requests that wait to be let go. */
async function app(
  name: string,
  place: Pick<World, "sessions">,
  options: Partial<Options> = {},
): Promise<App> {
  const factory = FACTORIES[name] as Factory;
  const errors: unknown[] = [];
  const inside = gate();
  const door = gate();
  let waiting = 0;
  const application = express();
  application.use(
    factory({
      store: toExpressStore(place.sessions),
      secret: "cats",
      resave: false,
      saveUninitialized: false,
      ...options,
    }),
  );
  const sessionOf = (req: Request): AnySession => req.session as unknown as AnySession;
  application.get("/login", async (req, res) => {
    await promised((done) => sessionOf(req).regenerate(done));
    sessionOf(req)["user"] = "alice";
    res.end("in");
  });
  application.get("/get", (req, res) => void res.json(keysOf(sessionOf(req))));
  application.get("/sid", (req, res) => void res.end(req.sessionID));
  application.get("/cookie", (req, res) => void res.json(sessionOf(req).cookie.maxAge));
  application.get("/set", async (req, res) => {
    const { key = "", value = "1", together } = req.query as Record<string, string>;
    waiting += 1;
    if (waiting === Number(together)) door.open();
    if (together !== undefined) await door.wait();
    sessionOf(req)[key] = value;
    res.end("set");
  });
  application.get("/logout", async (req, res) => {
    await promised((done) => sessionOf(req).destroy(done));
    res.end("out");
  });
  application.get("/max-age", (req, res) => {
    sessionOf(req).cookie.maxAge = Number(req.query["ms"]);
    res.end("set");
  });
  application.get("/slow-read", async (_req, res) => {
    inside.open();
    await door.wait();
    res.end("read");
  });
  application.get("/slow-write", async (req, res) => {
    inside.open();
    await door.wait();
    sessionOf(req)["late"] = "1";
    res.end("written");
  });
  application.get("/slow-save", async (req, res) => {
    inside.open();
    await door.wait();
    sessionOf(req)["late"] = "1";
    await promised((done) => sessionOf(req).save(done));
    res.end("saved");
  });
  application.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    errors.push(error);
    if (res.headersSent) next(error);
    else res.status(500).json({ code: (error as { code?: string }).code });
  });
  const running = await listen(createServer(application));
  return { ...running, errors, arrived: inside.wait, go: door.open };
}

/** A browser that is signed in, and the cookies it had then. */
async function signedIn(on: Running): Promise<{ jar: Jar; before: Jar }> {
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

async function keysAt(on: Running, jar: Jar): Promise<unknown> {
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

async function startChild(name: string): Promise<Running> {
  const path = join(directory, "sessions.db");
  const child = fork(CHILD, [path, name], { execArgv: [], stdio: "inherit" });
  children.push(child);
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the child ended")));
  const [url] = (await Promise.race([once(child, "message"), ended])) as [string];
  ended.catch(() => undefined);
  return { url, server: createServer(), close: () => Promise.resolve() };
}

/** The store by hand, as libraries and scripts use it. */
describe("toExpressStore", () => {
  interface Stored {
    [key: string]: unknown;
    cookie: { originalMaxAge: number | null; expires?: unknown };
  }

  function get(store: Store, sid: string): Promise<Stored | undefined> {
    return new Promise((resolve, reject) => {
      store.get(sid, (error, data) =>
        error ? reject(error as Error) : resolve(data as unknown as Stored | undefined),
      );
    });
  }

  function set(store: Store, sid: string, data: object): Promise<void> {
    return promised((done) => store.set(sid, data as never, done));
  }

  function destroy(store: Store, sid: string): Promise<void> {
    return promised((done) => store.destroy(sid, done));
  }

  const fresh = (keys: object = {}): Stored => ({
    cookie: { originalMaxAge: null, expires: null },
    ...keys,
  });

  it("answers nothing for a sid that is unknown or was destroyed", async () => {
    const store = toExpressStore(world().sessions);
    expect(await get(store, "sid")).toBeUndefined();
    await set(store, "sid", fresh({ a: 1 }));
    expect(await get(store, "sid")).toMatchObject({ a: 1 });
    await destroy(store, "sid");
    expect(await get(store, "sid")).toBeUndefined();
  });

  it("overwrites the whole when what is set was not loaded from it", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "sid", fresh({ a: 1, b: 2 }));
    await set(store, "sid", fresh({ b: 3 }));
    expect(await get(store, "sid")).toEqual(fresh({ b: 3 }));
  });

  it("never uses a sid again whose session was destroyed, also before it was stored (I1)", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "known", fresh());
    for (const sid of ["known", "never-stored"]) {
      await destroy(store, sid);
      await set(store, sid, fresh({ a: 1 }));
      expect(await get(store, sid)).toBeUndefined();
    }
  });

  it("takes data copied from one sid to another for a new session", async () => {
    const store = toExpressStore(world().sessions);
    await set(store, "old", fresh({ a: 1 }));
    await set(store, "new", (await get(store, "old")) ?? {});
    await destroy(store, "old");
    expect(await get(store, "new")).toMatchObject({ a: 1 });
  });

  it("writes what the object held when it was saved, in the order of the saves", async () => {
    const store = toExpressStore(world().sessions);
    const session = fresh({ a: 1 });
    const first = set(store, "sid", session);
    session["a"] = 2;
    const second = set(store, "sid", session);
    session["a"] = 3;
    await Promise.all([first, second]);
    expect(await get(store, "sid")).toMatchObject({ a: 2 });
  });

  it("keeps awkward keys, and refuses data over the limit without a change", async () => {
    const place = world({ store: new MemoryStore({ maxDataBytes: 1_000 }) });
    const store = toExpressStore(place.sessions);
    const odd = '{"cookie":{},"__proto__":{"x":1},"constructor":2,"":3,"0":4}';
    await set(store, "sid", JSON.parse(odd) as object);
    const data = (await get(store, "sid")) as Stored;
    expect(Object.keys(data).toSorted()).toEqual(["", "0", "__proto__", "constructor", "cookie"]);
    data["big"] = "x".repeat(2_000);
    await expect(set(store, "sid", data)).rejects.toMatchObject({ code: "ERR_DATA_TOO_LARGE" });
    expect(Object.keys((await get(store, "sid")) ?? {})).not.toContain("big");
  });

  it("refuses what JSON cannot say through the callback", async () => {
    const store = toExpressStore(world().sessions);
    await expect(set(store, "sid", fresh({ n: 1n }))).rejects.toThrow(TypeError);
  });

  it("counts and clears sessions of express-session alone, where the store can search", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    for (const sid of ["a", "b", "c"]) await set(store, sid, fresh());
    await destroy(store, "c");
    const { session } = await place.sessions.open({ subject: "alice" });
    const length = (): Promise<number | null | undefined> =>
      new Promise((resolve, reject) => {
        store.length?.((error, count) => (error ? reject(error as Error) : resolve(count)));
      });
    expect(await length()).toBe(2);
    await promised((done) => store.clear?.(done));
    expect(await length()).toBe(0);
    expect(await get(store, "a")).toBeUndefined();
    expect(await place.sessions.find(session.id ?? "")).toBeDefined();
    expect(store.all).toBeUndefined();
  });

  it("keeps tenants apart", async () => {
    const { sessions } = world();
    const [left, right] = ["left", "right"].map((tenant) => toExpressStore(sessions, { tenant }));
    if (left === undefined || right === undefined) throw new Error("two stores");
    await set(left, "sid", fresh({ of: "left" }));
    expect(await get(right, "sid")).toBeUndefined();
    expect(() => toExpressStore(sessions, { tenant: "no tenant" })).toThrow(/tenant/);
  });

  it("calls a callback once, even one that throws", async () => {
    const store = toExpressStore(world().sessions);
    let calls = 0;
    const thrown = once(process, "uncaughtException");
    const listeners = process.listeners("uncaughtException");
    for (const listener of listeners.slice(0, -1)) process.off("uncaughtException", listener);
    store.get("sid", () => {
      calls += 1;
      throw new Error("by the application");
    });
    const [error] = (await thrown) as [Error];
    for (const listener of listeners.slice(0, -1)) process.on("uncaughtException", listener);
    expect([error.message, calls]).toEqual(["by the application", 1]);
  });

  it("reports what no callback asks for", async () => {
    const place = world();
    const store = toExpressStore(place.sessions);
    await set(store, "sid", fresh());
    store.set("sid", fresh({ n: 1n }) as never);
    await expect.poll(() => place.errors.length).toBe(1);
  });

  it("reports a passed cookie expiry by the session's own activity", async () => {
    const clock = new ManualClock();
    const sessions = createSessions({
      secrets: [secretOf(1)],
      store: new FaultyStore(new MemoryStore()),
      clock,
      sweep: false,
    });
    const store = toExpressStore(sessions);
    const cookie = { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR) };
    await set(store, "sid", { cookie });
    clock.advance(HOUR / 2);
    const expires = (await get(store, "sid"))?.cookie.expires as string;
    const left = new Date(expires).getTime() - Date.now();
    expect(Math.abs(left - HOUR / 2)).toBeLessThan(MINUTE);
  });
});

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

/** passport 0.7 on the drop-in: programs for express-session with one `require` changed. */
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import express from "express";
import express4 from "express4";
import { MemoryStore, session } from "sojourn/express-session";
import { afterEach, describe, expect, it } from "vitest";
import { ask, Jar, listen, stopServers } from "../support/servers.ts";

type Done = (error?: unknown, value?: unknown) => void;
type Options = { readonly keepSessionInfo: boolean };

interface User {
  readonly id: string;
}

/** What passport puts on a request, in its own form: with callbacks. */
interface Request extends IncomingMessage {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly user?: User;
  readonly sessionID: string;
  readonly session: Record<string, unknown>;
  login(user: User, options: Options, done: Done): void;
  logout(options: Options, done: Done): void;
}

type Handler = (req: Request, res: ServerResponse, next: Done) => void;

interface App extends RequestListener {
  use(handler: unknown): void;
  get(path: string, ...handlers: unknown[]): void;
}

interface Passport {
  initialize(): Handler;
  session(): Handler;
  authenticate(strategy: string): Handler;
  use(strategy: unknown): void;
  serializeUser(serialize: (user: User, done: Done) => void): void;
  deserializeUser(deserialize: (id: string, done: Done) => void): void;
}

const require = createRequire(import.meta.url);
const { Passport } = require("passport") as { Passport: new () => Passport };
type Check = (name: string, password: string, done: Done) => void;
const { Strategy } = require("passport-local") as { Strategy: new (check: Check) => unknown };

afterEach(stopServers);

function passportOf(): Passport {
  const passport = new Passport();
  passport.serializeUser((user, done) => done(null, user.id));
  passport.deserializeUser((id, done) => done(null, { id }));
  passport.use(
    new Strategy((name, password, done) => done(null, password === "right" && { id: name })),
  );
  return passport;
}

interface Gate {
  readonly promise: Promise<void>;
  open(): void;
}

function gate(): Gate {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open: () => open() };
}

async function start(app: App) {
  const passport = passportOf();
  const store = new MemoryStore();
  const waiting = gate();
  const release = gate();
  app.use(session({ secret: "keyboard cat", resave: false, saveUninitialized: false, store }));
  app.use(passport.initialize());
  app.use(passport.session());
  const keep = (req: Request): Options => ({ keepSessionInfo: req.query["keep"] === "1" });
  const ok =
    (res: ServerResponse, next: Done): Done =>
    (error) =>
      error ? next(error) : res.end();
  const on = (path: string, handler: Handler): void => app.get(path, handler);
  on("/login", (req, res, next) => req.login({ id: "alice" }, keep(req), ok(res, next)));
  on("/logout", (req, res, next) => req.logout(keep(req), ok(res, next)));
  app.get("/password", passport.authenticate("local"), (req: Request, res: ServerResponse) => {
    res.end(req.user?.id);
  });
  on("/put", (req, res) => {
    req.session[req.query["key"] ?? ""] = true;
    res.end();
  });
  on("/slow", (req, res) => {
    waiting.open();
    void release.promise.then(() => {
      req.session["late"] = true;
      res.end();
    });
  });
  on("/", (req, res) => {
    const { cookie: _cookie, passport: _passport, ...data } = req.session;
    res.end(JSON.stringify({ user: req.user?.id ?? null, data }));
  });
  const { url } = await listen(createServer(app));
  const jar = new Jar();
  const me = async (): Promise<unknown> => JSON.parse((await jar.ask(url)).body);
  return { url, jar, store, me, waiting: waiting.promise, release: release.open };
}

const APPS: readonly [string, () => App][] = [
  ["Express 5", express],
  ["Express 4", express4],
];

describe.each(APPS)("passport on the drop-in, %s", (_name, create) => {
  it("knows who logged in, and nobody after the logout", async () => {
    const { url, jar, me } = await start(create());
    expect(await me()).toEqual({ user: null, data: {} });
    expect((await jar.ask(`${url}/login`)).status).toBe(200);
    expect(await me()).toEqual({ user: "alice", data: {} });
    expect((await jar.ask(`${url}/logout`)).status).toBe(200);
    expect(await me()).toEqual({ user: null, data: {} });
  });

  it("logs in by a strategy, and answers 401 to a wrong password", async () => {
    const { url, jar, me } = await start(create());
    const wrong = await jar.ask(`${url}/password?username=bob&password=wrong`);
    expect([wrong.status, jar.cookies.size]).toEqual([401, 0]);
    const right = await jar.ask(`${url}/password?username=bob&password=right`);
    expect([right.status, right.body]).toEqual([200, "bob"]);
    expect(await me()).toEqual({ user: "bob", data: {} });
  });

  it("drops what was in the session at login and logout, unless told to keep it", async () => {
    const { url, jar, me } = await start(create());
    await jar.ask(`${url}/put?key=cart`);
    await jar.ask(`${url}/login?keep=1`);
    expect(await me()).toEqual({ user: "alice", data: { cart: true } });
    await jar.ask(`${url}/logout?keep=1`);
    expect(await me()).toEqual({ user: null, data: { cart: true } });
    await jar.ask(`${url}/login`);
    expect(await me()).toEqual({ user: "alice", data: {} });
    await jar.ask(`${url}/put?key=cart`);
    await jar.ask(`${url}/logout`);
    expect(await me()).toEqual({ user: null, data: {} });
  });

  it("[ID-04] gives another id at login, and the one that was planted is worth nothing", async () => {
    const { url, jar, store } = await start(create());
    await jar.ask(`${url}/put?key=cart`);
    const planted = jar.header;
    const [before] = Object.keys(store.sessions);
    await jar.ask(`${url}/login?keep=1`);
    expect(jar.header).not.toBe(planted);
    expect(Object.keys(store.sessions)).not.toContain(before);
    const thief = await ask(url, { headers: { cookie: planted } });
    expect(JSON.parse(thief.body)).toEqual({ user: null, data: {} });
  });

  it("keeps the logout when a request in flight writes after it (I1)", async () => {
    const { url, jar, store, me, waiting, release } = await start(create());
    await jar.ask(`${url}/login`);
    const stolen = jar.header;
    const slow = ask(`${url}/slow`, { headers: { cookie: stolen } });
    await waiting;
    await jar.ask(`${url}/logout`);
    release();
    expect((await slow).status).toBe(200);
    const replay = await ask(url, { headers: { cookie: stolen } });
    expect(JSON.parse(replay.body)).toEqual({ user: null, data: {} });
    expect(await me()).toEqual({ user: null, data: {} });
    expect(Object.values(store.sessions).join("")).not.toContain("late");
  });

  it("keeps what five parallel requests put under keys of their own (I4)", async () => {
    const { url, jar, me, waiting, release } = await start(create());
    await jar.ask(`${url}/login`);
    const slow = jar.ask(`${url}/slow`);
    await waiting;
    await Promise.all(["a", "b", "c", "d"].map((key) => jar.ask(`${url}/put?key=${key}`)));
    release();
    await slow;
    const data = { a: true, b: true, c: true, d: true, late: true };
    expect(await me()).toEqual({ user: "alice", data });
  });
});

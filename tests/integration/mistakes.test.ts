/** What people hand over by mistake: each is refused at set-up, by name, with what is accepted. */
import { SessionsModule } from "sojourn/nestjs";
import expressSession from "express-session";
import type { Express } from "express";
import fastify from "fastify";
import { createSessions, MemoryStore } from "sojourn";
import { sessions as forExpress } from "sojourn/express";
import * as dropIn from "sojourn/express-session";
import { sessionOf, sessions as forFastify } from "sojourn/fastify";
import { readSession, sessions as forFetch, withSession } from "sojourn/fetch";
import { sessions as forHono } from "sojourn/hono";
import { sessions as forKoa } from "sojourn/koa";
import { sessions as forNode } from "sojourn/node";
import { sessionEvents } from "sojourn/sse";
import { SqliteStore } from "sojourn/stores/sqlite";
import { webSocketSessions } from "sojourn/websocket";
import { describe, expect, it } from "vitest";
import { failure, secretOf, world } from "../support/world.ts";

const { sessions: all } = world();
const secrets = [secretOf(1)];

/** Called as plain JavaScript calls it. */
type Loose = (...given: unknown[]) => unknown;
const loose = (call: unknown): Loose => call as Loose;
const make = (kind: unknown): Loose =>
  loose((given: unknown) => Reflect.construct(kind as never, given === undefined ? [] : [given]));

function problemsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_CONFIG" });
    const { problems } = error as { problems: { path: string; message: string }[] };
    return problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const ADAPTERS: readonly (readonly [string, Loose])[] = [
  ["Express", loose(forExpress)],
  ["node:http", loose(forNode)],
  ["Koa", loose(forKoa)],
  ["Hono", loose(forHono)],
  ["fetch", (of, options) => loose(forFetch)(of, () => new Response(), options)],
  [
    "NestJS",
    (of, options) => SessionsModule.forRoot({ sessions: of, ...(options as object) } as never),
  ],
  ["WebSocket", loose(webSocketSessions)],
  ["server-sent events", loose(sessionEvents)],
];

describe.each(ADAPTERS)("the adapter for %s", (_name, adapter) => {
  it("refuses an option it does not know, and lists those it does", () => {
    const [problem, ...others] = problemsOf(() => adapter(all, { actvity: () => true }));
    expect(problem).toMatch(/^actvity: unknown option; known are \w+(, \w+)+$/);
    expect(others).toEqual([]);
    expect(problemsOf(() => adapter(all))).toEqual([]);
  });

  it("says which thing it takes instead of the one it was given", () => {
    expect(problemsOf(() => adapter(undefined))).toEqual([
      "sessions: takes what createSessions() returned",
    ]);
    expect(problemsOf(() => adapter(new MemoryStore()))).toEqual([
      "sessions: takes what createSessions() returned; " +
        "this is a Sojourn store: createSessions({ store, secrets })",
    ]);
  });
});

describe("the adapter for fetch", () => {
  it("asks for the handler that it wraps, and does not wait for a request to miss it", () => {
    for (const given of [[], [{ activity: () => true }]]) {
      const [problem] = problemsOf(() => loose(forFetch)(all, ...given));
      expect(problem).toBe("handler: takes (request, { session }) => Response; it is wrapped");
    }
  });

  it("asks for the headers and cookies themselves, before an action has run", async () => {
    const headers = new Headers();
    const forgotten = [headers, { headers: Promise.resolve(headers) }, {}, undefined];
    for (const given of forgotten) {
      const read = loose(readSession)(all, given) as Promise<unknown>;
      expect(String(await failure(read))).toContain("headers: takes { headers: await headers() }");
    }
    let ran = 0;
    const run = (): number => (ran += 1);
    const jar = { set: () => undefined };
    for (const given of [{ headers }, { headers, cookies: Promise.resolve(jar) }]) {
      const act = loose(withSession)(all, given, run) as Promise<unknown>;
      expect(String(await failure(act))).toContain("cookies: takes { cookies: await cookies() }");
    }
    expect(ran).toBe(0);
    await loose(withSession)(all, { headers, cookies: jar }, run);
    expect(ran).toBe(1);
  });
});

describe("the adapter for Fastify", () => {
  const registered = (options: object): Promise<unknown> =>
    failure(
      Promise.resolve(
        fastify()
          .register(forFastify as never, options as never)
          .ready(),
      ),
    );

  it("refuses an option it does not know", async () => {
    expect(await registered({ sessions: all, prefix: "/x", actvity: 1 })).toMatchObject({
      problems: [{ path: "actvity" }],
    });
  });

  it("gives a session of Fastify's requests only", () => {
    expect(() => loose(sessionOf)({ headers: {} })).toThrow(
      "sessionOf: takes a request of Fastify",
    );
  });
});

describe("stores and sessions mixed up", () => {
  const theirs = new expressSession.MemoryStore();

  it.each([
    [
      "an express-session store",
      theirs,
      /^store: .*this is an express-session store: fromExpressStore\(store\)/,
    ],
    ["sessions", all, /^store: .*these are sessions/],
    ["a class", SqliteStore, /^store: .*this is a class: new SqliteStore\(/],
    ["a path", "sessions.db", /^store: .*new SqliteStore\(\{ path \}\)/],
  ])("createSessions says what to do with %s as its store", (_name, store, says) => {
    expect(problemsOf(() => loose(createSessions)({ secrets, store }))).toEqual([
      expect.stringMatching(says),
    ]);
  });

  it.each([
    ["nothing", undefined, /^sessions: takes what createSessions\(\) returned$/],
    [
      "a store",
      new MemoryStore(),
      /^sessions: .*this is a Sojourn store: createSessions\(\{ store, /,
    ],
    ["an express-session store", theirs, /^sessions: .*this is an express-session store/],
  ])("toExpressStore says what to do with %s", (_name, given, says) => {
    expect(problemsOf(() => loose(dropIn.toExpressStore)(given))).toEqual([
      expect.stringMatching(says),
    ]);
  });

  it("refuses options that toExpressStore and stores do not know", () => {
    expect(problemsOf(() => loose(dropIn.toExpressStore)(all, { tennant: "a" }))).toEqual([
      "tennant: unknown option; known are tenant",
    ]);
    expect(problemsOf(() => loose(dropIn.fromExpressStore)(theirs, { timeout: 1 }))).toEqual([
      expect.stringMatching(/timeout: unknown option/),
    ]);
    expect(problemsOf(() => make(MemoryStore)({ max: 1 }))).toEqual([
      expect.stringMatching(/max: unknown option; known are maxSessions, maxDataBytes$/),
    ]);
    expect(problemsOf(() => make(SqliteStore)({ path: "x.db", wal: true }))).toEqual([
      expect.stringMatching(/wal: unknown option; known are path, /),
    ]);
  });

  it.each([
    ["sessions", all, /toExpressStore\(sessions\)/],
    [
      "a Sojourn store",
      new MemoryStore(),
      /toExpressStore\(createSessions\(\{ store, secrets \}\)\)/,
    ],
    ["a class", dropIn.MemoryStore, /new MemoryStore\(/],
  ])("the drop-in says what to do with %s as its store", (_name, store, says) => {
    const given = { secret: "s", resave: false, saveUninitialized: false, store };
    expect(problemsOf(() => loose(dropIn.session)(given))).toEqual([expect.stringMatching(says)]);
  });

  it("fromExpressStore and fromExpressSession know ours from theirs", () => {
    expect(problemsOf(() => loose(dropIn.fromExpressStore)(new MemoryStore()))).toEqual([
      expect.stringContaining("this is a Sojourn store"),
    ]);
    expect(problemsOf(() => loose(dropIn.fromExpressStore)(all))).toEqual([
      expect.stringContaining("these are sessions"),
    ]);
  });
});

describe("nothing where something is needed", () => {
  it.each([
    ["createSessions", loose(createSessions), /^secrets/],
    ["SqliteStore", make(SqliteStore), /^store: expected exactly one of/],
    [
      "SessionsModule.forRoot",
      (given: unknown) => loose(SessionsModule.forRoot)(given),
      /^sessions: takes/,
    ],
    ["fromExpressSession", loose(dropIn.fromExpressSession), /^fromExpressSession\.store/],
  ])("%s says what it needs", (_name, call, says) => {
    expect(problemsOf(() => call(undefined))[0]).toMatch(says);
    expect(problemsOf(() => call(null)).length).toBeGreaterThan(0);
  });

  it("open and update say what they need", async () => {
    expect(await failure(loose(all.open.bind(all))() as Promise<unknown>)).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      path: "open.subject",
    });
    const { session } = await all.open({ subject: "alice" });
    const update = loose(session.update.bind(session))({ a: 1 }) as Promise<unknown>;
    expect(await failure(update)).toMatchObject({ code: "ERR_INVALID_ARGUMENT", path: "update" });
  });

  it("sessions that were closed say so", async () => {
    const sessions = createSessions({ secrets, sweep: false });
    await sessions.close();
    expect(await failure(sessions.open({ subject: "alice" }))).toMatchObject({
      code: "ERR_STORE_UNAVAILABLE",
      message: expect.stringContaining("the store is closed"),
    });
  });
});

/** Compiled, not run. */
export function expressOptionsKnowExpress(app: Express): void {
  app.use(forExpress(all, { activity: (req) => req.path !== "/poll" }));
  app.use(
    forExpress(all, {
      onRefusal: ({ status, body }, req, res) =>
        void res.status(status).set("x", req.path).send(body),
    }),
  );
}

describe("the Express adapter behind express-session", () => {
  it("refuses the request and names the other middleware", async () => {
    const middleware = forExpress(all);
    const req = { method: "GET", url: "/", headers: {}, socket: {}, session: { cookie: {} } };
    const error = await new Promise((next) => loose(middleware)(req, {}, next));
    expect(error).toMatchObject({
      code: "ERR_CONFIG",
      message: expect.stringMatching(/req\.session: .*express-session/),
    });
  });
});

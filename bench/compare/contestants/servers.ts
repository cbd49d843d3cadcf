/** Libraries that keep sessions on the server: @fastify/session, koa-session, hono-sessions. */
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { getRequestListener } from "@hono/node-server";
import Fastify from "fastify";
import { Hono } from "hono";
import { sessionMiddleware } from "hono-sessions";
import type { Session as HonoSession, SessionData } from "hono-sessions";
import Koa from "koa";
import koaSession from "koa-session";
import type { Contestant, Visit } from "../contestant.ts";
import { applicationOf, SECRET } from "../contestant.ts";
import { listen } from "../serve.ts";

type Done = (error: unknown, value?: unknown) => void;

/** Both callback stores below are the shortest that their documentation allows. */
class CallbackStore {
  readonly #rows = new Map<string, string>();
  writes = 0;

  get size(): number {
    return this.#rows.size;
  }

  set(id: string, session: unknown, done: Done): void {
    this.writes += 1;
    this.#rows.set(id, JSON.stringify(session));
    setImmediate(done, null);
  }

  get(id: string, done: Done): void {
    const row = this.#rows.get(id);
    setImmediate(done, null, row === undefined ? null : JSON.parse(row));
  }

  destroy(id: string, done: Done): void {
    this.#rows.delete(id);
    setImmediate(done, null);
  }
}

interface FastifyClassic {
  get(key: string): unknown;
  set(key: string, value: string): void;
  regenerate(): Promise<void>;
  destroy(): Promise<void>;
}

const fastify: Contestant = {
  name: "@fastify/session",
  setUp: "defaults, a store in memory",
  start: async ({ secure = false }) => {
    const app = Fastify();
    const store = new CallbackStore();
    await app.register(fastifyCookie);
    await app.register(fastifySession, { secret: SECRET, cookie: { secure }, store } as never);
    app.get("/*", (request) => {
      const session = (): FastifyClassic =>
        (request as unknown as { session: FastifyClassic }).session;
      const visit: Visit = {
        get: (key) => session().get(key),
        set: (key, value) => session().set(key, value),
        login: async (user) => {
          await session().regenerate();
          session().set("user", user);
        },
        logout: () => session().destroy(),
      };
      return applicationOf(visit, request.url);
    });
    await app.ready();
    const accounts = { writes: () => store.writes, stored: () => store.size };
    const server = await listen(app.server, accounts);
    return { ...server, close: () => server.close().then(() => app.close()) };
  },
};

class KoaStore {
  readonly #rows = new Map<string, string>();
  writes = 0;

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): unknown {
    const row = this.#rows.get(key);
    return Promise.resolve(row === undefined ? undefined : JSON.parse(row));
  }

  set(key: string, session: unknown): unknown {
    this.writes += 1;
    this.#rows.set(key, JSON.stringify(session));
    return Promise.resolve();
  }

  destroy(key: string): unknown {
    this.#rows.delete(key);
    return Promise.resolve();
  }
}

interface KoaContext {
  session: (Record<string, unknown> & { regenerate(): void }) | null;
  originalUrl: string;
  body: unknown;
}

const koa: Contestant = {
  name: "koa-session",
  setUp: "external store in memory",
  start: ({ secure = false }) => {
    const app = new Koa();
    app.silent = true;
    app.keys = [SECRET];
    const store = new KoaStore();
    const createSession = koaSession as unknown as (
      options: object,
      app: Koa,
    ) => Parameters<Koa["use"]>[0];
    app.use(createSession({ store, secure }, app));
    app.use(async (context) => {
      const ctx = context as unknown as KoaContext;
      const visit: Visit = {
        get: (key) => ctx.session?.[key],
        set: (key, value) => {
          if (ctx.session !== null) ctx.session[key] = value;
        },
        login: (user) => {
          ctx.session?.regenerate();
          if (ctx.session !== null) ctx.session["user"] = user;
        },
        logout: () => void (ctx.session = null),
      };
      ctx.body = await applicationOf(visit, ctx.originalUrl);
    });
    const accounts = { writes: () => store.writes, stored: () => store.size };
    const serve = app.callback();
    return listen((req, res) => void serve(req, res), accounts);
  },
};

/** Its own MemoryStore hands out the object it holds, which no store outside the process can do. */
class HonoStore {
  readonly #rows = new Map<string, string>();
  writes = 0;

  get size(): number {
    return this.#rows.size;
  }

  getSessionById(id: string | undefined): SessionData | undefined {
    const row = this.#rows.get(id ?? "");
    return row === undefined ? undefined : (JSON.parse(row) as SessionData);
  }

  createSession(id: string, data: SessionData): void {
    this.#rows.set(id, JSON.stringify(data));
  }

  persistSessionData(id: string, data: SessionData): void {
    this.writes += 1;
    this.#rows.set(id, JSON.stringify(data));
  }

  deleteSession(id: string): void {
    this.#rows.delete(id);
  }
}

interface HonoEnvironment {
  readonly Variables: { session: HonoSession; session_key_rotation: boolean };
}

const hono: Contestant = {
  name: "hono-sessions",
  setUp: "a store in memory that serializes",
  start: ({ secure = false }) => {
    const app = new Hono<HonoEnvironment>();
    const store = new HonoStore();
    const cookieOptions = { path: "/", httpOnly: true, sameSite: "Lax", secure } as const;
    app.use("*", sessionMiddleware({ store, encryptionKey: SECRET, cookieOptions }) as never);
    app.get("/*", async (c) => {
      const session = c.get("session");
      const visit: Visit = {
        get: (key) => session.get(key),
        set: (key, value) => session.set(key, value),
        login: (user) => {
          c.set("session_key_rotation", true);
          session.set("user", user);
        },
        logout: () => session.deleteSession(),
      };
      return c.text(await applicationOf(visit, c.req.url));
    });
    const accounts = { writes: () => store.writes, stored: () => store.size };
    const serve = getRequestListener(app.fetch);
    return listen((req, res) => void serve(req, res), accounts);
  },
};

export const serverContestants: readonly Contestant[] = [fastify, koa, hono];

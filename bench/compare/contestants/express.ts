/** Express with everything that puts a session on `req.session` the express-session way. */
import { createRequire } from "node:module";
import { RedisStore } from "connect-redis";
import express from "express";
import type { Request, RequestHandler } from "express";
import { createClient } from "redis";
import { createSessions } from "sojourn";
import {
  MemoryStore as DropInMemoryStore,
  session as dropIn,
  toExpressStore,
} from "sojourn/express-session";
import { SqliteStore } from "sojourn/stores/sqlite";
import type { Accounts, Contestant, Visit } from "../contestant.ts";
import { applicationOf, SECRET } from "../contestant.ts";
import { counting, listen } from "../serve.ts";
import { sojournSecrets, temporaryFile } from "./sojourn.ts";

/** The part of `req.session` that the application uses; both packages agree on it. */
interface ClassicSession {
  [key: string]: unknown;
  regenerate(done: (error?: unknown) => void): unknown;
  destroy(done: (error?: unknown) => void): unknown;
}

type Middleware = (options: Readonly<Record<string, unknown>>) => RequestHandler;

const upstream = createRequire(import.meta.url)("express-session") as Middleware & {
  readonly MemoryStore: new () => object;
};

function promised(run: (done: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error("the store failed"));
    });
  });
}

function visitOf(req: Request): Visit {
  const session = (): ClassicSession => req.session as unknown as ClassicSession;
  return {
    get: (key) => session()[key],
    set: (key, value) => void (session()[key] = value),
    login: async (user) => {
      await promised((done) => session().regenerate(done));
      session()["user"] = user;
    },
    logout: () => promised((done) => session().destroy(done)),
  };
}

interface Prepared extends Accounts {
  readonly store: object;
  readonly end?: () => unknown;
}

interface Kind {
  readonly name: string;
  readonly setUp: string;
  readonly middleware: Middleware;
  readonly resave?: boolean;
  prepare(): Prepared | Promise<Prepared>;
}

function classic(kind: Kind): Contestant {
  const { name, setUp, middleware, resave = false } = kind;
  return {
    name,
    setUp,
    start: async ({ secure = false }) => {
      const { store, writes, stored, end } = await kind.prepare();
      const app = express();
      const cookie = { secure };
      app.use(middleware({ secret: SECRET, resave, saveUninitialized: false, store, cookie }));
      app.use((req, res, next) => {
        applicationOf(visitOf(req), req.originalUrl).then((text) => void res.end(text), next);
      });
      let told = false;
      const hear = ({ message }: Error): void => {
        told ||= /cookie/i.test(message);
      };
      process.on("warning", hear);
      const accounts = {
        told: () => told,
        ...(writes === undefined ? {} : { writes }),
        ...(stored === undefined ? {} : { stored }),
      };
      return listen(app as never, accounts, () => {
        process.off("warning", hear);
        return end?.();
      });
    },
  };
}

function inMemory(Store: new () => object): Prepared {
  const { store, calls } = counting(new Store(), ["set"]);
  const sized = store as { length(done: (error: unknown, length?: number) => void): void };
  const stored = (): Promise<number> =>
    new Promise((resolve) => {
      sized.length((_error, length) => resolve(length ?? 0));
    });
  return { store, writes: calls, stored };
}

async function inRedis(url: string): Promise<Prepared> {
  const client = createClient({ url });
  await client.connect();
  await client.flushDb();
  const { store, calls } = counting(new RedisStore({ client }), ["set"]);
  const end = (): Promise<unknown> => client.close();
  return { store, writes: calls, stored: () => client.dbSize(), end };
}

function onSqlite(): Prepared {
  const file = temporaryFile();
  const store = new SqliteStore({ path: file.path });
  const { store: counted, calls } = counting(store, ["create", "replace", "patchData"]);
  const sessions = createSessions({ store: counted, secrets: sojournSecrets(), production: false });
  const end = async (): Promise<void> => {
    await sessions.close();
    await store.close();
    file.remove();
  };
  const stored = async (): Promise<number> => (await sessions.count()).count;
  return { store: toExpressStore(sessions), writes: calls, stored, end };
}

export function expressContestants(redisUrl: string): readonly Contestant[] {
  const prepare = (): Prepared => inMemory(upstream.MemoryStore);
  return [
    classic({
      name: "express-session",
      setUp: "MemoryStore, `resave: false`",
      middleware: upstream,
      prepare,
    }),
    classic({
      name: "express-session, resave",
      setUp: "MemoryStore, `resave: true`",
      middleware: upstream,
      resave: true,
      prepare,
    }),
    classic({
      name: "express-session, Redis",
      setUp: "connect-redis 10 on a real Redis",
      middleware: upstream,
      prepare: () => inRedis(redisUrl),
    }),
  ];
}

/** Ours behind the same `req.session`. */
export function dropInContestants(): readonly Contestant[] {
  const middleware = dropIn as unknown as Middleware;
  return [
    classic({
      name: "Sojourn drop-in",
      setUp: "`sojourn/express-session`, its MemoryStore",
      middleware,
      prepare: () => inMemory(DropInMemoryStore),
    }),
    classic({
      name: "Sojourn drop-in, SQLite",
      setUp: "`sojourn/express-session` on `toExpressStore`",
      middleware,
      prepare: onSqlite,
    }),
  ];
}

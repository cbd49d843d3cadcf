/** One Koa application: bare, with ours, with koa-session on a store in memory. */
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import Koa from "koa";
import koaSession from "koa-session";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/koa";

export type Kind = "bare" | "sojourn" | "koa-session";

type Context = Koa.Context & { session: unknown };

/** `/login` signs in, `/` says who one is; nothing else happens. */
export function koaApp(kind: Kind): RequestListener {
  const app = new Koa();
  if (kind === "sojourn") addOurs(app);
  else if (kind === "koa-session") addTheirs(app);
  else app.use((context) => void (context.body = "alice"));
  const serve = app.callback();
  return (req, res) => void serve(req, res);
}

function addOurs(app: Koa): void {
  const secrets = [randomBytes(32).toString("base64url")];
  app.use(sessionMiddleware(createSessions({ secrets, production: false })) as never);
  app.use(async (context) => {
    const session = (context as Context).session as Session;
    if (context.path === "/login") await session.login("alice");
    context.body = session.subject ?? "ok";
  });
}

/** Keeps JSON, as every store outside the process does. */
function storeInMemory(): object {
  const rows = new Map<string, string>();
  return {
    get: async (key: string): Promise<unknown> => {
      const row = rows.get(key);
      return row === undefined ? undefined : JSON.parse(row);
    },
    set: async (key: string, session: unknown): Promise<void> => {
      rows.set(key, JSON.stringify(session));
    },
    destroy: async (key: string): Promise<void> => void rows.delete(key),
  };
}

function addTheirs(app: Koa): void {
  app.keys = [randomBytes(32).toString("hex")];
  const create = koaSession as unknown as (options: object, app: Koa) => Koa.Middleware;
  app.use(create({ store: storeInMemory() }, app));
  app.use((context) => {
    const session = (context as Context).session as { user?: string };
    if (context.path === "/login") session.user = "alice";
    context.body = session.user ?? "ok";
  });
}

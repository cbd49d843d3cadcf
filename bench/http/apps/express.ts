/** One Express application: bare, with ours, with express-session, with our drop-in for it. */
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import express from "express";
import type { Express, Request, RequestHandler } from "express";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/express";
import { session as dropIn } from "sojourn/express-session";

type Classic = (options: Readonly<Record<string, unknown>>) => RequestHandler;

const upstream = createRequire(import.meta.url)("express-session") as Classic;

/** All middlewares put theirs there. */
const ours = (req: Request): Session => (req as unknown as { session: Session }).session;
const theirs = (req: Request): { user?: string } =>
  (req as unknown as { session: { user?: string } }).session;

export type Kind = "bare" | "sojourn" | "express-session" | "drop-in";

/** `/login` signs in, `/` says who one is; nothing else happens. */
export function expressApp(kind: Kind): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (kind === "sojourn") addOurs(app);
  else if (kind === "express-session") addClassic(app, upstream);
  else if (kind === "drop-in") addClassic(app, dropIn as Classic);
  else app.get(["/", "/login"], (_req, res) => void res.end("alice"));
  return app;
}

function addOurs(app: Express): void {
  const secrets = [randomBytes(32).toString("base64url")];
  app.use(sessionMiddleware(createSessions({ secrets, production: false })));
  app.get("/login", async (req, res) => {
    await ours(req).login("alice");
    res.end("ok");
  });
  app.get("/", (req, res) => void res.end(ours(req).subject));
}

function addClassic(app: Express, middleware: Classic): void {
  const secret = randomBytes(32).toString("hex");
  app.use(middleware({ secret, resave: false, saveUninitialized: false }));
  app.get("/login", (req, res) => {
    theirs(req).user = "alice";
    res.end("ok");
  });
  app.get("/", (req, res) => void res.end(theirs(req).user));
}

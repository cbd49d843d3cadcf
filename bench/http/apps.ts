/** One Express application three ways: bare, with ours, with express-session. */
import { randomBytes } from "node:crypto";
import express from "express";
import type { Express, Request } from "express";
import session from "express-session";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/express";

/** Both middlewares put theirs there. */
type WithSession<Kind> = Request & { readonly session: Kind };
const ours = (req: Request): Session => (req as WithSession<Session>).session;
const theirs = (req: Request): { user?: string } => (req as WithSession<{ user?: string }>).session;

export type Kind = "bare" | "sojourn" | "express-session";

/** `/login` signs in, `/` says who one is; nothing else happens. */
export function appOf(kind: Kind): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (kind === "sojourn") addOurs(app);
  else if (kind === "express-session") addTheirs(app);
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

function addTheirs(app: Express): void {
  const secret = randomBytes(32).toString("hex");
  app.use(session({ secret, resave: false, saveUninitialized: false }));
  app.get("/login", (req, res) => {
    theirs(req).user = "alice";
    res.end("ok");
  });
  app.get("/", (req, res) => void res.end(theirs(req).user));
}

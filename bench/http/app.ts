/** One Express application as a process of its own: bare, with ours, or with express-session. */
import { randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Request } from "express";
import session from "express-session";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/express";

type Mode = "bare" | "sojourn" | "express-session";

const mode = process.argv[2] as Mode;
const app = express();
app.disable("x-powered-by");
app.disable("etag");

/** Both middlewares put theirs there. */
type WithSession<Kind> = Request & { readonly session: Kind };
const ours = (req: Request): Session => (req as WithSession<Session>).session;
const theirs = (req: Request): { user?: string } => (req as WithSession<{ user?: string }>).session;

if (mode === "sojourn") {
  const secrets = [randomBytes(32).toString("base64url")];
  app.use(sessionMiddleware(createSessions({ secrets, production: false })));
  app.get("/login", async (req, res) => {
    await ours(req).login("alice");
    res.end("ok");
  });
  app.get("/", (req, res) => void res.end(ours(req).subject));
} else if (mode === "express-session") {
  app.use(
    session({ secret: randomBytes(32).toString("hex"), resave: false, saveUninitialized: false }),
  );
  app.get("/login", (req, res) => {
    theirs(req).user = "alice";
    res.end("ok");
  });
  app.get("/", (req, res) => void res.end(theirs(req).user));
} else {
  app.get("/login", (_req, res) => void res.end("ok"));
  app.get("/", (_req, res) => void res.end("alice"));
}

const server = http.createServer(app).listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on("message", (asked) => {
  if (asked === "stop") process.exit(0);
  const used = process.cpuUsage();
  process.send?.({ cpuUs: used.user + used.system });
});

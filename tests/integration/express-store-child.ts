/** A process of its own on a shared SQLite file; `express-store.test.ts` talks to it over HTTP. */
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import type { Request, RequestHandler } from "express";
import upstream from "express-session";
import { createSessions } from "sojourn";
import ours, { toExpressStore } from "sojourn/express-session";
import { SqliteStore } from "sojourn/stores/sqlite";

const [path = "", name = ""] = process.argv.slice(2);
const sessions = createSessions({
  store: new SqliteStore({ path }),
  secrets: [createHash("sha256").update("shared by both processes").digest()],
  warn: () => undefined,
});
const options = {
  store: toExpressStore(sessions),
  secret: "cats",
  resave: false,
  saveUninitialized: false,
};
type Factory = (given: typeof options) => RequestHandler;
const factory = (name === "express-session" ? upstream : ours) as unknown as Factory;

type Keys = Record<string, unknown>;
const keysOf = (req: Request): Keys => req.session as unknown as Keys;

const app = express();
app.use(factory(options));
app.get("/login", (req, res, next) => {
  req.session.regenerate((error: unknown) => {
    if (error) return next(error);
    keysOf(req)["user"] = "alice";
    res.end("in");
  });
});
app.get("/get", (req, res) => {
  const { cookie: _cookie, ...keys } = keysOf(req);
  res.json(keys);
});
app.get("/set", (req, res) => {
  const { key = "" } = req.query as Record<string, string>;
  keysOf(req)[key] = "1";
  res.end("set");
});
app.get("/late", async (req, res) => {
  await sleep(Number(req.query["ms"]));
  keysOf(req)["late"] = "1";
  res.end("late");
});
app.get("/logout", (req, res, next) => {
  req.session.destroy((error: unknown) => (error ? next(error) : res.end("out")));
});
const server = app.listen(0, "127.0.0.1", () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

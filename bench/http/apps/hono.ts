/** One Hono application on Node: bare, with ours, with hono-sessions on a store in memory. */
import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { MemoryStore, sessionMiddleware as honoSessions } from "hono-sessions";
import type { Session as HonoSession } from "hono-sessions";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sessionMiddleware } from "sojourn/hono";

export type Kind = "bare" | "sojourn" | "hono-sessions";

/** `/login` signs in, `/` says who one is; nothing else happens. */
export function honoApp(kind: Kind): RequestListener {
  const app = new Hono<{ Variables: { session: unknown } }>();
  if (kind === "sojourn") addOurs(app);
  else if (kind === "hono-sessions") addTheirs(app);
  else app.get("/*", (c) => c.text("alice"));
  const serve = getRequestListener(app.fetch);
  return (req, res) => void serve(req, res);
}

type App = Hono<{ Variables: { session: unknown } }>;

function addOurs(app: App): void {
  const secrets = [randomBytes(32).toString("base64url")];
  app.use(sessionMiddleware(createSessions({ secrets, production: false })) as never);
  app.get("/login", async (c) => {
    await (c.get("session") as Session).login("alice");
    return c.text("ok");
  });
  app.get("/", (c) => c.text((c.get("session") as Session).subject ?? ""));
}

function addTheirs(app: App): void {
  const encryptionKey = randomBytes(32).toString("hex");
  const cookieOptions = { path: "/", httpOnly: true };
  const store = new MemoryStore();
  app.use("*", honoSessions({ store, encryptionKey, cookieOptions }) as never);
  app.get("/login", (c) => {
    (c.get("session") as HonoSession).set("user", "alice");
    return c.text("ok");
  });
  app.get("/", (c) => c.text(String((c.get("session") as HonoSession).get("user"))));
}

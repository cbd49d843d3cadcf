/** An application as people have them, on either express-session and a Sojourn store. */
import { createServer } from "node:http";
import express from "express";
import type { Express, NextFunction, Request, RequestHandler, Response } from "express";
import upstream from "express-session";
import ours, { toExpressStore } from "sojourn/express-session";
import type { Store } from "sojourn/express-session";
import { listen } from "../support/servers.ts";
import type { Running } from "../support/servers.ts";
import { gate } from "../support/world.ts";
import type { World } from "../support/world.ts";

export interface Options {
  readonly store: Store;
  readonly secret: string;
  readonly resave: boolean;
  readonly saveUninitialized: boolean;
  readonly rolling?: boolean;
  readonly cookie?: { readonly maxAge?: number };
}

export type Factory = (options: Options) => RequestHandler;
export const FACTORIES: Readonly<Record<string, Factory>> = {
  "express-session": upstream as Factory,
  "sojourn/express-session": ours as Factory,
};
/** What routes do with the session, whichever package made it. */
interface AnySession {
  [key: string]: unknown;
  readonly id: string;
  cookie: { maxAge: number; originalMaxAge: number | null; expires: Date | null };
  regenerate(callback: (error?: unknown) => void): void;
  destroy(callback: (error?: unknown) => void): void;
  save(callback: (error?: unknown) => void): void;
  reload(callback: (error?: unknown) => void): void;
}

export interface App extends Running {
  /** What reached Express' error handler. */
  readonly errors: unknown[];
  /** A request that waits inside its handler has arrived. */
  readonly arrived: () => Promise<void>;
  readonly go: () => void;
}

function keysOf(session: AnySession): object {
  const { cookie: _cookie, ...keys } = session;
  return keys;
}

export function promised(run: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error ? reject(error) : resolve()));
  });
}

/** Requests that wait inside their handler until they are let go. */
interface Waits {
  readonly inside: ReturnType<typeof gate>;
  readonly door: ReturnType<typeof gate>;
}

/** An application with requests that wait. */
export async function app(
  name: string,
  place: Pick<World, "sessions">,
  options: Partial<Options> = {},
): Promise<App> {
  const factory = FACTORIES[name] as Factory;
  const errors: unknown[] = [];
  const waits: Waits = { inside: gate(), door: gate() };
  const application = express();
  const session = { secret: "cats", resave: false, saveUninitialized: false, ...options };
  application.use(factory({ store: toExpressStore(place.sessions), ...session }));
  addRoutes(application);
  addWaitingRoutes(application, waits);
  application.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    errors.push(error);
    if (res.headersSent) next(error);
    else res.status(500).json({ code: (error as { code?: string }).code });
  });
  const running = await listen(createServer(application));
  return { ...running, errors, arrived: waits.inside.wait, go: waits.door.open };
}

function sessionOf(req: Request): AnySession {
  return req.session as unknown as AnySession;
}

function addRoutes(application: Express): void {
  application.get("/login", async (req, res) => {
    await promised((done) => sessionOf(req).regenerate(done));
    sessionOf(req)["user"] = "alice";
    res.end("in");
  });
  application.get("/get", (req, res) => void res.json(keysOf(sessionOf(req))));
  application.get("/sid", (req, res) => void res.end(req.sessionID));
  application.get("/cookie", (req, res) => void res.json(sessionOf(req).cookie.maxAge));
  application.get("/logout", async (req, res) => {
    await promised((done) => sessionOf(req).destroy(done));
    res.end("out");
  });
  application.get("/max-age", (req, res) => {
    sessionOf(req).cookie.maxAge = Number(req.query["ms"]);
    res.end("set");
  });
}

function addWaitingRoutes(application: Express, { inside, door }: Waits): void {
  let waiting = 0;
  application.get("/set", async (req, res) => {
    const { key = "", value = "1", together } = req.query as Record<string, string>;
    waiting += 1;
    if (waiting === Number(together)) door.open();
    if (together !== undefined) await door.wait();
    sessionOf(req)[key] = value;
    res.end("set");
  });
  application.get("/slow-read", async (_req, res) => {
    inside.open();
    await door.wait();
    res.end("read");
  });
  application.get("/slow-write", async (req, res) => {
    inside.open();
    await door.wait();
    sessionOf(req)["late"] = "1";
    res.end("written");
  });
  application.get("/slow-save", async (req, res) => {
    inside.open();
    await door.wait();
    sessionOf(req)["late"] = "1";
    await promised((done) => sessionOf(req).save(done));
    res.end("saved");
  });
}

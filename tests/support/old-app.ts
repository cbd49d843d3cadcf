/** An application as people run it on express-session and passport, over any store of theirs. */
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import express from "express";
import session from "express-session";
import type { SessionOptions, Store } from "express-session";
import { Passport } from "passport";
import { Jar, listen } from "./servers.ts";

export const OLD_SECRET = "the old application's secret";
export const OLD_COOKIE = "connect.sid";

interface PassportRequest extends IncomingMessage {
  readonly user?: unknown;
  login(user: unknown, done: (error?: unknown) => void): void;
  logout(done: (error?: unknown) => void): void;
}

export interface OldApp {
  readonly url: string;
  readonly store: Store;
  /** A browser that signed in there and put an apple into the cart. */
  signedIn(subject?: unknown): Promise<Jar>;
}

/** What upstream's documents recommend, and what each test changes. */
export async function oldApp(store: Store, options: Partial<SessionOptions> = {}): Promise<OldApp> {
  const app = express();
  const { passport, user } = people();
  app.use(express.text());
  app.use(
    session({
      store,
      secret: OLD_SECRET,
      resave: false,
      saveUninitialized: false,
      ...options,
    }),
  );
  app.use(passport.initialize(), passport.session());
  app.post("/login", (req, res, next) => {
    const who = user(typeof req.body === "string" ? req.body : "");
    (req as unknown as PassportRequest).login(who, (error) => (error ? next(error) : res.end()));
  });
  app.post("/logout", (req, res, next) => {
    (req as unknown as PassportRequest).logout((error) => (error ? next(error) : res.end()));
  });
  app.post("/cart", (req, res) => {
    const kept = req.session as unknown as { notes?: unknown[] };
    kept.notes = [...(kept.notes ?? []), req.body];
    res.end();
  });
  app.get("/", (req, res) => {
    const { notes = [] } = req.session as unknown as { notes?: unknown[] };
    res.json({ subject: (req as unknown as PassportRequest).user ?? null, notes });
  });
  const { url } = await listen(createServer(app));
  const signedIn = async (subject: unknown = "alice"): Promise<Jar> => {
    const jar = new Jar();
    const headers = { "content-type": "text/plain" };
    await jar.ask(`${url}/login`, { method: "POST", headers, body: JSON.stringify(subject) });
    await jar.ask(`${url}/cart`, { method: "POST", headers, body: "apple" });
    return jar;
  };
  return { url, store, signedIn };
}

/** Users are kept as they are: a name, a number or an object, as the test wants it. */
function people(): { passport: Passport; user: (body: string) => unknown } {
  const passport = new Passport();
  passport.serializeUser((who, done) => done(null, who));
  passport.deserializeUser((kept, done) => done(null, kept));
  return { passport, user: (body) => JSON.parse(body) as unknown };
}

/** The same cookies in another browser: a copy. */
export function copyOf(jar: Jar): Jar {
  const copy = new Jar();
  for (const [name, value] of jar.cookies) copy.cookies.set(name, value);
  return copy;
}

/** The sid inside the browser's cookie. */
export function sidIn(jar: Jar): string {
  const [, sid = ""] =
    /^s:(.+)\./.exec(decodeURIComponent(jar.cookies.get(OLD_COOKIE) ?? "")) ?? [];
  return sid;
}

/** What the store has under a sid. */
export function rowOf(store: Store, sid: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    store.get(sid, (error: unknown, row) => {
      const missing = (error as { code?: string } | null)?.code === "ENOENT";
      if (error && !missing) reject(error);
      else resolve(row ?? undefined);
    });
  });
}

/** Put a row under a sid, as an old node that saves late does. */
export function putRow(store: Store, sid: string, row: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    store.set(sid, row as Parameters<Store["set"]>[1], (error) => {
      if (error) reject(error as Error);
      else resolve();
    });
  });
}

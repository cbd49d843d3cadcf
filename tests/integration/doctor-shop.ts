/** A small shop on Express whose sessions are done right, and can be done wrong in one way each. */
import { randomBytes } from "node:crypto";
import { createServer as createTlsServer } from "node:https";
import { createServer } from "node:http";
import express from "express";
import type { Express, NextFunction, Request, Response } from "express";
import expressSession from "express-session";
import type { CookieOptions } from "express-session";
import { getIronSession } from "iron-session";
import { createSessions } from "sojourn";
import type { Session } from "sojourn";
import { sessions as sojournSessions } from "sojourn/express";
import { listen } from "../support/servers.ts";
import type { Running } from "../support/servers.ts";
import type { TestCertificate } from "../browser/support/certificate.ts";
import { secretOf } from "../support/world.ts";

/** What a shop asks of its session library. */
export interface Till {
  use(app: Express): void;
  user(req: Request, res: Response): Promise<string | undefined>;
  login(req: Request, res: Response, name: string): Promise<void>;
  /** Write something. */
  write(req: Request, res: Response): Promise<void>;
  logout(req: Request, res: Response): Promise<void>;
}

export interface ShopOptions {
  /** Refuse requests of other pages: by Sec-Fetch-Site, by Origin alone, or not at all. */
  readonly guard?: "site" | "origin" | "none";
  /** The guard leaves the login alone. */
  readonly openLogin?: boolean;
  readonly cache?: string;
  readonly loginCache?: string;
  readonly siteData?: boolean;
  readonly logoutByGet?: boolean;
  /** Every origin may send the cookie. */
  readonly cors?: boolean;
  readonly hsts?: string;
}

export interface Shop extends Running {
  /** Every cookie value that it gave out. */
  readonly values: Set<string>;
}

export const PASSWORD = "correct horse battery";
const SLOW_MS = 600;

export async function openShop(
  till: Till,
  options: ShopOptions = {},
  certificate?: TestCertificate,
): Promise<Shop> {
  const app = express();
  const values = new Set<string>();
  app.use((_req, res, next) => {
    res.on("finish", () => note(res, values));
    if (options.hsts !== undefined) res.set("strict-transport-security", options.hsts);
    next();
  });
  app.get("/", (_req, res) => void res.send("Welcome"));
  app.use(express.urlencoded({ extended: false }), express.json(), express.text());
  app.use(corsOf(options), guardOf(options));
  till.use(app);
  routes(app, till, options);
  const server =
    certificate === undefined
      ? createServer(app)
      : createTlsServer({ key: certificate.key, cert: certificate.cert }, app);
  const running = await listen(server);
  const url = certificate === undefined ? running.url : running.url.replace("http:", "https:");
  return { ...running, url, values };
}

function note(res: Response, values: Set<string>): void {
  for (const line of [res.getHeader("set-cookie") ?? []].flat()) {
    const [, value = ""] = /^[^=]+=([^;]*)/.exec(String(line)) ?? [];
    if (value.length > 8) values.add(value);
  }
}

type Step = (req: Request, res: Response, next: NextFunction) => void;

function corsOf({ cors = false }: ShopOptions): Step {
  return (req, res, next) => {
    if (!cors || req.headers.origin === undefined) return next();
    res.set("access-control-allow-origin", req.headers.origin);
    res.set("access-control-allow-credentials", "true");
    if (req.method === "OPTIONS") res.status(204).end();
    else next();
  };
}

function guardOf({ guard = "site", openLogin = false }: ShopOptions): Step {
  return (req, res, next) => {
    const safe = ["GET", "HEAD", "OPTIONS"].includes(req.method);
    if (safe || guard === "none" || (openLogin && req.path === "/login")) return next();
    const site = req.get("sec-fetch-site") ?? "";
    const own =
      guard === "site"
        ? ["same-origin", "none"].includes(site)
        : req.get("origin") === `http://${req.headers.host}`;
    if (own) next();
    else res.status(403).send("from elsewhere");
  };
}

function routes(app: Express, till: Till, options: ShopOptions): void {
  app.get("/me", async (req, res) => {
    const { cache = "no-store" } = options;
    if (cache !== "") res.set("cache-control", cache);
    res.json({ user: (await till.user(req, res)) ?? null, at: randomBytes(4).toString("hex") });
  });
  app.post("/login", async (req, res) => {
    const { name, password } = req.body as Record<string, string>;
    if (password !== PASSWORD || name === undefined) {
      res.status(401).send("wrong");
      return;
    }
    await till.login(req, res, name);
    res.set("cache-control", options.loginCache ?? "no-store").redirect(303, "/");
  });
  const write = async (req: Request, res: Response): Promise<void> => {
    if ((await till.user(req, res)) === undefined) {
      res.status(401).end();
      return;
    }
    if (req.path === "/slow") await new Promise((done) => void setTimeout(done, SLOW_MS));
    await till.write(req, res);
    res.status(204).end();
  };
  app.post("/cart", write);
  app.post("/slow", (req, res, next) => void write(req, res).catch(next));
  const logout = async (req: Request, res: Response): Promise<void> => {
    await till.logout(req, res);
    if (options.siteData !== false) res.set("clear-site-data", '"cache", "cookies", "storage"');
    res.redirect(303, "/");
  };
  app.post("/logout", logout);
  if (options.logoutByGet === true) app.get("/logout", logout);
  app.use((_error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    res.status(401).end();
  });
}

/** Sojourn itself. */
export function sojournTill(production = false): Till {
  const sessions = createSessions<{ cart: number }>({
    secrets: [secretOf(3)],
    sweep: false,
    production,
    warn: () => undefined,
    csrf: { origins: ["https://127.0.0.1"] },
  });
  const of = (req: Request) => (req as unknown as { session: Session<{ cart: number }> }).session;
  return {
    use: (app) => void app.use(sojournSessions(sessions)),
    user: async (req) => of(req).subject ?? undefined,
    login: async (req, _res, name) => void (await of(req).login(name)),
    write: (req) => of(req).update((draft) => void (draft.cart = (draft.cart ?? 0) + 1)),
    logout: (req) => of(req).logout(),
  };
}

export interface ExpressFaults {
  readonly cookie?: CookieOptions;
  /** Keep the id at login. */
  readonly keep?: boolean;
  /** Begin a session on the page of the form. */
  readonly early?: boolean;
  readonly saveUninitialized?: boolean;
  /** Forget to end the session, or to delete the cookie. */
  readonly logout?: "cookie-only" | "session-only";
}

interface Person {
  user?: string;
  seen?: boolean;
  cart?: number;
}

/** express-session, used with all due care unless told otherwise. */
export function expressTill(faults: ExpressFaults = {}): Till {
  const attributes = { httpOnly: true, sameSite: "lax", path: "/", ...faults.cookie } as const;
  const of = (req: Request) => req.session as typeof req.session & Person;
  const call = (run: (done: (error?: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())));
  return {
    use(app) {
      const { saveUninitialized = false, early = false } = faults;
      app.use(
        expressSession({
          secret: "x".repeat(32),
          resave: false,
          saveUninitialized,
          cookie: attributes,
        }),
      );
      app.get("/login", (req, res) => {
        if (early) of(req).seen = true;
        res.send("<form method=post>");
      });
    },
    user: async (req) => of(req).user,
    async login(req, _res, name) {
      if (faults.keep !== true) await call((done) => req.session.regenerate(done));
      of(req).user = name;
      await call((done) => req.session.save(done));
    },
    write: async (req) => void (of(req).cart = (of(req).cart ?? 0) + 1),
    async logout(req, res) {
      if (faults.logout !== "cookie-only") await call((done) => req.session.destroy(done));
      if (faults.logout !== "session-only") res.clearCookie("connect.sid", { path: "/" });
    },
  };
}

/** All of the session in the cookie. */
export function ironTill(): Till {
  const options = {
    cookieName: "iron-session",
    password: "p".repeat(32),
    cookieOptions: { secure: false },
  };
  const of = (req: Request, res: Response) => getIronSession<Person>(req, res, options);
  return {
    use: () => undefined,
    user: async (req, res) => (await of(req, res)).user,
    async login(req, res, name) {
      const session = await of(req, res);
      session.user = name;
      await session.save();
    },
    async write(req, res) {
      const session = await of(req, res);
      session.cart = (session.cart ?? 0) + 1;
      await session.save();
    },
    logout: async (req, res) => (await of(req, res)).destroy(),
  };
}

/**
 * A map by id that a login takes from the cookie when there is one: any id at all, or those that
 * it made itself once.
 */
export function adoptingTill(which: "any" | "issued"): Till {
  const people = new Map<string, Person>();
  const issued = new Set<string>();
  const idOf = (req: Request): string | undefined => {
    const id = /(?:^|; )sid=([^;]+)/.exec(req.headers.cookie ?? "")?.[1];
    return id !== undefined && (which === "any" || issued.has(id)) ? id : undefined;
  };
  return {
    use: () => undefined,
    user: async (req) => people.get(idOf(req) ?? "")?.user,
    async login(req, res, user) {
      const id = idOf(req) ?? randomBytes(16).toString("hex");
      issued.add(id);
      people.set(id, { user });
      res.cookie("sid", id, { httpOnly: true, sameSite: "lax", path: "/" });
    },
    write: async (req) => void ((people.get(idOf(req) ?? "") ?? {}).cart = 1),
    async logout(req, res) {
      people.delete(idOf(req) ?? "");
      res.clearCookie("sid", { path: "/" });
    },
  };
}

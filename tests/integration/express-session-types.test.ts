/**
 * Programs of express-session's users against the built types: with `@types/express-session`
 * installed, as store packages want it, and without; libraries checked and not. What must not
 * compile stands under `@ts-expect-error`, so that it is an error when it does.
 */
import { execFile } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../tidy/repository.ts";
import { folder } from "./service-harness.ts";

const TYPES = ["body-parser", "connect", "express", "express-serve-static-core", "http-errors"];
const MORE_TYPES = ["node", "qs", "range-parser", "send", "serve-static"];
const STORES = ["@redis", "connect-redis", "connect-redis9", "express-session", "redis"];
const OTHERS = ["express", "sojourn", "undici-types"];
const TYPE_PACKAGES = [...TYPES, ...MORE_TYPES].map((name) => `@types/${name}`);
const COMMON = [...STORES, ...OTHERS, ...TYPE_PACKAGES];

/** These two have no types of their own; what is declared for them names the module's types. */
const storesOf = (module: string): string => `
import type session from "${module}";
import type { RequestHandler } from "express";
type Make = (of: (options?: session.SessionOptions) => RequestHandler) => new () => session.Store;
declare const make: Make;
export { make as default };
`;

const USES = `
import express from "express";
import type { RequestHandler } from "express";
import { RedisStore } from "connect-redis";
import { RedisStore as RedisStore9 } from "connect-redis9";
import { createSessions } from "sojourn";
import session, { fromExpressSession, Store, toExpressStore } from "sojourn/express-session";
import type { SessionData } from "sojourn/express-session";
import fileStore from "session-file-store";
import pgSimple from "connect-pg-simple";

declare module "sojourn/express-session" {
  interface SessionData {
    views: number;
  }
}

const app = express();
const options: session.SessionOptions = { secret: "x", resave: false, saveUninitialized: false };
const client: unknown = undefined;
app.use(session({ ...options, store: new RedisStore({ client }) }));
app.use(session({ ...options, store: new RedisStore9({ client }) }));
app.use(session({ ...options, store: new (pgSimple(session))() }));
app.use(session({ ...options, store: new (fileStore(session))() }));
app.use(session({ ...options, store: new session.MemoryStore() }));
app.use(session({ ...options, store: toExpressStore(createSessions({ secrets: [] })) }));
const handler: RequestHandler = session(options);

class OwnStore extends Store {
  readonly rows = new Map<string, string>();
  get(sid: string, callback: (err: any, data?: SessionData | null) => void): void {
    callback(null, JSON.parse(this.rows.get(sid) ?? "null"));
  }
  set(sid: string, data: SessionData, callback?: (err?: Error) => void): void {
    this.rows.set(sid, JSON.stringify(data));
    callback?.();
  }
  destroy(sid: string, callback?: (err?: any) => void): void {
    this.rows.delete(sid);
    callback?.(null);
  }
  override length(callback: (err: any, length?: number) => void): void {
    callback(null, this.rows.size);
  }
  override touch(_sid: string, _data: SessionData, callback?: () => void): void {
    callback?.();
  }
}
const store = new OwnStore();
app.use(session({ ...options, store }));
const data: session.SessionData = { cookie: { originalMaxAge: 1 }, views: 1 };
store.set("x", data, (err: Error | undefined) => console.log(err));
store.load("x", (err: Error | null, found?: SessionData) => console.log(err, found?.views));

app.get("/", async (req, res, next) => {
  req.session.views = (req.session.views ?? 0) + 1;
  const views: number = req.session.views;
  req.session.cookie.maxAge = views;
  req.session.save((err) => void (err && next(err.message)));
  req.session.save((err: Error | null) => next(err)).touch();
  req.session.regenerate((err?: Error) => next(err));
  req.session.destroy((err: any) => next(err));
  req.session.destroy(() => res.end(req.sessionID));
  req.session.reload((err: unknown) => next(err));
  req.session.reload((err: Error & { code?: string }) => next(err.code));
  await req.session.save();
  await req.session.reload();
  await req.session.regenerate();
  await req.session.destroy();
  const { sessionStore, sessionID } = req;
  sessionStore.get(sessionID, (err: Error | null, got?: SessionData | null) => next(err ?? got));
  sessionStore.destroy(sessionID, (err: Error | null) => next(err));
  // @ts-expect-error a key that nobody declared
  req.session.veiws = 1;
  // @ts-expect-error a number
  req.session.views = "1";
});
// @ts-expect-error no destroy
session({ store: { get() {}, set() {} } });
// @ts-expect-error no such word
session({ cookie: { sameSite: "laxx" } });
// @ts-expect-error not a boolean
session({ resave: "no" });

const { OLD_SECRET } = process.env;
fromExpressSession({ store, secret: OLD_SECRET });
fromExpressSession({ store, secret: ["x", OLD_SECRET] });
// @ts-expect-error neither text nor key
fromExpressSession({ store, secret: 1 });
console.log(handler);
`;

const COMMON_JS = `
import session = require("sojourn/express-session");
import redis = require("connect-redis");
class OwnStore extends session.MemoryStore {}
const used = session({ secret: "x", store: new redis.RedisStore({ client: {} }) });
const views = (req: Express.Request): number | undefined => req.session.views;
console.log(OwnStore, used, views);
`;

/** Declared for upstream's module, as every application on express-session has it. */
const UPSTREAM_DATA = `
import session from "sojourn/express-session";
declare module "express-session" {
  interface SessionData {
    cart?: string[];
  }
}
const whole: typeof import("express-session") = session;
const cart = (req: Express.Request): string[] | undefined => req.session.cart;
console.log(whole, cart);
`;

const NO_UPSTREAM = `
// @ts-expect-error there are no types that it could add to
declare module "express-session" {
  interface SessionData {
    cart: string[];
  }
}
// @ts-expect-error and so there is no such key
export const cart = (req: Express.Request): string[] | undefined => req.session.cart;
`;

interface Setting {
  readonly installed: boolean;
  readonly programs: Readonly<Record<string, string>>;
}

const made: { remove(): void }[] = [];
afterAll(() => made.forEach((place) => place.remove()));

/** An application of its own: links are kept, so that it has only what it has installed. */
function applicationOf({ installed, programs }: Setting): string {
  const place = folder();
  made.push(place);
  const names = installed ? [...COMMON, "@types/express-session"] : COMMON;
  for (const name of names) {
    const link = join(place.path, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link, "dir");
  }
  const stores = storesOf(installed ? "express-session" : "sojourn/express-session");
  for (const name of ["connect-pg-simple", "session-file-store"]) {
    mkdirSync(join(place.path, "node_modules", name));
    writeFileSync(join(place.path, "node_modules", name, "index.d.ts"), stores);
    const manifest = { type: "module", exports: "./index.d.ts" };
    writeFileSync(join(place.path, "node_modules", name, "package.json"), JSON.stringify(manifest));
  }
  writeFileSync(join(place.path, "package.json"), '{ "type": "module" }');
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(place.path, name), text);
  return place.path;
}

/** The errors, as `file TS1234`. */
function errorsOf(application: string, skipLibCheck: boolean): Promise<string[]> {
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck };
  const places = { module: "nodenext", target: "es2023", types: ["node"], preserveSymlinks: true };
  const compilerOptions = { ...strict, ...places, noEmit: true };
  const project = join(application, "tsconfig.json");
  writeFileSync(project, JSON.stringify({ compilerOptions, include: ["*.ts", "*.cts"] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, "-p", project], { cwd: application }, (error, stdout) => {
      const found = [...stdout.matchAll(/^(.+)\((\d+),\d+\): error (TS\d+)/gm)];
      const lines = found.map(([, file = "", line = "", code = ""]) =>
        file.startsWith("node_modules/") ? `${file} ${code}` : `${file}:${line} ${code}`,
      );
      resolve(error && lines.length === 0 ? [stdout] : lines);
    });
  });
}

const common = { "uses.ts": USES, "common.cts": COMMON_JS };

describe("with @types/express-session, keys declared for it and for ours are on req.session", () => {
  const programs = { ...common, "upstream.ts": UPSTREAM_DATA };
  const application = applicationOf({ installed: true, programs });

  it.each([true, false])("and programs compile with skipLibCheck %s", async (skipLibCheck) => {
    expect(await errorsOf(application, skipLibCheck)).toEqual([]);
  });
});

describe("without @types/express-session, keys declared for ours are on req.session", () => {
  const programs = { ...common, "no-upstream.ts": NO_UPSTREAM };
  const application = applicationOf({ installed: false, programs });

  it("and programs compile with skipLibCheck true", async () => {
    expect(await errorsOf(application, true)).toEqual([]);
  });

  it("and without skipLibCheck only stores that import the missing types do not", async () => {
    const files = new Set(await errorsOf(application, false));
    expect([...files].toSorted()).toEqual([
      "node_modules/connect-redis/dist/connect-redis.d.cts TS7016",
      "node_modules/connect-redis/dist/connect-redis.d.ts TS7016",
      "node_modules/connect-redis9/dist/connect-redis.d.ts TS7016",
    ]);
  });
});

/** The options of `session()`, read and judged as express-session does. */
import { randomFillSync } from "node:crypto";
import { ConfigError } from "../engine/errors.ts";
import { mixUp } from "../engine/given.ts";
import { Cookie } from "./cookie.ts";
import { deprecate } from "./deprecate.ts";
import { MemoryStore } from "./memory-store.ts";
import { isSecure } from "./requests.ts";
import { Session } from "./session.ts";
import { SojournStore } from "./sojourn-store.ts";
import type { Store } from "./store.ts";
import type { CookieOptions, Secret, SessionOptions, SessionRequest } from "./types.ts";

const SID_BYTES = 24;
/** Asking for random bytes costs 2.5 µs, however few they are. */
const pool: Buffer = Buffer.alloc(SID_BYTES * 64);
let taken: number = pool.length;

const IN_ONE_PROCESS =
  "Warning: the MemoryStore of sojourn/express-session is not meant for production: it keeps\n" +
  "every session in the memory of this process, and no other process sees them.";

const AS_UPSTREAM =
  "keeps sessions as express-session does: parallel updates are lost, and a logout can be undone. " +
  "toExpressStore(createSessions({ store, secrets })) prevents both. " +
  "See sojourn/docs/guide/express-session.md#which-store";

export interface Settings {
  readonly name: string;
  readonly store: Store;
  readonly secrets: readonly Secret[] | undefined;
  readonly cookie: CookieOptions | ((req: SessionRequest) => CookieOptions);
  readonly genid: (req: SessionRequest) => string;
  readonly resave: boolean;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly unsetDestroys: boolean;
  readonly proxy: boolean | undefined;
  /** A store without `touch` is not asked to. */
  readonly touches: boolean;
}

/** @throws {TypeError} for an option that cannot be meant. */
export function settingsOf(options: SessionOptions<SessionRequest>): Settings {
  checkStore(options.store);
  const store = (options.store || new MemoryStore()) as Store;
  const genid = (options as { genid?: Settings["genid"] }).genid || randomSid;
  if (typeof genid !== "function") throw new TypeError("genid option must be a function");
  const resave = orTrue(options.resave, "resave");
  const saveUninitialized = orTrue(options.saveUninitialized, "saveUninitialized");
  const { unset } = options;
  if (unset && unset !== "destroy" && unset !== "keep") {
    throw new TypeError('unset option must be "destroy" or "keep"');
  }
  const secrets = secretsOf(options.secret);
  const name: unknown = options.name || options.key || "connect.sid";
  warnOf(store);
  return {
    name: String(name),
    store,
    secrets,
    cookie: options.cookie || {},
    genid,
    resave,
    rolling: Boolean(options.rolling),
    saveUninitialized,
    unsetDestroys: unset === "destroy",
    proxy: options.proxy,
    touches: typeof store.touch === "function",
  };
}

/** What only our users can take for such a store; for the rest the errors are upstream's. */
function checkStore(store: unknown): void {
  const mixed = mixUp(store, {
    sessions: "toExpressStore(sessions) makes one of them",
    store: "toExpressStore(createSessions({ store, secrets })) makes one of it",
    class: "new NAME(…)",
  });
  if (mixed === "") return;
  throw new ConfigError([{ path: "store", message: `takes an express-session store${mixed}` }]);
}

function orTrue(value: boolean | undefined, name: string): boolean {
  if (value !== undefined) return value;
  deprecate(`undefined ${name} option; provide ${name} option`);
  return true;
}

function secretsOf(secret: Secret | Secret[] | undefined): Secret[] | undefined {
  if (Array.isArray(secret) && secret.length === 0) {
    throw new TypeError("secret option array must contain one or more strings");
  }
  if (!secret) {
    deprecate("req.secret; provide secret option");
    return undefined;
  }
  return Array.isArray(secret) ? secret : [secret];
}

/** Once for each middleware: of a store that keeps less than ours do, or only in memory. */
function warnOf(store: Store): void {
  if (store instanceof SojournStore) return;
  if (!(store instanceof MemoryStore)) {
    const name = (store as Partial<Store>).constructor?.name || "The store";
    process.emitWarning(`${name} ${AS_UPSTREAM}`, { type: "SojournWarning" });
    return;
  }
  if (process.env["NODE_ENV"] !== "production") return;
  // oxlint-disable-next-line no-console -- where express-session's users look for this warning
  console.warn(IN_ONE_PROCESS);
}

/** 192 random bits. A request without a session takes one, and most of them are never used. */
function randomSid(): string {
  if (taken === pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const sid = pool.toString("base64url", taken, taken + SID_BYTES);
  // What was handed out is nobody else's business.
  pool.fill(0, taken, (taken += SID_BYTES));
  return sid;
}

/** Put a new session on the request. This is the `generate` of the store. */
export function generate(settings: Settings, req: SessionRequest): void {
  const { cookie } = settings;
  req.sessionID = settings.genid(req);
  const session = new Session(req);
  req.session = session;
  session.cookie = new Cookie(cookieOptionsOf(settings, req));
  const secure = isSecure(req, settings.proxy);
  // Of options that are a function this is not asked: they see the request themselves.
  const { secure: wanted, sameSite } = cookie as CookieOptions;
  if (wanted === "auto") session.cookie.secure = secure;
  if (sameSite === "auto") session.cookie.sameSite = secure ? "none" : "lax";
}

export function cookieOptionsOf({ cookie }: Settings, req: SessionRequest): CookieOptions {
  return typeof cookie === "function" ? cookie(req) : cookie;
}

/** What callers see: options, data, and what the middleware puts on a request. */
import type { KeyObject } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Session } from "./session.ts";
import type { Store } from "./store.ts";

/** Add keys by `declare module "sojourn/express-session" { interface SessionData { … } }`. */
export interface SessionData {
  cookie: StoredCookie;
}

export interface CookieOptions {
  /** Milliseconds. The later of `maxAge` and `expires` in the object wins. */
  maxAge?: number | undefined;
  /** @deprecated Use `maxAge`. */
  expires?: Date | null | undefined;
  path?: string | undefined;
  domain?: string | undefined;
  httpOnly?: boolean | undefined;
  /** `"auto"`: as the connection is. `true` on plain HTTP: no cookie is set. */
  secure?: boolean | "auto" | undefined;
  /** `"auto"`: `none` on a secure connection, `lax` on another. */
  sameSite?: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  partitioned?: boolean | undefined;
  priority?: "low" | "medium" | "high" | undefined;
  signed?: boolean | undefined;
  encode?: ((value: string) => string) | undefined;
}

/** As a store gets it and may give it back; `Session` has a `Cookie`. */
export interface StoredCookie extends CookieOptions {
  originalMaxAge: number | null;
  sameSite?: Exclude<CookieOptions["sameSite"], "auto">;
}

export type Secret = string | NodeJS.ArrayBufferView | KeyObject;

export interface SessionOptions<Req extends IncomingMessage = IncomingMessage> {
  /** The first signs, all verify. */
  secret?: Secret | Secret[] | undefined;
  /** Name of the cookie. Default `connect.sid`. */
  name?: string | undefined;
  /** @deprecated Use `name`. */
  key?: string | undefined;
  /** Default: a `MemoryStore` of its own. */
  store?: StoreLike | undefined;
  genid?(req: Req): string;
  cookie?: CookieOptions | ((req: Req) => CookieOptions) | undefined;
  /** Save even what was not changed. Default `true`, with a deprecation notice. */
  resave?: boolean | undefined;
  /** Save new sessions that nothing was put into. Default `true`, with a deprecation notice. */
  saveUninitialized?: boolean | undefined;
  /** Send the cookie with every response. Default `false`. */
  rolling?: boolean | undefined;
  /** What `req.session = null` does to the stored session. Default `keep`. */
  unset?: "destroy" | "keep" | undefined;
  /** `true`: believe `X-Forwarded-Proto`. `false`: only TLS here. Unset: Express' `req.secure`. */
  proxy?: boolean | undefined;
}

/** As upstream types it: applications annotate `Error`, `Error | null`, `unknown` or nothing. */
// oxlint-disable-next-line typescript/no-explicit-any -- nothing else takes all of those
export type CallbackError = any;

export type Callback = (error?: CallbackError) => void;

/** The part of a request that sessions read and write. */
export interface SessionRequest extends IncomingMessage {
  session?: (Session & Partial<SessionData>) | null | undefined;
  sessionID: string;
  sessionStore: SessionStore;
  secret?: Secret | undefined;
  secure?: boolean | undefined;
  originalUrl?: string | undefined;
  cookies?: Record<string, string | undefined> | undefined;
  signedCookies?: Record<string, string | undefined> | undefined;
}

/** Any store made for express-session; those of other packages have that package's types. */
export interface StoreLike {
  get(sid: string, callback: never): unknown;
  set(sid: string, session: never, callback?: never): unknown;
  destroy(sid: string, callback?: never): unknown;
  on?(event: string, listener: () => void): unknown;
}

/** A store that a middleware was made with. */
export type SessionStore = Store & { generate(req: unknown): void };

export type Next = (error?: unknown) => void;

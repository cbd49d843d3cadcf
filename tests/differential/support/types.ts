/**
 * A case is data: options, an application and a script of HTTP steps. Values are loosely typed,
 * since many cases do what the types forbid.
 */
import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

export type Done = (error?: unknown, value?: unknown) => void;

export interface LooseCookie {
  originalMaxAge: unknown;
  maxAge: unknown;
  expires: unknown;
  readonly data: Record<string, unknown>;
  serialize(name: string, value: string): string;
  toJSON(): Record<string, unknown>;
  [attribute: string]: unknown;
}

export interface LooseSession {
  readonly id: string;
  cookie: LooseCookie;
  touch(): LooseSession;
  resetMaxAge(): LooseSession;
  save(done?: Done): LooseSession;
  reload(done: Done): LooseSession;
  destroy(done: Done): LooseSession;
  regenerate(done: Done): LooseSession;
  [key: string]: unknown;
}

export type Method = (...args: unknown[]) => unknown;

export interface LooseStore extends EventEmitter {
  generate(req: Incoming): void;
  createSession(req: unknown, data: unknown): LooseSession;
  regenerate(req: Incoming, done: Done): void;
  load(sid: string, done: Done): void;
  get(sid: string, done: Done): void;
  set(sid: string, session: unknown, done?: Done): void;
  destroy(sid: string, done?: Done): void;
  touch?(sid: string, session: unknown, done?: Done): void;
  all?(done: Done): void;
  clear?(done?: Done): void;
  length?(done: Done): void;
}

export interface Incoming extends IncomingMessage {
  session: LooseSession;
  sessionID: string;
  sessionStore: LooseStore;
  originalUrl?: string;
  secret?: unknown;
  cookies?: Record<string, unknown>;
  signedCookies?: Record<string, unknown>;
  [key: string]: unknown;
}

export type Outgoing = ServerResponse;
export type Next = (error?: unknown) => void;
export type Middleware = (req: Incoming, res: Outgoing, next: Next) => unknown;
export type Options = Readonly<Record<string, unknown>>;

/** What `require("express-session")` gives. */
export interface Implementation {
  (options?: Options): Middleware;
  Store: new () => LooseStore;
  MemoryStore: new () => LooseStore;
  Cookie: new (options?: unknown) => LooseCookie;
  Session: new (req: unknown, data?: unknown) => LooseSession;
}

/**
 * `memory` is the implementation's own MemoryStore as it is, `spied` the same with its calls
 * recorded, `neutral` a store of ours on the implementation's `Store`, `touchless` without
 * `touch`, `prompt` one that answers before it returns, `default` none at all.
 */
export type StoreKind = "memory" | "spied" | "neutral" | "touchless" | "prompt" | "default";

/** Stands in for a method of a store; `pass` does what the store would have done. */
export type Fault = (args: readonly unknown[], answer: Done, pass: () => void) => void;
export type StoreMethod = "get" | "set" | "destroy" | "touch";
export type Faults = Partial<Record<StoreMethod, Fault>>;

export interface Ask {
  readonly ask: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Which browser asks; `none` sends no cookie and keeps none. Default `a`. */
  readonly jar?: string;
  /** Sent instead of what the jar holds. */
  readonly cookie?: string;
  readonly version?: "1.0" | "1.1";
  /** Milliseconds after which the client gives up; for answers that never come. */
  readonly patience?: number;
}

export type Step =
  /** A path, or a method and a path. */
  | string
  | Ask
  /** Written at once to one connection. */
  | { readonly pipeline: readonly (string | Ask)[] }
  /** Asked, and held until the log of the request has `until` (its handler calls `hold`). */
  | { readonly start: string; readonly as: string; readonly until: string; readonly ask?: Ask }
  /** Lets a held request go on, and waits for its answer. */
  | { readonly finish: string }
  /** What the client has received so far. */
  | { readonly received: string }
  /** The client goes away. */
  | { readonly abort: string }
  | { readonly advance: number }
  | { readonly act: string; readonly does: (world: World) => void | Promise<void> };

export type Route = (req: Incoming, res: Outgoing, world: World) => unknown;
export type Routes = Readonly<Record<string, Route>>;

export interface Parts {
  readonly world: World;
  /** The session middleware with the case's options. */
  readonly middleware: Middleware;
  /** Finds the route of the request and writes down what it throws. */
  readonly handler: Middleware;
  /** Where errors end. */
  readonly failed: (error: unknown, req: Incoming, res: Outgoing) => void;
}

export interface Case {
  readonly name: string;
  /** On top of `{ secret, resave: false, saveUninitialized: false, genid: id-1, id-2 … }`. */
  readonly options?: Options | ((impl: Implementation, world: World) => Options);
  readonly stores?: readonly StoreKind[];
  readonly faults?: Faults;
  /** On top of the routes that every case has. */
  readonly routes?: Routes;
  /** Runs before the session middleware. */
  readonly before?: (req: Incoming, res: Outgoing, world: World) => void;
  /** The application; default is the middleware, then the handler. */
  readonly stack?: (parts: Parts) => (req: Incoming, res: Outgoing) => unknown;
  readonly over?: "http1" | "http2" | "upgrade";
  readonly script: readonly Step[];
}

/** One run of one case with one implementation. */
export interface World {
  readonly impl: Implementation;
  readonly store: LooseStore | undefined;
  /** Write a line down under the request that is being served. */
  log(line: string): void;
  /** Wait until the script lets this request go on. */
  hold(): Promise<void>;
  /** Faults are looked up at each call, so that a script may change them. */
  faults: Faults;
  /** For what handlers keep between requests. */
  readonly memory: Map<string, unknown>;
}

export interface Exchanged {
  readonly request: string;
  /** Lines of the answer; the last one says how the connection ended, unless it was closed. */
  readonly response: readonly string[];
  readonly events: readonly string[];
}

export interface Transcript {
  /** What building the middleware threw. */
  readonly refused?: string;
  readonly exchanges: readonly Exchanged[];
  /** What no request was the cause of. */
  readonly aside: readonly string[];
  readonly contents: Readonly<Record<string, unknown>>;
}

/** The base of every store: events, and sessions made from what is stored. */
import { EventEmitter } from "node:events";
import { baseOf, rememberBase } from "./changes.ts";
import { Cookie } from "./cookie.ts";
import { Session } from "./session.ts";
import type { Callback, CallbackError, SessionData } from "./types.ts";

/** What a store's reading methods call back. */
export type Answer<Value> = Found<Value | null>;
export type Found<Value> = (error: CallbackError, value?: Value) => void;

declare abstract class StoreClass extends EventEmitter {
  constructor();
  /** Destroy the session of `req.sessionID` and generate a new one, even when that failed. */
  regenerate(req: object, callback: Callback): void;
  /** A session object without a request. The callback gets no session for an unknown sid. */
  load(sid: string, callback: Found<Session & SessionData>): void;
  /** Make `req.session` from what was stored. */
  createSession(req: object, data: SessionData): Session & SessionData;
  /** An error with the code `ENOENT` counts as "not found". */
  abstract get(sid: string, callback: Answer<SessionData>): void;
  abstract set(sid: string, session: SessionData, callback?: Callback): void;
  abstract destroy(sid: string, callback?: Callback): void;
  all?(callback: Answer<SessionData[] | Record<string, SessionData>>): void;
  length?(callback: Found<number>): void;
  clear?(callback?: Callback): void;
  touch?(sid: string, session: SessionData, callback?: Callback): void;
}

export type Store = StoreClass;
export type StoreConstructor = typeof StoreClass & ((this: object) => void);

/** A function and not a class: stores of before classes call it on `this`. */
export const Store: StoreConstructor = function Store(this: object) {
  Reflect.apply(EventEmitter as unknown as () => void, this, []);
} as unknown as StoreConstructor;

Object.setPrototypeOf(Store.prototype, EventEmitter.prototype);

interface Requestlike {
  sessionID?: unknown;
  session?: unknown;
}

/** Assigned one by one, so that they are enumerable and can be patched as upstream's. */
Store.prototype.regenerate = function regenerate(this: Store, req, callback) {
  this.destroy((req as { sessionID: string }).sessionID, (error) => {
    (this as Store & { generate(req: object): void }).generate(req);
    callback(error);
  });
};

Store.prototype.load = function load(this: Store, sid, callback) {
  this.get(sid, (error, data) => {
    if (error) {
      callback(error);
      return;
    }
    if (!data) {
      (callback as () => void)();
      return;
    }
    callback(null, this.createSession({ sessionID: sid, sessionStore: this }, data));
  });
};

Store.prototype.createSession = function createSession(this: Store, req: Requestlike, data) {
  const base = baseOf(data);
  // Not destructured: of data without a cookie upstream's users know "Cannot read properties".
  const expires: unknown = data.cookie.expires;
  const originalMaxAge = data.cookie.originalMaxAge;
  data.cookie = new Cookie(data.cookie);
  if (typeof expires === "string") data.cookie.expires = new Date(expires);
  data.cookie.originalMaxAge = originalMaxAge;
  const session = new Session(req, data) as Session & SessionData;
  if (base !== undefined) rememberBase(session, base);
  req.session = session;
  return session;
};

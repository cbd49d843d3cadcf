/** `req.session`: the application's keys, and methods that answer by callback or promise. */
import { SessionEndedError } from "../engine/errors.ts";
import { markDestroyed, wasRefused } from "./changes.ts";
import type { Cookie } from "./cookie.ts";
import { promised, quiet } from "./promised.ts";
import type { Callback, SessionRequest } from "./types.ts";

declare class SessionClass {
  constructor(req: object, data?: object | null);
  readonly id: string;
  readonly req: SessionRequest;
  cookie: Cookie;
  /** Destroy this session and put a new, empty one with another id on the request. */
  regenerate(callback: Callback): this;
  regenerate(): Promise<void>;
  /** @throws {SessionEndedError} through callback or promise when the session ended meanwhile. */
  save(callback: Callback): this;
  save(): Promise<void>;
  /** Put what the store holds now on the request, as a new object. */
  reload(callback: Callback): this;
  reload(): Promise<void>;
  destroy(callback: Callback): this;
  destroy(): Promise<void>;
  /** Start the cookie's `maxAge` again. */
  touch(): this;
  resetMaxAge(): this;
}

/**
 * Each method takes a callback, as express-session's do, and then returns the session; without a
 * callback it returns a promise. A rejection of `save` and `destroy` that nobody awaits is silent,
 * as express-session is there. One of `reload` and `regenerate`, which throw there, is not.
 */
export type Session = SessionClass;
export type SessionConstructor = typeof SessionClass & ((this: object, req: object) => void);

/** A function and not a class, so that it can be called on an object made otherwise. */
export const Session: SessionConstructor = function Session(
  this: Record<string, unknown>,
  req: { sessionID?: unknown },
  data?: unknown,
) {
  Object.defineProperty(this, "req", { value: req });
  Object.defineProperty(this, "id", { value: req.sessionID });
  if (typeof data !== "object" || data === null) return;
  const source = data as Record<string, unknown>;
  // Data never shadows a method or an inherited name: a stored `save` stays where it is.
  for (const name in source) {
    if (!(name in this)) this[name] = source[name];
  }
} as unknown as SessionConstructor;

const methods = {
  touch(this: Session) {
    return this.resetMaxAge();
  },

  resetMaxAge(this: Session) {
    const { cookie } = this;
    cookie.maxAge = cookie.originalMaxAge as number;
    return this;
  },

  save(this: Session, callback?: Callback) {
    const { sessionStore } = this.req;
    if (callback) {
      sessionStore.set(this.id, this, callback);
      return this;
    }
    return quiet(promised((done) => sessionStore.set(this.id, this, told(this, done))));
  },

  reload(this: Session, callback?: Callback) {
    const { req } = this;
    if (!callback) return promised((done) => void this.reload(done));
    req.sessionStore.get(this.id, (error, data) => {
      if (error) {
        callback(error);
        return;
      }
      if (!data) {
        callback(new Error("failed to load session"));
        return;
      }
      req.sessionStore.createSession(req, data);
      callback();
    });
    return this;
  },

  destroy(this: Session, callback?: Callback) {
    const { req } = this;
    if (!callback) return quiet(promised((done) => void this.destroy(done)));
    delete req.session;
    markDestroyed(this);
    req.sessionStore.destroy(this.id, callback);
    return this;
  },

  regenerate(this: Session, callback?: Callback) {
    const { req } = this;
    if (!callback) return promised((done) => void this.regenerate(done));
    markDestroyed(this);
    req.sessionStore.regenerate(req, callback);
    return this;
  },
};

for (const [name, value] of Object.entries(methods)) {
  const method = { configurable: true, enumerable: false, value, writable: true };
  Object.defineProperty(Session.prototype, name, method);
}

/**
 * Hand `SessionEndedError` to whoever asked for a save that the store refused. The callback form
 * of the method itself does not: an unchanged express-session ends every request with it.
 */
export function told(session: object, callback: Callback): Callback {
  return function (this: unknown, ...answer) {
    const [error] = answer;
    const refused = !error && wasRefused(session);
    Reflect.apply(callback, this, refused ? [new SessionEndedError(undefined)] : answer);
  };
}

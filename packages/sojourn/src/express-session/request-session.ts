/** The session's way through one request: loaded or new, then saved, touched or left alone. */
import type { ServerResponse } from "node:http";
import { beforeHeaders } from "./before-headers.ts";
import { baseOf } from "./changes.ts";
import { HeldEnd } from "./held-end.ts";
import { tellOfPlainHttp } from "./plain-http.ts";
import { promised, quiet } from "./promised.ts";
import { isSecure } from "./requests.ts";
import { Session, told } from "./session.ts";
import { serializeCookie } from "./set-cookie.ts";
import type { Settings } from "./settings.ts";
import { signSid } from "./signature.ts";
import type { Store } from "./store.ts";
import type { Callback, Next, Secret, SessionData, SessionRequest } from "./types.ts";

interface Parties {
  readonly req: SessionRequest;
  readonly res: ServerResponse;
  readonly next: Next;
}

type Method = (callback?: Callback) => unknown;
type Methods = Record<"reload" | "save" | "destroy" | "regenerate", Method>;
type End = (chunk?: unknown, encoding?: unknown) => unknown;

export class RequestSession {
  readonly #settings: Settings;
  readonly #secrets: readonly Secret[];
  readonly #req: SessionRequest;
  readonly #res: ServerResponse;
  readonly #next: Next;
  /** The sid that the client sent. */
  readonly #sentSid: string | undefined;
  /** The session as it was when the request began, as JSON without its cookie. */
  #originalSid: string | undefined;
  #originalJson: string | undefined;
  /** As it was saved last. */
  #savedJson: string | undefined;
  /** As it was judged at the end of the request, until all that ends it has been begun. */
  #endJson: string | undefined;
  #touched = false;
  /** The save at the end of the request is under way. */
  #ending = false;

  constructor(settings: Settings, secrets: readonly Secret[], { req, res, next }: Parties) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#req = req;
    this.#res = res;
    this.#next = next;
    this.#sentSid = req.sessionID;
  }

  /** Be asked before headers leave and when the response ends. */
  intercept(): void {
    const res = this.#res;
    beforeHeaders(res, () => this.#addCookie());
    const { end, write } = res as unknown as Record<"end" | "write", End>;
    const held = new HeldEnd(res, end, write);
    let ended = false;
    (res as { end: End }).end = (chunk, encoding) => {
      if (ended) return false;
      ended = true;
      held.give(chunk, encoding);
      const result = this.#finish(held);
      this.#endJson = undefined;
      return result;
    };
  }

  /** The store has answered. An unknown sid is never adopted: the session gets a new one. */
  answered(error: unknown, data: SessionData | null | undefined): void {
    if (error && (error as { code?: unknown }).code !== "ENOENT") {
      this.#next(error);
      return;
    }
    try {
      if (error || !data) this.generate();
      else this.#inflate(data);
    } catch (failure) {
      this.#next(failure);
      return;
    }
    this.#next();
  }

  generate(): void {
    const req = this.#req;
    req.sessionStore.generate(req);
    this.#originalSid = req.sessionID;
    this.#originalJson = jsonWithoutCookie(req.session as Session);
    this.#wrap(req.session as Session);
  }

  #inflate(data: SessionData): void {
    const req = this.#req;
    const { json } = baseOf(data) ?? {};
    this.#settings.store.createSession(req, data);
    this.#originalSid = req.sessionID;
    this.#originalJson = json ?? jsonWithoutCookie(data);
    if (!this.#settings.resave) this.#savedJson = this.#originalJson;
    this.#wrap(req.session as Session);
  }

  /** Notice what the application saves and reloads itself, and answer with promises. */
  #wrap(session: Session): void {
    const { reload, save } = session as Methods;
    define(session, "reload", (callback?: Callback) => {
      const run = (done: Callback): unknown =>
        reload.call(session, this.#rewrapping(session, done));
      return callback ? run(callback) : promised(run);
    });
    define(session, "save", (callback?: Callback) => {
      this.#savedJson = (this.#ending && this.#endJson) || jsonWithoutCookie(session);
      if (this.#ending) return save.call(session, callback);
      const run = (done: Callback): unknown => save.call(session, told(session, done));
      return callback ? run(callback) : quiet(promised(run));
    });
    if (!(session instanceof Session)) wrapForeign(session);
  }

  #rewrapping(session: Session, callback: Callback): Callback {
    const req = this.#req;
    return (...answer) => {
      if (req.session && req.session !== session) this.#wrap(req.session);
      callback(...answer);
    };
  }

  #addCookie(): void {
    const { session, sessionID } = this.#req;
    if (!session || !this.#isCookieDue(session)) return;
    if (session.cookie.secure && !isSecure(this.#req, this.#settings.proxy)) {
      tellOfPlainHttp(this.#settings);
      return;
    }
    this.#touch(session);
    try {
      const [secret] = this.#secrets as [Secret];
      const value = signSid(sessionID, secret);
      const cookie = serializeCookie(this.#settings.name, value, session.cookie.data);
      const before = this.#res.getHeader("Set-Cookie") || [];
      const all = Array.isArray(before) ? [...before, cookie] : [String(before), cookie];
      this.#res.setHeader("Set-Cookie", all);
    } catch (error) {
      setImmediate(this.#next, error);
    }
  }

  #finish(held: HeldEnd): unknown {
    const { sessionID, session } = this.#req;
    const { store, unsetDestroys, touches } = this.#settings;
    const done: Callback = (error) => {
      if (error) setImmediate(this.#next, error);
      held.finish();
    };
    if (!session) {
      const isUnset = session === undefined || session === null;
      if (!sessionID || !unsetDestroys || !isUnset) return held.now();
      store.destroy(sessionID, done);
      return held.begin();
    }
    this.#touch(session);
    if (typeof sessionID !== "string") return held.now();
    if (this.#isSaveDue(session)) this.#save(session, done);
    else if (touches && this.#sentSid === sessionID) {
      (store as Required<Store>).touch(sessionID, session, done);
    } else return held.now();
    return held.begin();
  }

  #save(session: Session, done: Callback): void {
    this.#ending = true;
    try {
      session.save(done);
    } finally {
      this.#ending = false;
    }
  }

  #touch(session: Session): void {
    if (this.#touched) return;
    session.touch();
    this.#touched = true;
  }

  #isSaveDue(session: Session): boolean {
    const isNew = this.#sentSid !== this.#req.sessionID;
    if (isNew && !this.#settings.saveUninitialized && !this.#savedJson) {
      return this.#isModified(session);
    }
    if (this.#savedJson === undefined || this.#originalSid !== session.id) return true;
    this.#endJson = jsonWithoutCookie(session);
    return this.#savedJson !== this.#endJson;
  }

  #isCookieDue(session: Session): boolean {
    const { sessionID } = this.#req;
    const { saveUninitialized, rolling } = this.#settings;
    if (typeof sessionID !== "string") return false;
    if (this.#sentSid !== sessionID) return saveUninitialized || this.#isModified(session);
    const { expires } = session.cookie;
    return rolling || (expires !== null && expires !== undefined && this.#isModified(session));
  }

  #isModified(session: Session): boolean {
    if (this.#originalSid !== session.id) return true;
    return this.#originalJson !== (this.#endJson ?? jsonWithoutCookie(session));
  }
}

/** A store built on another package makes sessions of that package's class. */
function wrapForeign(session: Session): void {
  const { destroy, regenerate } = session as Methods;
  define(session, "destroy", (callback?: Callback) => {
    const run = (done: Callback): unknown => destroy.call(session, done);
    return callback ? run(callback) : quiet(promised(run));
  });
  define(session, "regenerate", (callback?: Callback) => {
    const run = (done: Callback): unknown => regenerate.call(session, done);
    return callback ? run(callback) : promised(run);
  });
}

function define(session: Session, name: string, value: unknown): void {
  Object.defineProperty(session, name, {
    configurable: true,
    enumerable: false,
    value,
    writable: true,
  });
}

/** Two texts are equal when nothing but the cookie changed; keys count in their order. */
function jsonWithoutCookie(session: object): string {
  if (typeof (session as { toJSON?: unknown }).toJSON === "function") {
    return JSON.stringify(session, function (this: unknown, key: string, value: unknown) {
      return this === session && key === "cookie" ? undefined : value;
    });
  }
  const { cookie: _cookie, ...data } = session as { cookie?: unknown };
  return JSON.stringify(data);
}

/** Drop-in for `require("express-session")`, and the way from its stores to ours and back. */
import type { IncomingMessage } from "node:http";
import { fromExpressSession } from "./conversion.ts";
import { Cookie } from "./cookie.ts";
import { fromExpressStore } from "./from-express-store.ts";
import type { RequestProperties } from "./installed-types.ts";
import { MemoryStore } from "./memory-store.ts";
import { session as middleware } from "./middleware.ts";
import type { SessionMiddleware } from "./middleware.ts";
import { Session } from "./session.ts";
import { toExpressStore } from "./sojourn-store.ts";
import { Store } from "./store.ts";
import type * as names from "./type-names.ts";
import type { SessionOptions } from "./types.ts";

export type { ConversionReport, ExpressSessionFormat } from "./conversion.ts";
export type { FromExpressSessionOptions, OldData } from "./conversion-options.ts";
export type { CookieData } from "./cookie.ts";
export type { ForeignStore } from "./foreign-calls.ts";
export type { FromExpressStoreOptions } from "./from-express-store.ts";
export type { SessionMiddleware } from "./middleware.ts";
export type { ToExpressStoreOptions } from "./sojourn-store.ts";
export { signSid, unsignSid } from "./signature.ts";
export type { SigningSecret } from "./signature.ts";
/** By star: only so can an application add its keys to `SessionData`. */
export type * from "./types.ts";

/** The function that `require("express-session")` gives, with its constructors as properties. */
export interface SessionFactory {
  <Req extends IncomingMessage = IncomingMessage>(
    options?: SessionOptions<Req>,
  ): SessionMiddleware<Req>;
  Cookie: typeof Cookie;
  MemoryStore: typeof MemoryStore;
  Session: typeof Session;
  Store: typeof Store;
  fromExpressSession: typeof fromExpressSession;
  fromExpressStore: typeof fromExpressStore;
  toExpressStore: typeof toExpressStore;
}

const session: SessionFactory = Object.assign(middleware, {
  Cookie,
  MemoryStore,
  Session,
  Store,
  fromExpressSession,
  fromExpressStore,
  toExpressStore,
});

/** Types under the names that programs written for express-session use. */
// oxlint-disable-next-line typescript/no-namespace -- `session.Store` as a type has no other form
declare namespace session {
  type Cookie = names.Cookie;
  type CookieOptions = names.CookieOptions;
  type MemoryStore = names.MemoryStore;
  type Session = names.Session;
  type SessionData = names.SessionData;
  type SessionOptions = names.SessionOptions;
  type Store = names.Store;
}

export { Cookie, MemoryStore, Session, session, Store };
export { fromExpressSession, fromExpressStore, toExpressStore };
/** What `require` gives. */
export { session as "module.exports" };
// oxlint-disable-next-line import/no-default-export -- `import session from` of existing programs
export { session as default };

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- how Express lets a request be extended
  namespace Express {
    interface Request extends RequestProperties {}
  }
}

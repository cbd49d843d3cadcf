/**
 * Beside `@types/express-session`. Stores import those types, so most applications keep them, and
 * then `req.session` has upstream's type; what is only ours is added to it. Without them
 * `req.session` is ours, and every type of that module is `any`: the comments allow it to be
 * missing. Declarations keep such comments only in this form.
 */
// oxlint-disable typescript/ban-ts-comment -- the types of express-session may be missing
/** @ts-ignore */
import type { CookieOptions } from "express-session";
import type { Session } from "./session.ts";
import type { SessionData as OwnData, SessionStore } from "./types.ts";

/** @ts-ignore */
declare module "express-session" {
  interface SessionData extends OwnData {}

  interface Session {
    regenerate(): Promise<void>;
    save(): Promise<void>;
    reload(): Promise<void>;
    destroy(): Promise<void>;
  }
}

interface OwnRequest {
  session: Session & Partial<OwnData>;
  sessionID: string;
  sessionStore: SessionStore;
}

/** What a request has here, unless upstream declares the same names. `any` has every key. */
export type RequestProperties = symbol extends keyof CookieOptions ? OwnRequest : {};

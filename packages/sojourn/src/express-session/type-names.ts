/** The types that `session.Name` gives. */
export type { Cookie } from "./cookie.ts";
export type { MemoryStore } from "./memory-store.ts";
export type { Session } from "./session.ts";
export type { Store } from "./store.ts";
export type { CookieOptions, SessionData, SessionOptions } from "./types.ts";

/** How values are written down, so that two runs can be compared as text. */
import { createHmac } from "node:crypto";
import type { Implementation, Incoming } from "./types.ts";

/** Messages that the engine makes out of the source text: names of variables stand in them. */
const ENGINE_WORDS = /is not a function|^Cannot (read|set) properties of|^Converting circular/;

/** The name, message and code of an error; a value that is none as JSON. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${show(error)}`;
  const { code } = error as { code?: unknown };
  const message = ENGINE_WORDS.test(error.message) ? "(the engine's words)" : error.message;
  return `${error.name}: ${message}${code === undefined ? "" : ` (${show(code)})`}`;
}

/** JSON, with what JSON leaves out named. */
export function show(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "function") return "function";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Error) return errorText(value);
  return JSON.stringify(value);
}

/** An argument of a store's method. */
export function argument(impl: Implementation, value: unknown): string {
  if (typeof value !== "object" || value === null) return show(value);
  if (!(value instanceof impl.Session)) return `${value.constructor?.name} ${show(value)}`;
  const cookie = value.cookie instanceof impl.Cookie ? "" : " with a cookie of no class";
  return `Session ${show(value)}${cookie}`;
}

/** What a handler sees of its session, in one line of JSON. */
export function sight(impl: Implementation, req: Incoming): string {
  const session = req.session as Incoming["session"] | null | undefined;
  if (session === undefined || session === null || typeof session !== "object") {
    return JSON.stringify({ session: show(session), sessionID: show(req.sessionID) });
  }
  const { cookie } = session;
  return JSON.stringify({
    sessionID: show(req.sessionID),
    id: show(session.id),
    kind: session instanceof impl.Session,
    keys: Object.keys(session),
    cookie: cookie && {
      kind: cookie instanceof impl.Cookie,
      keys: Object.keys(cookie),
      expires: show(cookie.expires),
      maxAge: show(cookie.maxAge),
      originalMaxAge: show(cookie.originalMaxAge),
    },
    session,
  });
}

/** What signs in every case that says nothing else. */
export const SECRET = "a secret";

/** The cookie's value as upstream's users hold it, made without either implementation. */
export function signed(sid: string, secret: string): string {
  const mac = createHmac("sha256", secret).update(sid).digest("base64").replace(/=+$/, "");
  return encodeURIComponent(`s:${sid}.${mac}`);
}

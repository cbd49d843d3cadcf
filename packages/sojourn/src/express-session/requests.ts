/** What a request says about itself, as express-session reads it. */
import type { SessionRequest } from "./types.ts";

const PATH_END = /[?#\s]/;
const AUTHORITY = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;

/** The path that the client asked for, wherever the middleware is mounted. Default `/`. */
export function pathOf(req: SessionRequest): string {
  const { originalUrl } = req;
  const url = typeof originalUrl === "string" ? originalUrl : (req.url ?? "");
  if (url.startsWith("/")) {
    const end = url.search(PATH_END);
    return end === -1 ? url : url.slice(0, end);
  }
  // Absolute form, as clients send it to proxies, or no path at all (`OPTIONS *`).
  const [path = ""] = url.trim().replace(AUTHORITY, "").split(/[?#]/, 1);
  return path || "/";
}

/** TLS here, or what a trusted proxy says. `trusted` is the option `proxy`. */
export function isSecure(req: SessionRequest, trusted: boolean | undefined): boolean {
  const connection = req.connection as { encrypted?: boolean } | undefined;
  if (connection?.encrypted) return true;
  if (trusted === false) return false;
  if (trusted !== true) return req.secure === true;
  const header = (req.headers["x-forwarded-proto"] as string | undefined) || "";
  const [first = ""] = header.split(",", 1);
  return first.toLowerCase().trim() === "https";
}

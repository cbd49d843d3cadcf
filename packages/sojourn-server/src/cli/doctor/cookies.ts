/** Cookies as a browser keeps them, as far as one host and its paths go. */
import type { Answer } from "./http.ts";

export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** Names in lower case; empty where there is no value. */
  readonly attributes: ReadonlyMap<string, string>;
  /** It deletes. */
  readonly expired: boolean;
}

const DAY_MS = 86_400_000;

export function readSetCookie(line: string): SetCookie {
  const [pair = "", ...rest] = line.split(";");
  const equals = pair.indexOf("=");
  const attributes = new Map<string, string>();
  for (const part of rest) {
    const at = part.indexOf("=");
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    if (name !== "") attributes.set(name, at < 0 ? "" : part.slice(at + 1).trim());
  }
  const days = lifetimeDays(attributes);
  return {
    name: pair.slice(0, Math.max(equals, 0)).trim(),
    value: pair.slice(equals + 1).trim(),
    attributes,
    expired: days !== undefined && days <= 0,
  };
}

/** @returns `undefined` for a cookie that ends with the browser. Max-Age comes before Expires. */
export function lifetimeDays(attributes: ReadonlyMap<string, string>): number | undefined {
  const maxAge = attributes.get("max-age");
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return (Number(maxAge) * 1_000) / DAY_MS;
  const expires = Date.parse(attributes.get("expires") ?? "");
  return Number.isNaN(expires) ? undefined : (expires - Date.now()) / DAY_MS;
}

export class Jar {
  readonly #cookies: Map<string, { readonly value: string; readonly path: string }> = new Map();

  /** Keep what an answer to `path` sets; forget what it deletes. */
  take(answer: Answer, path: string): void {
    for (const cookie of answer.setCookies.map(readSetCookie)) {
      if (cookie.expired) this.#cookies.delete(cookie.name);
      else this.put(cookie.name, cookie.value, pathOf(cookie, path));
    }
  }

  put(name: string, value: string, path = "/"): void {
    this.#cookies.set(name, { value, path });
  }

  get size(): number {
    return this.#cookies.size;
  }

  get(name: string): string | undefined {
    return this.#cookies.get(name)?.value;
  }

  copy(): Jar {
    const copy = new Jar();
    for (const [name, { value, path }] of this.#cookies) copy.put(name, value, path);
    return copy;
  }

  /** The header for a request to `path`; nothing when there is nothing to send. */
  headerFor(path: string): Readonly<Record<string, string>> {
    const pairs = [...this.#cookies]
      .filter(([, cookie]) => covers(cookie.path, path))
      .map(([name, { value }]) => `${name}=${value}`);
    return pairs.length === 0 ? {} : { cookie: pairs.join("; ") };
  }
}

/** RFC 6265bis section 5.1.4: without Path, the folder of the request. */
function pathOf(cookie: SetCookie, requestPath: string): string {
  const given = cookie.attributes.get("path");
  if (given?.startsWith("/") === true) return given;
  return requestPath.slice(0, requestPath.lastIndexOf("/")) || "/";
}

function covers(cookiePath: string, path: string): boolean {
  const [bare = "/"] = path.split("?");
  if (bare === cookiePath || cookiePath === "/") return true;
  return bare.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}

/** Names that libraries give the session cookie, without prefix and in lower case. */
const KNOWN: ReadonlySet<string> = new Set(
  `session sessionid session_id session-id sid sess _session __session connect.sid koa.sess koa.sid
  koa:sess h3 h3-session iron-session better-auth.session_token next-auth.session-token
  authjs.session-token auth_session jsessionid phpsessid asp.net_sessionid laravel_session
  _session_id rack.session hono-session`.split(/\s+/),
);

/** The first cookie whose name is one of those. */
export function guessSession(cookies: readonly SetCookie[]): SetCookie | undefined {
  const bare = (name: string): string =>
    name.toLowerCase().replace(/^__(?:host-http|host|secure)-/, "");
  return cookies.find(({ name }) => KNOWN.has(bare(name)));
}

export function longest(cookies: readonly SetCookie[]): SetCookie | undefined {
  return cookies.toSorted((a, b) => b.value.length - a.value.length)[0];
}

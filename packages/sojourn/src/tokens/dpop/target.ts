/**
 * What a proof is for: an address without query and fragment, in one spelling. Ours is made of a
 * configured address and the path of the request, never of `Host` or forwarded headers.
 * RFC 9449 section 4.3; RFC 3986 sections 6.2.2 and 6.2.3.
 */

const URL_CHARS_MAX = 2_048;
/** Visible ASCII but the backslash: a URL parser drops or turns what else it is given. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]+$/;
const ESCAPE = /%[0-9A-Fa-f]{2}/g;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;

/** @returns `undefined` for what is no http or https address, and for one with a user's name. */
export function normalTarget(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > URL_CHARS_MAX || !PLAIN.test(text))
    return undefined;
  if (!URL.canParse(text)) return undefined;
  const { protocol, username, password, origin, pathname } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") return undefined;
  if (username !== "" || password !== "") return undefined;
  return origin + pathname.replace(ESCAPE, plainEscape);
}

/** Capitals, and none where none is needed. */
function plainEscape(escape: string): string {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}

/**
 * The address that a request was sent to.
 *
 * @param externalUrl As clients see it; its path goes before the request's.
 * @param requestTarget As the request line has it: `/path?query`, or a whole address, of which only
 * the path is read.
 */
export function targetOf(externalUrl: string, requestTarget: string): string | undefined {
  const path = requestTarget.replace(ABSOLUTE_FORM, "").replace(/[?#].*$/s, "");
  if (!path.startsWith("/")) return undefined;
  return normalTarget(externalUrl.replace(/\/$/, "") + path);
}

/** @returns what is wrong as a sentence part. */
export function externalUrlProblem(given: unknown): string | undefined {
  const kind = "takes the https address that clients use, like https://api.example";
  if (normalTarget(given) === undefined || /[?#]/.test(String(given))) {
    return `${kind}; no user name, query or fragment`;
  }
  const { protocol, hostname } = new URL(String(given));
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return protocol === "https:" || local ? undefined : `${kind} (http on this machine only)`;
}

/** The `Forwarded` header of RFC 7239 as elements. */
import { BACKSLASH, COMMA, EQUALS, QUOTE, SEMICOLON, isBlank, isTokenCode } from "./grammar.ts";

/** What one hop said about the request it received. */
export interface ForwardedElement {
  readonly node: string | undefined;
  readonly protocol: string | undefined;
  readonly host: string | undefined;
}

/** A longer header is not read at all. */
const FORWARDED_MAX_CHARS = 8192;

/** A reading position; `failed` stays set once the text left the grammar. */
interface Cursor {
  readonly text: string;
  at: number;
  failed: boolean;
}

function skipBlanks(cursor: Cursor): void {
  while (isBlank(cursor.text.charCodeAt(cursor.at))) cursor.at += 1;
}

function token(cursor: Cursor): string {
  const start = cursor.at;
  while (isTokenCode(cursor.text.charCodeAt(cursor.at))) cursor.at += 1;
  if (cursor.at === start) cursor.failed = true;
  return cursor.text.slice(start, cursor.at);
}

function quotedString(cursor: Cursor): string {
  const parts: string[] = [];
  for (cursor.at += 1; cursor.at < cursor.text.length; cursor.at += 1) {
    const code = cursor.text.charCodeAt(cursor.at);
    if (code === QUOTE) {
      cursor.at += 1;
      return parts.join("");
    }
    if (code === BACKSLASH) cursor.at += 1;
    parts.push(cursor.text.charAt(cursor.at));
  }
  cursor.failed = true;
  return "";
}

/** One `name=value` into `pairs`. A name that comes twice leaves the grammar. */
function pair(cursor: Cursor, pairs: Map<string, string>): void {
  const name = token(cursor).toLowerCase();
  if (cursor.text.charCodeAt(cursor.at) !== EQUALS || pairs.has(name)) cursor.failed = true;
  if (cursor.failed) return;
  cursor.at += 1;
  const value = cursor.text.charCodeAt(cursor.at) === QUOTE ? quotedString(cursor) : token(cursor);
  pairs.set(name, value);
}

function element(cursor: Cursor): ForwardedElement | undefined {
  const pairs = new Map<string, string>();
  while (!cursor.failed) {
    skipBlanks(cursor);
    const code = cursor.text.charCodeAt(cursor.at);
    if (code === COMMA || cursor.at >= cursor.text.length) break;
    if (code === SEMICOLON) {
      cursor.at += 1;
      continue;
    }
    pair(cursor, pairs);
    skipBlanks(cursor);
    const next = cursor.text.charCodeAt(cursor.at);
    const ended = cursor.at >= cursor.text.length || next === SEMICOLON || next === COMMA;
    // What follows a closing quote is judged here: a client's open quote cannot swallow what a
    // hop appended and still be well-formed.
    if (!ended) cursor.failed = true;
  }
  if (pairs.size === 0) return undefined;
  return { node: pairs.get("for"), protocol: pairs.get("proto"), host: pairs.get("host") };
}

/**
 * Read the header, last element first.
 *
 * @returns No element at all when any part is malformed, because then it cannot be told which part
 *   a trusted hop wrote. Linear in the header, at most {@link FORWARDED_MAX_CHARS}.
 * @see RFC 7239 section 4
 */
export function readForwarded(header: string | null | undefined): ForwardedElement[] {
  if (header === undefined || header === null || header.length > FORWARDED_MAX_CHARS) return [];
  const cursor: Cursor = { text: header, at: 0, failed: false };
  const elements: ForwardedElement[] = [];
  while (cursor.at < header.length) {
    const read = element(cursor);
    if (cursor.failed) return [];
    if (read !== undefined) elements.push(read);
    cursor.at += 1;
  }
  return elements.reverse();
}

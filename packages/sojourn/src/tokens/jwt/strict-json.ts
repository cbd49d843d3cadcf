/**
 * JSON of a token: one reading only. `JSON.parse` takes the last of two equal members where another
 * parser takes the first, so a repeated name is refused; names are compared as they are read, not
 * as they are spelt. RFC 8725 section 2.4; RFC 7519 section 4.
 */

/** Deeper than any token of ours by far. */
const DEPTH_MAX = 16;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COLON = 0x3a;
const SPACE = 0x20;

export type JsonObject = Readonly<Record<string, unknown>>;

const utf8: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns `undefined` unless the bytes are UTF-8 of one JSON object without repeated members. */
export function readJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return hasPlainMembers(text) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** @param text Valid JSON. @returns false for repeated names, `__proto__`, and too much depth. */
function hasPlainMembers(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(text, at);
      if (names !== undefined && !isNewMember(text, at, { end, names })) return false;
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (open.push(names) > DEPTH_MAX) return false;
      names = code === OPEN_OBJECT ? new Set() : undefined;
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      names = open.pop();
    }
  }
  return true;
}

/** The index of the closing quote of a string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote;
  for (let at = start + 1; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
}

/** False for a name that was there before. Values are none. */
function isNewMember(
  text: string,
  start: number,
  { end, names }: { readonly end: number; readonly names: Set<string> },
): boolean {
  if (!isName(text, end)) return true;
  const name = nameOf(text, start, end);
  if (name === "__proto__" || names.has(name)) return false;
  names.add(name);
  return true;
}

/** A string in an object is a name iff a colon follows. */
function isName(text: string, end: number): boolean {
  let at = end + 1;
  while (text.charCodeAt(at) <= SPACE) at += 1;
  return text.charCodeAt(at) === COLON;
}

function nameOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/**
 * JSON of a token: one reading only. `JSON.parse` takes the last of two equal members where another
 * parser takes the first, so a repeated name is refused; names are compared as they are read, not
 * as they are spelt. RFC 8725 section 2.4; RFC 7519 section 4.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

export type JsonObject = Readonly<Record<string, unknown>>;

const utf8: TextDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns `undefined` unless the bytes are UTF-8 of one JSON object without repeated members. */
export function readJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    // A repeated member is written twice and read once. Quicker than to write it back and compare.
    return colonsIn(text) === membersOf(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** How many members valid JSON spells out: each has one colon outside of texts. */
function colonsIn(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at);
    else if (code === COLON) colons += 1;
  }
  return colons;
}

/** How many members were read, at every depth; `NaN` with a name that means something else. */
function membersOf(value: object): number {
  if (Object.hasOwn(value, "__proto__")) return Number.NaN;
  const values: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let members = values === value ? 0 : values.length;
  for (const inner of values) {
    if (typeof inner === "object" && inner !== null) members += membersOf(inner);
  }
  return members;
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

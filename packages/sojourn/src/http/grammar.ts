/**
 * Character classes of HTTP fields, RFC 9110 section 5.6, as table look-ups: no regular expression
 * runs over what a client sends.
 */

export const SPACE = 0x20;
const TAB = 0x09;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;

function table(accepts: (character: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) =>
    accepts(String.fromCharCode(code)) ? 1 : 0,
  );
}

const TOKEN = table((character) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character));
const COOKIE_OCTET = table((character) =>
  /[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/.test(character),
);
const TOKEN68 = table((character) => /[A-Za-z0-9\-._~+/]/.test(character));
const HOST = table((character) => /[A-Za-z0-9\-._:[\]]/.test(character));

function all(text: string, classes: Uint8Array): boolean {
  for (let index = 0; index < text.length; index += 1) {
    // A code past the table reads `undefined`, which is not 1.
    if (classes[text.charCodeAt(index)] !== 1) return false;
  }
  return text.length > 0;
}

/** A field name, method, parameter name or cookie name: at least one `tchar`. */
export function isToken(text: string): boolean {
  return all(text, TOKEN);
}

/** One character of a token. */
export function isTokenCode(code: number): boolean {
  return TOKEN[code] === 1;
}

/** One character of `token68` before its padding. RFC 9110 section 11.2. */
export function isToken68Code(code: number): boolean {
  return TOKEN68[code] === 1;
}

/** At least one `cookie-octet`; no quotes, white space, comma, semicolon, backslash, control. */
export function isCookieValue(text: string): boolean {
  return all(text, COOKIE_OCTET);
}

/** Characters that `host[:port]` can have. Says nothing about their order. */
export function hasHostCharacters(text: string): boolean {
  return all(text, HOST);
}

/** Space or horizontal tab. */
export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The part from `start` to before `end` without blanks around it. */
export function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

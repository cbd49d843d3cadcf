/**
 * The session-bound CSRF token as text. The caller computes the HMAC over the session and draws
 * the pad; here the two are joined for a page and taken apart again. A fresh pad per render keeps
 * the text different each time, so that compression of the page reveals nothing about it (BREACH).
 */
import { ArgumentError } from "../engine/errors.ts";

/** Bytes of the HMAC and of the pad. */
export const CSRF_MAC_BYTES = 32;
/** Characters of a rendered token: 64 bytes as base64url without padding. */
export const CSRF_TOKEN_CHARS = 86;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NOT_A_DIGIT = 0xff;
const DIGITS: Uint8Array = new Uint8Array(128).fill(NOT_A_DIGIT);
for (let digit = 0; digit < ALPHABET.length; digit += 1) {
  DIGITS[ALPHABET.charCodeAt(digit)] = digit;
}

function requireBytes(path: string, bytes: Uint8Array): void {
  if (bytes.length === CSRF_MAC_BYTES) return;
  throw new ArgumentError(path, `takes ${CSRF_MAC_BYTES} bytes, got ${bytes.length}`);
}

function encode(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += ALPHABET.charAt((held >> bits) & 0x3f);
    }
  }
  return bits === 0 ? text : text + ALPHABET.charAt((held << (6 - bits)) & 0x3f);
}

/** @returns `undefined` for a foreign character or for spare bits that are not 0. */
function decode(text: string, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = DIGITS[text.charCodeAt(index)] ?? NOT_A_DIGIT;
    if (digit === NOT_A_DIGIT) return undefined;
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (held >> bits) & 0xff;
    at += 1;
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

/**
 * Render a token for one page.
 *
 * @param mac 32 bytes, HMAC-SHA-256 over the session.
 * @param pad 32 fresh bytes from a CSPRNG, used for this render only.
 * @throws {ArgumentError} when either is not 32 bytes.
 */
export function renderToken(mac: Uint8Array, pad: Uint8Array): string {
  requireBytes("csrf.mac", mac);
  requireBytes("csrf.pad", pad);
  const joined = new Uint8Array(2 * CSRF_MAC_BYTES);
  joined.set(pad);
  for (let index = 0; index < CSRF_MAC_BYTES; index += 1) {
    joined[CSRF_MAC_BYTES + index] = (mac[index] ?? 0) ^ (pad[index] ?? 0);
  }
  return encode(joined);
}

/**
 * Take the 32-byte HMAC out of a presented token; {@link equalBytes} compares it.
 *
 * @returns `undefined` unless the text is exactly what {@link renderToken} could have written.
 */
export function readToken(text: string | null | undefined): Uint8Array | undefined {
  if (typeof text !== "string" || text.length !== CSRF_TOKEN_CHARS) return undefined;
  const joined = decode(text, 2 * CSRF_MAC_BYTES);
  if (joined === undefined) return undefined;
  const mac = joined.slice(CSRF_MAC_BYTES);
  for (let index = 0; index < CSRF_MAC_BYTES; index += 1) {
    mac[index] = (mac[index] ?? 0) ^ (joined[index] ?? 0);
  }
  return mac;
}

/** Compare in time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index += 1) {
    difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  }
  return difference === 0;
}

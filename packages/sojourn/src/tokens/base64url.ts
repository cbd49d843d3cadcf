/**
 * base64url without padding (RFC 4648 section 5), the same in every runtime. Decoding is strict:
 * one text per byte string, so nothing can be spelt in two ways.
 */

const ALPHABET_TEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ALPHABET: readonly string[] = ALPHABET_TEXT.split("");
const NO_VALUE = 255;

/** Two characters for each 12 bits. */
const PAIRS: readonly string[] = ALPHABET.flatMap((high) => ALPHABET.map((low) => high + low));

const VALUES: Uint8Array = new Uint8Array(128).fill(NO_VALUE);
for (const [value, character] of ALPHABET.entries()) VALUES[character.charCodeAt(0)] = value;

/**
 * @param length How many of the bytes; a `subarray` of a small array costs more than the encoding.
 */
export function encodeBase64Url(bytes: Uint8Array, length: number = bytes.length): string {
  const whole = length - (length % 3);
  let text = "";
  for (let at = 0; at < whole; at += 3) {
    const group = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
    text += (PAIRS[group >> 12] as string) + (PAIRS[group & 0xfff] as string);
  }
  const rest = length - whole;
  if (rest === 0) return text;
  const last = (byteAt(bytes, whole) << 16) | (rest === 2 ? byteAt(bytes, whole + 1) << 8 : 0);
  const tail = PAIRS[last >> 12] as string;
  return rest === 1 ? text + tail : text + tail + (ALPHABET[(last >> 6) & 63] as string);
}

/** @returns `undefined` for another alphabet, padding, or bits beyond the last byte. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const rest = text.length % 4;
  if (rest === 1) return undefined;
  const whole = text.length - rest;
  const bytes = new Uint8Array((whole / 4) * 3 + Math.max(rest - 1, 0));
  if (!decodeGroups(text, 0, bytes.subarray(0, (whole / 4) * 3))) return undefined;
  if (rest === 0) return bytes;
  const last = decodeBase64Url(text.slice(whole).padEnd(4, "A"));
  if (last === undefined || last.subarray(rest - 1).some((byte) => byte !== 0)) return undefined;
  bytes.set(last.subarray(0, rest - 1), (whole / 4) * 3);
  return bytes;
}

/**
 * Fill `target`, whose length is a multiple of 3, from the characters at `start`.
 * @returns false when one of them is not in the alphabet or missing.
 */
export function decodeGroups(text: string, start: number, target: Uint8Array): boolean {
  let seen = 0;
  let from = start;
  for (let at = 0; at < target.length; at += 3) {
    const a = valueAt(text, from);
    const b = valueAt(text, from + 1);
    const c = valueAt(text, from + 2);
    const d = valueAt(text, from + 3);
    seen |= a | b | c | d;
    target[at] = (a << 2) | (b >> 4);
    target[at + 1] = (b << 4) | (c >> 2);
    target[at + 2] = (c << 6) | d;
    from += 4;
  }
  return seen < 64;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

/** The end of the text gives NaN, which is not below 128 either. */
function valueAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 128 ? (VALUES[code] as number) : NO_VALUE;
}

/**
 * Short texts as bytes. Session ids and verifiers are base64url, so 4 characters fit into 3
 * bytes. The alphabet is ranked by its ASCII order, not by RFC 4648: then the order of the bytes
 * is JavaScript's order of the texts, and pages sorted by id agree with every other store.
 * A text that is not whole base64url groups stays text; both ways are exact.
 */
const ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const NO_RANK = 255;
const RANKS: Uint8Array = ranks();

/** Two characters for each 12 bits. */
const PAIRS: readonly string[] = Array.from(
  { length: 4096 },
  (_, bits) => (ALPHABET[bits >> 6] ?? "") + (ALPHABET[bits & 63] ?? ""),
);

function ranks(): Uint8Array {
  const table = new Uint8Array(128).fill(NO_RANK);
  for (let rank = 0; rank < ALPHABET.length; rank += 1) table[ALPHABET.charCodeAt(rank)] = rank;
  return table;
}

/** Bytes for a text of whole base64url groups, else the text itself. */
export function pack(text: string): string | Uint8Array {
  const length = text.length;
  if (length === 0 || length % 4 !== 0) return text;
  const bytes = new Uint8Array((length / 4) * 3);
  let out = 0;
  for (let index = 0; index < length; index += 4) {
    const a = rankAt(text, index);
    const b = rankAt(text, index + 1);
    const c = rankAt(text, index + 2);
    const d = rankAt(text, index + 3);
    if ((a | b | c | d) > 63) return text;
    bytes[out] = (a << 2) | (b >> 4);
    bytes[out + 1] = (b << 4) | (c >> 2);
    bytes[out + 2] = (c << 6) | d;
    out += 3;
  }
  return bytes;
}

function rankAt(text: string, index: number): number {
  return RANKS[text.charCodeAt(index)] ?? NO_RANK;
}

/** The text that {@link pack} was given. */
export function unpack(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(value);
  let text = "";
  for (let index = 0; index + 2 < value.length; index += 3) {
    const middle = value[index + 1] ?? 0;
    text += PAIRS[((value[index] ?? 0) << 4) | (middle >> 4)] ?? "";
    text += PAIRS[((middle & 15) << 8) | (value[index + 2] ?? 0)] ?? "";
  }
  return text;
}

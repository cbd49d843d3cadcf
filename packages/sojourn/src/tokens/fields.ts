/**
 * The one way bytes are laid out before they are keyed: lengths first, then texts, then a tail of
 * fixed size. Two different lists of fields never give the same bytes.
 */

/** What stands for `null`, which differs from every text, the empty one included. */
const ABSENT = 0xffff_ffff;
const LENGTH_BYTES = 4;
const EMPTY: Uint8Array = new Uint8Array(0);

/** 32-bit big-endian lengths ‖ texts ‖ tail. Use one number of fields and tail size per purpose. */
export function encodeFields(
  fields: readonly (string | null)[],
  tail: Uint8Array = EMPTY,
): Uint8Array {
  let size = fields.length * LENGTH_BYTES + tail.length;
  for (const field of fields) size += field === null ? 0 : textBytes(field);
  const bytes = new Uint8Array(size);
  let at = fields.length * LENGTH_BYTES;
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] ?? null;
    const end = field === null ? at : writeText(bytes, at, field);
    writeUint32(bytes, index * LENGTH_BYTES, field === null ? ABSENT : end - at);
    at = end;
  }
  bytes.set(tail, at);
  return bytes;
}

export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function textBytes(text: string): number {
  let size = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.codePointAt(index) as number;
    if (code > 0xffff) index += 1;
    size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return size;
}

/**
 * UTF-8, but a lone surrogate keeps its own three bytes: `TextEncoder` folds all of them into
 * U+FFFD, and two tenants would then be one. @returns where the text ends.
 */
function writeText(target: Uint8Array, start: number, text: string): number {
  let at = start;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.codePointAt(index) as number;
    if (code < 0x80) {
      target[at++] = code;
      continue;
    }
    if (code > 0xffff) {
      index += 1;
      target[at++] = 0xf0 | (code >> 18);
      target[at++] = 0x80 | ((code >> 12) & 0x3f);
    } else if (code > 0x7ff) {
      target[at++] = 0xe0 | (code >> 12);
    }
    if (code > 0x7ff) target[at++] = 0x80 | ((code >> 6) & 0x3f);
    else target[at++] = 0xc0 | (code >> 6);
    target[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

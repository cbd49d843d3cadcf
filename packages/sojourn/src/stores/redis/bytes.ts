/**
 * Writing and reading the compact parts of a row: varints, instants as spans from a base, and
 * texts that take three bytes for four base64url characters where that is exact, or one for all.
 */

/** Authentication methods of RFC 8176: one byte each. Add at the end, never renumber. */
const WORDS: readonly string[] =
  "pwd otp hwk swk pin sms tel mfa mca pop user face fpt iris retina vbm geo kba rba sc wia".split(
    " ",
  );
const WORD_NUMBERS: ReadonlyMap<string, number> = new Map(WORDS.map((word, at) => [word, at]));
const WORD_LENGTH_MAX = 6;
const BASE64URL: RegExp = /^[\w-]+$/;
const CONTINUES = 0x80;
const INITIAL_BYTES = 256;

export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** A copy of what was written. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  /** A whole number, 0 to 2^53 - 1. */
  count(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= CONTINUES) {
      this.#bytes[this.#at++] = (rest % CONTINUES) | CONTINUES;
      rest = Math.floor(rest / CONTINUES);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  /** A whole number of either sign. */
  span(value: number): this {
    return this.count(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** Any well-formed text. The lowest bit of its length says whether it is packed, or a word. */
  text(value: string): this {
    const word = value.length <= WORD_LENGTH_MAX ? WORD_NUMBERS.get(value) : undefined;
    if (word !== undefined) return this.count(wordHead(word));
    if (value.length % 4 === 0 && BASE64URL.test(value)) {
      const bytes = (value.length / 4) * 3;
      this.count(bytes * 2 + 1);
      return this.#put(value, "base64url", bytes);
    }
    const bytes = Buffer.byteLength(value);
    this.count(bytes * 2);
    return this.#put(value, "utf8", bytes);
  }

  /** What {@link packsInto} so many bytes, without its length. */
  packed(value: string, bytes: number): this {
    return this.#put(value, "base64url", bytes);
  }

  /** UTF-8 behind its length, as the scripts read it. */
  plain(value: string): this {
    const bytes = Buffer.byteLength(value);
    return this.count(bytes).#put(value, "utf8", bytes);
  }

  #put(value: string, encoding: BufferEncoding, bytes: number): this {
    this.#reserve(bytes);
    this.#bytes.write(value, this.#at, encoding);
    this.#at += bytes;
    return this;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  count(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < CONTINUES) return value;
      scale *= CONTINUES;
    }
  }

  span(): number {
    const value = this.count();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  text(): string {
    const head = this.count();
    const word = wordOf(head);
    if (word !== undefined) return word;
    return this.#take(Math.floor(head / 2), head % 2 === 1 ? "base64url" : "utf8");
  }

  packed(bytes: number): string {
    return this.#take(bytes, "base64url");
  }

  plain(): string {
    return this.#take(this.count(), "utf8");
  }

  #take(length: number, encoding: BufferEncoding): string {
    const from = this.#at;
    this.#at += length;
    return this.#bytes.toString(encoding, from, this.#at);
  }
}

/** @param bytes A multiple of three. */
export function packsInto(value: string, bytes: number): boolean {
  return value.length === (bytes / 3) * 4 && BASE64URL.test(value);
}

/** Packed texts have a multiple of three bytes: the other odd heads stand for words. */
function wordHead(word: number): number {
  return (word + Math.floor(word / 2) + 1) * 2 + 1;
}

function wordOf(head: number): string | undefined {
  const length = Math.floor(head / 2);
  if (head % 2 === 0 || length % 3 === 0) return undefined;
  return WORDS[length - Math.floor(length / 3) - 1];
}

/** Numbers and short texts as bytes: integers as long as need be, base64url at 3 bytes for 4. */
import { textIn, textOut } from "./text.ts";

const WHOLE_GROUPS = /^(?:[A-Za-z0-9_-]{4})+$/;

export class ByteWriter {
  readonly #bytes: number[] = [];

  /** A whole number between ±2^52. */
  number(value: number): this {
    // Zigzag, so that small numbers of either sign stay short.
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    while (rest >= 0x80) {
      this.#bytes.push((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes.push(rest);
    return this;
  }

  text(text: string): this {
    const packed = WHOLE_GROUPS.test(text);
    const bytes = packed ? Buffer.from(text, "base64url") : Buffer.from(textIn(text));
    this.number(packed ? bytes.length : -1 - bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte % 0x80) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    const length = this.number();
    const end = this.#at + (length < 0 ? -1 - length : length);
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return length < 0 ? textOut(part.toString()) : part.toString("base64url");
  }
}

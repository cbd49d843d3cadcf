/**
 * Tokens that were proved lately, found by the end of their signature and compared whole. Bounded:
 * the least used go first.
 */

import { TOKEN_BYTES_MAX } from "./compact.ts";

/** Hashing a whole token costs more than everything else about a token that is known. */
const KEY_CHARS = 32;

export class Memo<Proved extends { readonly text: string }> {
  readonly #halfMax: number;
  #young: Map<string, Proved> = new Map();
  #old: Map<string, Proved> = new Map();

  /** @param max How many at most. */
  constructor(max: number) {
    this.#halfMax = Math.max(1, Math.floor(max / 2));
  }

  get(text: unknown): Proved | undefined {
    if (typeof text !== "string" || text.length > TOKEN_BYTES_MAX) return undefined;
    const key = text.slice(-KEY_CHARS);
    const young = this.#young.get(key);
    if (young?.text === text) return young;
    const old = this.#old.get(key);
    if (old?.text !== text) return undefined;
    this.set(old);
    return old;
  }

  set(proved: Proved): void {
    if (this.#young.size >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(proved.text.slice(-KEY_CHARS), proved);
  }

  delete({ text }: Proved): void {
    const key = text.slice(-KEY_CHARS);
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

/** Tokens that were proved lately, by their whole text. Bounded: the least used go first. */

export class Memo<Proved> {
  readonly #halfMax: number;
  #young: Map<string, Proved> = new Map();
  #old: Map<string, Proved> = new Map();

  /** @param max How many at most. */
  constructor(max: number) {
    this.#halfMax = Math.max(1, Math.floor(max / 2));
  }

  get(token: string): Proved | undefined {
    const young = this.#young.get(token);
    if (young !== undefined) return young;
    const old = this.#old.get(token);
    if (old !== undefined) this.set(token, old);
    return old;
  }

  set(token: string, proved: Proved): void {
    if (this.#young.size >= this.#halfMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(token, proved);
  }

  delete(token: string): void {
    this.#young.delete(token);
    this.#old.delete(token);
  }
}

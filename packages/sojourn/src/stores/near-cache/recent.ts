/**
 * Names told of in the last span, and for at most two; in bounded memory, or not to be relied on.
 */
export class Recent {
  readonly #spanMs: number;
  readonly #max: number;
  #young: Set<string> = new Set();
  #old: Set<string> = new Set();
  #since: number;
  /** More was told than is kept, until then. */
  #incompleteUntil = -Infinity;

  /** @param now Of the clock that all instants here are read from. */
  constructor(spanMs: number, max: number, now: number) {
    this.#spanMs = spanMs;
    this.#max = max;
    this.#since = now;
  }

  note(name: string, now: number): void {
    this.#turn(now);
    if (this.#young.size < this.#max) this.#young.add(name);
    else this.#incompleteUntil = now + this.#spanMs;
  }

  /** True also when it may have been forgotten. */
  has(name: string, now: number): boolean {
    this.#turn(now);
    return now < this.#incompleteUntil || this.#young.has(name) || this.#old.has(name);
  }

  #turn(now: number): void {
    const passedMs = now - this.#since;
    if (passedMs < this.#spanMs) return;
    this.#old = passedMs < 2 * this.#spanMs ? this.#young : new Set();
    this.#young = new Set();
    this.#since = now;
  }
}

/** What happened, as text: the last lines for a failure, a hash of all of it for sameness. */

const LINES_KEPT = 36;

export class Trace {
  readonly #last: string[] = [];
  #count = 0;
  #hash = 0x811c9dc5;

  /** Lines so far. */
  get count(): number {
    return this.#count;
  }

  add(line: string): void {
    this.#last[this.#count % LINES_KEPT] = line;
    this.#count += 1;
    let hash = this.#hash;
    for (let index = 0; index < line.length; index += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
    }
    this.#hash = hash;
  }

  /** FNV-1a of every line: equal runs give equal hashes. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** The last lines, oldest first. */
  tail(): string[] {
    const from = Math.max(0, this.#count - LINES_KEPT);
    const lines: string[] = [];
    for (let at = from; at < this.#count; at += 1) lines.push(this.#last[at % LINES_KEPT] ?? "");
    return lines;
  }
}

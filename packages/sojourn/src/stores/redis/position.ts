/**
 * Where in every bucket's log a subscriber is, as one opaque text: `incarnation:numbers`, a number
 * in base 36 for each bucket, `_n` for n buckets without a change. Hundreds of characters when all
 * buckets have changes: so it is made when somebody asks for it.
 */

/** The number of the last change of each bucket. */
export type Seqs = readonly number[];

export function positionOf(incarnation: string, seqs: Seqs): string {
  const parts: string[] = [];
  let empty = 0;
  for (const seq of seqs) {
    if (seq === 0) {
      empty += 1;
      continue;
    }
    if (empty > 0) parts.push(`_${empty.toString(36)}`);
    empty = 0;
    parts.push(seq.toString(36));
  }
  return `${incarnation}:${parts.join(".")}`;
}

const NUMBER: RegExp = /^_?[0-9a-z]{1,10}$/;

/** @returns `undefined` for a text that is no position in the logs of this incarnation. */
export function seqsOf(
  position: string,
  incarnation: string,
  buckets: number,
): number[] | undefined {
  const colon = position.indexOf(":");
  if (colon === -1 || position.slice(0, colon) !== incarnation) return undefined;
  const seqs = Array.from({ length: buckets }, () => 0);
  let bucket = 0;
  for (const part of position.slice(colon + 1).split(".")) {
    if (part === "") continue;
    if (!NUMBER.test(part)) return undefined;
    if (part.startsWith("_")) {
      bucket += Number.parseInt(part.slice(1), 36);
      continue;
    }
    if (bucket >= buckets) return undefined;
    seqs[bucket] = Number.parseInt(part, 36);
    bucket += 1;
  }
  return seqs;
}

/** A change on the way from a known place. It keeps those before it, so the way must be short. */
export class Step {
  readonly #from: Place | Step;
  readonly #bucket: number;
  readonly #seq: number;
  /** Changes since the known place. */
  readonly length: number;

  constructor(from: Place | Step, bucket: number, seq: number) {
    this.#from = from;
    this.#bucket = bucket;
    this.#seq = seq;
    this.length = from instanceof Step ? from.length + 1 : 1;
  }

  /** The position after this change. */
  position(): string {
    return Step.#after(this);
  }

  static #after(last: Step): string {
    const later = new Map<number, number>();
    let at: Place | Step = last;
    while (at instanceof Step) {
      if (!later.has(at.#bucket)) later.set(at.#bucket, at.#seq);
      at = at.#from;
    }
    const { incarnation, seqs } = at;
    return positionOf(
      incarnation,
      seqs.map((seq, bucket) => later.get(bucket) ?? seq),
    );
  }
}

/** A known place; its numbers are never changed. */
export interface Place {
  readonly incarnation: string;
  readonly seqs: Seqs;
}

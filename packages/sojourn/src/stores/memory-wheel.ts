/**
 * Entries by deadline in coarse buckets: entering, leaving and bringing forward cost the same
 * however many there are. A deadline that moves later is not written down; the entry is asked for
 * its deadline anew when its bucket comes due. Touches therefore never get here.
 */

/** What an entry carries for the wheel it is in; `undefined` while it is in none. */
export interface WheelEntry<Entry> {
  bucket: Bucket<Entry> | undefined;
  next: Entry | undefined;
  previous: Entry | undefined;
}

interface Bucket<Entry> {
  readonly key: number;
  first: Entry | undefined;
}

const BUCKET_MS = 10_000;
/** Entries one call may look at without taking them: bounds how long it holds the thread. */
const MOVED_PER_CALL_MAX = 20_000;

export interface Due<Entry> {
  readonly taken: readonly Entry[];
  /** A bound was met: there may be more. */
  readonly more: boolean;
}

export class DeadlineWheel<Entry extends WheelEntry<Entry>> {
  readonly #deadlineOf: (entry: Entry) => number;
  readonly #buckets: Map<number, Bucket<Entry>> = new Map<number, Bucket<Entry>>();
  /** Keys of the buckets, ascending. */
  readonly #keys: number[] = [];
  #size = 0;

  constructor(deadlineOf: (entry: Entry) => number) {
    this.#deadlineOf = deadlineOf;
  }

  get size(): number {
    return this.#size;
  }

  /** Enter, or bring forward if the deadline has become earlier. */
  schedule(entry: Entry): void {
    const key = Math.floor(this.#deadlineOf(entry) / BUCKET_MS);
    if (entry.bucket !== undefined) {
      if (entry.bucket.key <= key) return;
      this.remove(entry);
    }
    const bucket = this.#bucket(key);
    entry.bucket = bucket;
    entry.next = bucket.first;
    if (bucket.first !== undefined) bucket.first.previous = entry;
    bucket.first = entry;
    this.#size += 1;
  }

  /** Leave; nothing happens if the entry is in no bucket. */
  remove(entry: Entry): void {
    const bucket = entry.bucket;
    if (bucket === undefined) return;
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else bucket.first = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.bucket = undefined;
    entry.next = undefined;
    entry.previous = undefined;
    this.#size -= 1;
    if (bucket.first === undefined) this.#drop(bucket.key);
  }

  /** Take out at most `limit` entries whose deadline is at or before `now`. */
  takeDue(now: number, limit: number): Due<Entry> {
    const taken: Entry[] = [];
    const lastKey = Math.floor(now / BUCKET_MS);
    let moved = 0;
    for (let key = this.#keys[0]; key !== undefined && key <= lastKey; key = this.#keyAfter(key)) {
      let entry = this.#buckets.get(key)?.first;
      while (entry !== undefined) {
        if (taken.length >= limit || moved >= MOVED_PER_CALL_MAX) return { taken, more: true };
        const next: Entry | undefined = entry.next;
        const at = this.#deadlineOf(entry);
        if (at <= now) {
          this.remove(entry);
          taken.push(entry);
        } else if (Math.floor(at / BUCKET_MS) > key) {
          this.remove(entry);
          this.schedule(entry);
          moved += 1;
        }
        entry = next;
      }
    }
    return { taken, more: false };
  }

  /** One of those due first, to the width of a bucket. */
  earliest(): Entry | undefined {
    const key = this.#keys[0];
    return key === undefined ? undefined : this.#buckets.get(key)?.first;
  }

  #bucket(key: number): Bucket<Entry> {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket: Bucket<Entry> = { key, first: undefined };
    this.#buckets.set(key, bucket);
    this.#keys.splice(this.#indexOf(key), 0, key);
    return bucket;
  }

  #drop(key: number): void {
    this.#buckets.delete(key);
    this.#keys.splice(this.#indexOf(key), 1);
  }

  #keyAfter(key: number): number | undefined {
    const index = this.#indexOf(key);
    return this.#keys[index] === key ? this.#keys[index + 1] : this.#keys[index];
  }

  /** Where `key` is or belongs. */
  #indexOf(key: number): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? 0) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

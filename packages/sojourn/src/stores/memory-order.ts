/**
 * Rows by creation: ascending by `createdAt`, then id, in chunks, so that adding the newest costs
 * the same among ten as among millions and a page starts anywhere by binary search.
 */
import { comparePlaces } from "../engine/listing.ts";
import type { Place } from "../engine/listing.ts";

const CHUNK_ROWS_MAX = 512;

export class CreationOrder<Item> {
  readonly #placeOf: (item: Item) => Place;
  readonly #chunks: Item[][] = [];

  constructor(placeOf: (item: Item) => Place) {
    this.#placeOf = placeOf;
  }

  add(item: Item): void {
    const place = this.#placeOf(item);
    const at = this.#chunkToAddTo(place);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      return;
    }
    const newest = chunk.at(-1);
    if (newest !== undefined && comparePlaces(this.#placeOf(newest), place) < 0) chunk.push(item);
    else chunk.splice(this.#indexIn(chunk, place), 0, item);
    if (chunk.length <= CHUNK_ROWS_MAX) return;
    // The newest chunk splits at its end, so that chunks made by appending stay full.
    const last = at === this.#chunks.length - 1;
    const rest = chunk.splice(last ? CHUNK_ROWS_MAX : CHUNK_ROWS_MAX >>> 1);
    this.#chunks.splice(at + 1, 0, rest);
  }

  remove(item: Item): void {
    const place = this.#placeOf(item);
    const at = this.#chunkOf(place);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = this.#indexIn(chunk, place);
    if (chunk[index] !== item) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Newest first, from just before `place`. Not to be changed meanwhile. */
  *before(place: Place | undefined): Generator<Item, void, undefined> {
    const start = place === undefined ? this.#chunks.length - 1 : this.#chunkOf(place);
    for (let at = start; at >= 0; at -= 1) {
      const chunk = this.#chunks[at] ?? [];
      const cut = at === start && place !== undefined;
      for (
        let index = (cut ? this.#indexIn(chunk, place) : chunk.length) - 1;
        index >= 0;
        index -= 1
      ) {
        const item = chunk[index];
        if (item !== undefined) yield item;
      }
    }
  }

  /** The last one for what is newer than all of it, which is nearly everything. */
  #chunkToAddTo(place: Place): number {
    const last = this.#chunks.length - 1;
    const first = this.#chunks[last]?.[0];
    if (first !== undefined && comparePlaces(this.#placeOf(first), place) <= 0) return last;
    return Math.max(this.#chunkOf(place), 0);
  }

  /** The last chunk that begins at or before `place`; −1 when all begin after it. */
  #chunkOf(place: Place): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#chunks[middle]?.[0];
      if (first !== undefined && comparePlaces(this.#placeOf(first), place) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #indexIn(chunk: readonly Item[], place: Place): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const item = chunk[middle];
      if (item !== undefined && comparePlaces(this.#placeOf(item), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

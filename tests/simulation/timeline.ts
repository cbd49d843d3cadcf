/**
 * Simulated time: one queue of events for the whole world. Nothing happens but what stands in it,
 * one event after the other, and every promise an event settled runs its course before the next.
 */

export interface Cancel {
  (): void;
}

interface Scheduled {
  readonly at: number;
  /** Order of scheduling, for events of the same millisecond. */
  readonly order: number;
  run: (() => void) | undefined;
}

export class Timeline {
  #now = 0;
  #order = 0;
  /** A binary heap: the earliest event first. */
  readonly #heap: Scheduled[] = [];

  /** Milliseconds since the beginning of the world; whole. */
  get now(): number {
    return this.#now;
  }

  /** Events that happened or are scheduled: grows by one with each. */
  get order(): number {
    return this.#order;
  }

  /** Run once in `ms`, rounded up to whole milliseconds. */
  after(ms: number, run: () => void): Cancel {
    this.#order += 1;
    const event: Scheduled = {
      at: this.#now + Math.ceil(Math.max(ms, 0)),
      order: this.#order,
      run,
    };
    this.#push(event);
    return () => void (event.run = undefined);
  }

  /** A promise for `after`. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /**
   * Let `ms` pass. `settled` is called after each event, once all that it set off has come to rest.
   */
  async pass(ms: number, settled: () => void): Promise<void> {
    const until = this.#now + ms;
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#pop();
      this.#now = Math.max(this.#now, next.at);
      if (next.run === undefined) continue;
      next.run();
      await rest();
      settled();
    }
    this.#now = until;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let child = heap.push(event) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!sooner(heap[child], heap[parent])) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (sooner(heap[left], heap[least])) least = left;
      if (sooner(heap[right], heap[least])) least = right;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b] as Scheduled, heap[a] as Scheduled];
  }
}

function sooner(a: Scheduled | undefined, b: Scheduled | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** After all microtasks. The only macrotask of the simulation: it decides nothing. */
export function rest(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

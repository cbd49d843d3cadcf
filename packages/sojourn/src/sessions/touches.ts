/**
 * Write-behind for activity: touches gather for at most {@link TOUCH_LAG_MS} and go out in one
 * batch. They may be lost (invariant I6 says by how much); nothing else goes this way.
 */
import type { SessionRef, SessionStore, Timers } from "../engine/ports.ts";

/** δ of invariant I6. */
export const TOUCH_LAG_MS = 250;
const BATCH_MAX = 512;
/** Sessions whose activity is kept while the store does not take it. */
const WAITING_MAX = 100_000;

interface Waiting {
  readonly ref: SessionRef;
  readonly seenAt: number;
}

export class TouchQueue {
  readonly #store: SessionStore;
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  #waiting: Map<string, Waiting> = new Map();
  /**
   * The batch under way, empty when none is. One at a time: while a store hangs, what comes merges
   * into `#waiting`.
   */
  #sending: ReadonlyMap<string, Waiting> = new Map();
  #flushing: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;

  constructor(store: SessionStore, timers: Timers, onError: (error: unknown) => void) {
    this.#store = store;
    this.#timers = timers;
    this.#onError = onError;
  }

  /** True when nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#sending.size === 0;
  }

  /** The last activity noted here and not yet known to be stored. */
  seenAt(ref: SessionRef): number | undefined {
    const key = ref.id + ref.tenant;
    return (this.#waiting.get(key) ?? this.#sending.get(key))?.seenAt;
  }

  /** Note activity. Bounded: a touch may be lost, memory must not be. */
  add(ref: SessionRef, seenAt: number): void {
    const key = ref.id + ref.tenant;
    if (this.#waiting.size >= WAITING_MAX && !this.#waiting.has(key)) return;
    this.#waiting.set(key, { ref, seenAt });
    // What is under way takes along whatever waits before it is done.
    if (this.#sending.size > 0) return;
    if (this.#waiting.size >= BATCH_MAX) void this.flush();
    else this.#cancel ??= this.#timers.after(TOUCH_LAG_MS, () => void this.flush());
  }

  /** Send what waits, batch after batch. Never rejects. */
  flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#sending.size === 0) this.#flushing = this.#send();
    return this.#flushing;
  }

  async #send(): Promise<void> {
    try {
      while (this.#waiting.size > 0) {
        const batch = [...this.#waiting].slice(0, BATCH_MAX);
        for (const [key] of batch) this.#waiting.delete(key);
        this.#sending = new Map(batch);
        try {
          await this.#store.touch([...this.#sending.values()]);
        } catch (error) {
          this.#onError(error);
        }
      }
    } finally {
      // In the same turn as the last look at `#waiting`: a touch noted after it needs a timer.
      this.#sending = new Map();
    }
  }
}

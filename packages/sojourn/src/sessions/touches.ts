/**
 * Write-behind for activity: touches gather for at most {@link TOUCH_LAG_MS} and go out in one
 * batch. They may be lost (invariant I6 says by how much); nothing else goes this way.
 */
import type { SessionRef, SessionStore, Timers, Touch } from "../engine/ports.ts";

/** δ of invariant I6. */
export const TOUCH_LAG_MS = 250;
const BATCH_MAX = 512;

export class TouchQueue {
  readonly #store: SessionStore;
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  #waiting: Map<string, { ref: SessionRef; seenAt: number }> = new Map();
  #cancel: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(store: SessionStore, timers: Timers, onError: (error: unknown) => void) {
    this.#store = store;
    this.#timers = timers;
    this.#onError = onError;
  }

  /** True when nothing waits. */
  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  /** The last activity noted here and not yet known to be stored. */
  seenAt(ref: SessionRef): number | undefined {
    return this.#waiting.get(ref.id + ref.tenant)?.seenAt;
  }

  add(ref: SessionRef, seenAt: number): void {
    const key = ref.id + ref.tenant;
    this.#waiting.set(key, { ref, seenAt });
    if (this.#waiting.size >= BATCH_MAX) void this.flush();
    else this.#cancel ??= this.#timers.after(TOUCH_LAG_MS, () => void this.flush());
  }

  /** Send what waits. Never rejects: a touch may be lost. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#waiting.size === 0) return this.#flushing;
    const batch: Touch[] = [...this.#waiting.values()];
    this.#waiting = new Map();
    const before = this.#flushing;
    this.#flushing = (async () => {
      await before;
      try {
        await this.#store.touch(batch);
      } catch (error) {
        this.#onError(error);
      }
    })();
    return this.#flushing;
  }
}

/** One store tail for everybody in the process who wants to hear of changes. */
import type { SessionStore, StoreChange, Subscription, TailHandlers } from "../engine/ports.ts";

export type ChangeListener = Pick<TailHandlers, "change" | "gap">;

export class ChangeFeed {
  readonly #store: Pick<SessionStore, "tail">;
  readonly #trouble: (error: unknown) => void;
  readonly #listeners: Set<ChangeListener> = new Set();
  #tail: Subscription | undefined;

  constructor(store: Pick<SessionStore, "tail">, trouble: (error: unknown) => void) {
    this.#store = store;
    this.#trouble = trouble;
  }

  /** From here on. The first listener begins the tail, the last one to leave ends it. */
  add(listener: ChangeListener): Subscription {
    this.#tail ??= this.#store.tail("now", {
      change: (change: StoreChange) => {
        for (const one of this.#listeners) one.change(change);
      },
      gap: () => {
        for (const one of this.#listeners) one.gap?.();
      },
      error: this.#trouble,
    });
    this.#listeners.add(listener);
    return {
      close: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size === 0) this.close();
      },
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#tail?.close();
    this.#tail = undefined;
  }
}

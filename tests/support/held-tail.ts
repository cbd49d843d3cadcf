/** A store whose tail is in the hands of the test: when it tells, and what it proves. */
import type { SessionStore, StoreChange, TailHandlers } from "sojourn";

interface Told {
  readonly handlers: TailHandlers;
  readonly waiting: StoreChange[];
}

export class HeldTail {
  readonly store: SessionStore;
  readonly #told: Set<Told> = new Set();
  #held = false;
  /** Reads that reached the store. */
  finds = 0;

  constructor(inner: SessionStore) {
    this.store = new Proxy(inner, {
      get: (target, name) => {
        if (name === "tail") return (from: string, told: TailHandlers) => this.#tail(from, told);
        if (name === "find") this.finds += 1;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    this.inner = inner;
  }

  readonly inner: SessionStore;

  get listeners(): number {
    return this.#told.size;
  }

  /** Changes wait, and nothing is proven: the connection is lost. */
  hold(): void {
    this.#held = true;
  }

  /** What waits is told, in order. */
  resume(): void {
    this.#held = false;
    for (const { handlers, waiting } of this.#told) {
      for (const change of waiting.splice(0)) handlers.change(change);
    }
  }

  prove(askedAt: number): void {
    if (this.#held) return;
    for (const { handlers } of this.#told) handlers.frontier?.("p", askedAt);
  }

  #tail(from: string, handlers: TailHandlers): { close(): void } {
    const told: Told = { handlers, waiting: [] };
    this.#told.add(told);
    const below = this.inner.tail(from, {
      change: (change) => {
        if (this.#held) told.waiting.push(change);
        else handlers.change(change);
      },
    });
    return {
      close: () => {
        this.#told.delete(told);
        below.close();
      },
    };
  }
}

/** A store whose tail is in the hands of the test: when it tells, and what it proves. */
import type { SessionRef, SessionStore, StoreChange, StoredSession, TailHandlers } from "sojourn";

interface Told {
  readonly handlers: TailHandlers;
  readonly waiting: StoreChange[];
}

export class HeldTail {
  readonly store: SessionStore;
  readonly #told: Set<Told> = new Set();
  readonly #passing: boolean;
  #held = false;
  #answers: Promise<void> = Promise.resolve();
  /** Reads that reached the store. */
  finds = 0;

  /** @param proofs Whether the store's own proofs pass; else the test gives them. */
  constructor(inner: SessionStore, proofs: "passing" | "by hand" = "by hand") {
    this.#passing = proofs === "passing";
    this.store = new Proxy(inner, {
      get: (target, name) => {
        if (name === "tail") return (from: string, told: TailHandlers) => this.#tail(from, told);
        if (name === "find") return (ref: SessionRef) => this.#find(ref);
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

  /** What is read from here on is answered when the test says so, as it was when it was read. */
  holdFinds(): () => void {
    let release = (): void => undefined;
    this.#answers = new Promise((resolve) => void (release = resolve));
    return release;
  }

  async #find(ref: SessionRef): Promise<StoredSession | undefined> {
    this.finds += 1;
    const stored = await this.inner.find(ref);
    await this.#answers;
    return stored;
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
      frontier: (position, askedAt) => {
        if (this.#passing && !this.#held) handlers.frontier?.(position, askedAt);
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

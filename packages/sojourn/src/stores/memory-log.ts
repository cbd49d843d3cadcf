/**
 * Changes in the order they happened, the newest kept in a ring, told to subscribers within the
 * write that made them: when a revocation returns, every cache on this tail has heard of it.
 */
import type { StoreChange, Subscription, TailHandlers } from "../engine/ports.ts";
import { tell } from "./handlers.ts";

/** A change before it has a position. */
export type Unplaced<Change> = Change extends StoreChange ? Omit<Change, "position"> : never;

interface Subscriber {
  readonly handlers: TailHandlers;
  /** Sequence of the next change to deliver. */
  next: number;
  /** Asked to resume from where nobody can: it is told so before anything else. */
  owedGap: boolean;
  open: boolean;
}

export class ChangeLog {
  readonly #incarnation: string;
  readonly #ring: StoreChange[] = [];
  readonly #size: number;
  readonly #subscribers: Set<Subscriber> = new Set<Subscriber>();
  /** Sequence of the last change. */
  #last = 0;
  #delivering = false;
  #nowAt = 0;

  constructor(incarnation: string, size: number) {
    this.#incarnation = incarnation;
    this.#size = size;
  }

  /** Note a change made at `now`; absent for a write that is told no time. */
  append(change: Unplaced<StoreChange>, now?: number): void {
    if (now !== undefined && now > this.#nowAt) this.#nowAt = now;
    this.#last += 1;
    const placed = { ...change, position: this.#position(this.#last) } as StoreChange;
    this.#ring[this.#last % this.#size] = placed;
    if (this.#subscribers.size > 0) this.#deliver();
  }

  subscribe(from: string, handlers: TailHandlers): Subscription {
    const known = from === "now" ? this.#last : this.#sequence(from);
    const next = (known ?? this.#last) + 1;
    const subscriber: Subscriber = { handlers, next, owedGap: known === undefined, open: true };
    this.#subscribers.add(subscriber);
    // Not within this call: its caller does not hold the subscription yet.
    queueMicrotask(() => this.#deliver());
    return {
      close: () => {
        subscriber.open = false;
        this.#subscribers.delete(subscriber);
      },
    };
  }

  close(): void {
    for (const subscriber of this.#subscribers) subscriber.open = false;
    this.#subscribers.clear();
  }

  /** A handler that writes appends here; the outer loop delivers, so that order holds for all. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      let told: number;
      do {
        told = this.#last;
        for (const subscriber of this.#subscribers) {
          this.#catchUp(subscriber);
          tell(subscriber, (handlers) => handlers.frontier?.(this.#position(told), this.#nowAt));
        }
      } while (told !== this.#last);
    } finally {
      this.#delivering = false;
    }
  }

  #catchUp(subscriber: Subscriber): void {
    const first = Math.max(1, this.#last - this.#size + 1);
    if (subscriber.owedGap || subscriber.next < first) {
      subscriber.owedGap = false;
      subscriber.next = Math.max(subscriber.next, first);
      tell(subscriber, (handlers) => handlers.gap?.());
    }
    const until = this.#last;
    while (subscriber.open && subscriber.next <= until) {
      const change = this.#ring[subscriber.next % this.#size];
      subscriber.next += 1;
      if (change !== undefined) tell(subscriber, (handlers) => handlers.change(change));
    }
  }

  #position(sequence: number): string {
    return `${this.#incarnation}:${sequence}`;
  }

  /** @returns `undefined` for a position that is not ours, or of which the ring no longer knows. */
  #sequence(position: string): number | undefined {
    const [incarnation, digits] = position.split(":");
    const sequence = Number(digits);
    if (incarnation !== this.#incarnation || !Number.isInteger(sequence)) return undefined;
    if (sequence < 0 || sequence > this.#last) return undefined;
    return sequence >= this.#last - this.#size ? sequence : undefined;
  }
}

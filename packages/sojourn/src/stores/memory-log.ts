/**
 * Changes in the order they happened, the newest kept in a ring, told to subscribers within the
 * write that made them: when a revocation returns, every cache on this tail has heard of it.
 */
import type { StoreChange, Subscription, TailHandlers } from "../engine/ports.ts";
import type { SessionRecord } from "../engine/record.ts";
import { tell } from "./handlers.ts";

/** A change before it has a position. */
export type Unplaced<Change> = Change extends StoreChange ? Omit<Change, "position"> : never;

/** What followers are told of a session. */
export function changeOf(
  { tenant, id, subject, state, end }: SessionRecord,
  what: "created" | "changed" | "ended",
): Unplaced<StoreChange> {
  const change = { kind: "session", what, ref: { tenant, id }, subject } as const;
  if (end !== undefined) return { ...change, end };
  return state === "locked" ? { ...change, locked: true } : change;
}

/** Where nothing changes, whoever follows is told so this often. */
const PROOF_EVERY_MS = 200;

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
  readonly #proves: boolean;
  readonly #subscribers: Set<Subscriber> = new Set<Subscriber>();
  /** Sequence of the last change. */
  #last = 0;
  #delivering = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param proves Whether all changes there are pass through here, so that silence proves it. */
  constructor(incarnation: string, size: number, proves: boolean = true) {
    this.#incarnation = incarnation;
    this.#size = size;
    this.#proves = proves;
  }

  append(change: Unplaced<StoreChange>): void {
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
    if (this.#proves) this.#timer ??= setInterval(() => this.#deliver(), PROOF_EVERY_MS);
    unref(this.#timer);
    return {
      close: () => {
        subscriber.open = false;
        this.#subscribers.delete(subscriber);
        if (this.#subscribers.size === 0) this.#stop();
      },
    };
  }

  close(): void {
    for (const subscriber of this.#subscribers) subscriber.open = false;
    this.#subscribers.clear();
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A handler that writes appends here; the outer loop delivers, so that order holds for all. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      let told: number;
      do {
        told = this.#last;
        const askedAt = performance.now();
        for (const subscriber of this.#subscribers) {
          this.#catchUp(subscriber);
          if (!this.#proves) continue;
          tell(subscriber, (handlers) => handlers.frontier?.(this.#position(told), askedAt));
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

/** Where there are processes, this one may end meanwhile. */
function unref(timer: ReturnType<typeof setInterval> | undefined): void {
  if (typeof timer === "object") timer.unref();
}

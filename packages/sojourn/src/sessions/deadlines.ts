/**
 * One deadline for many calls, with one timer for all of them. While anything waits, time counts in
 * tenths of the span: a process that was busy for longer than all of it has missed one of them, and
 * has the others to read the answers that lie there.
 */
import type { Timers } from "../engine/ports.ts";

/** Whoever begins within a tenth counts from its beginning, and is given up so much sooner. */
const TICKS = 10;

/** What waits, in a list in the order of beginning. */
export interface Wait {
  readonly late: () => void;
  /** The tick that ends it. */
  readonly due: number;
  before: Wait | undefined;
  after: Wait | undefined;
  over: boolean;
}

export class Deadlines {
  readonly #timers: Timers;
  readonly #spanMs: number;
  readonly #ticks: number;
  #tick = 0;
  /** Stops the tick under way. */
  #cancel: (() => void) | undefined;
  #first: Wait | undefined;
  #last: Wait | undefined;

  /** @param spanMs Whole milliseconds; a call is given up after this, or up to a tenth sooner. */
  constructor(timers: Timers, spanMs: number) {
    this.#timers = timers;
    this.#spanMs = spanMs;
    this.#ticks = Math.min(TICKS, spanMs);
  }

  /** @param late Called once, unless {@link end} was called before. */
  begin(late: () => void): Wait {
    const due = this.#tick + this.#ticks;
    const wait: Wait = { late, due, before: this.#last, after: undefined, over: false };
    if (this.#last === undefined) this.#first = wait;
    else this.#last.after = wait;
    this.#last = wait;
    this.#cancel ??= this.#startTick();
    return wait;
  }

  /** @returns false when it was over already. */
  end(wait: Wait): boolean {
    if (wait.over) return false;
    wait.over = true;
    const { before, after } = wait;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // A call that never ends would keep all that came after it.
    wait.before = undefined;
    wait.after = undefined;
    if (this.#first === undefined) {
      this.#cancel?.();
      this.#cancel = undefined;
    }
    return true;
  }

  /** Any ten in a row take the span exactly. */
  #startTick(): () => void {
    const at = this.#tick % this.#ticks;
    const upTo = (tick: number): number => Math.floor((tick * this.#spanMs) / this.#ticks);
    return this.#timers.after(upTo(at + 1) - upTo(at), () => this.#endTick());
  }

  #endTick(): void {
    this.#cancel = undefined;
    this.#tick += 1;
    while (this.#first !== undefined && this.#first.due <= this.#tick) {
      const wait = this.#first;
      this.end(wait);
      wait.late();
    }
    if (this.#first !== undefined) this.#cancel ??= this.#startTick();
  }
}

/**
 * The clock of a running process: monotonic time plus an offset learnt from the wall clock or the
 * store. The wall clock is watched, not followed: when it leaves the offset by more than a second
 * (set by hand, a suspended machine, a restored snapshot) nothing is judged until `learn`.
 */
import { ArgumentError, ClockJumpedError } from "../engine/errors.ts";
import type { Clock } from "../engine/ports.ts";

/** More than this between the two clocks is a jump. A correction below it never goes back. */
const CLOCK_JUMP_MS = 1_000;

export interface ClockSources {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly wall?: () => number;
  /** Milliseconds since any instant, never going back. Default `performance.now`. */
  readonly monotonic?: () => number;
}

/** A clock that has learnt the wall clock's offset. `now()` is a whole number and costs 0.1 µs. */
export function systemClock(sources: ClockSources = {}): Clock {
  return new SystemClock(
    sources.wall ?? (() => Date.now()),
    sources.monotonic ?? (() => performance.now()),
  );
}

class SystemClock implements Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** Our time minus the monotonic clock. */
  #offset = 0;
  /** The wall clock minus the monotonic clock, as of the last `learn`. */
  #wallOffset = 0;
  /** Stays set until `learn`, even when the wall clock jumps back: something set it. */
  #jumpedByMs = 0;
  #last = -Infinity;

  constructor(wall: () => number, monotonic: () => number) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.learn(undefined);
  }

  now(): number {
    // Whole milliseconds keep the sum exact; the offset is a difference of whole numbers.
    const monotonic = Math.floor(this.#monotonic());
    const drift = Math.floor(this.#wall()) - monotonic - this.#wallOffset;
    if (drift > CLOCK_JUMP_MS || drift < -CLOCK_JUMP_MS) this.#jumpedByMs = drift;
    if (this.#jumpedByMs !== 0) throw new ClockJumpedError(this.#jumpedByMs);
    const now = monotonic + this.#offset;
    if (now > this.#last) this.#last = now;
    return this.#last;
  }

  learn(storeNowAt: number | undefined): void {
    if (storeNowAt !== undefined && !Number.isFinite(storeNowAt)) {
      throw new ArgumentError("clock.learn", "the store's time is not a finite number");
    }
    const monotonic = Math.floor(this.#monotonic());
    const wall = Math.floor(this.#wall());
    const now = storeNowAt === undefined ? wall : Math.floor(storeNowAt);
    this.#offset = now - monotonic;
    this.#wallOffset = wall - monotonic;
    this.#jumpedByMs = 0;
    // A small step back is waited out, so that instants of one process stay in order.
    if (now < this.#last - CLOCK_JUMP_MS) this.#last = now;
  }
}

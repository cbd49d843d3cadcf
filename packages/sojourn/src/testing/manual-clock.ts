import { ClockJumpedError } from "../engine/errors.ts";
import type { Clock, Timers } from "../engine/ports.ts";

interface Timer {
  readonly dueAt: number;
  /** Order of setting, for timers due at the same instant. */
  readonly order: number;
  readonly run: () => void;
}

/** More timers than this in one advance are taken for one that sets itself again for ever. */
const TIMERS_PER_ADVANCE_MAX = 1_000_000;

/** Time that passes only when a test says so. */
export class ManualClock implements Clock, Timers {
  #now: number;
  #jumpedMs = 0;
  #order = 0;
  readonly #timers: Set<Timer> = new Set<Timer>();

  /** @param startAt Milliseconds since the epoch; default 2027-01-15T08:00:00Z. */
  constructor(startAt: number = 1_800_000_000_000) {
    this.#now = startAt;
  }

  now(): number {
    if (this.#jumpedMs !== 0) throw new ClockJumpedError(this.#jumpedMs);
    return this.#now;
  }

  /** Takes the store's time, or the wall clock's where the store has none; never goes back. */
  learn(storeNowAt: number | undefined): void {
    const learned = storeNowAt ?? this.#now + this.#jumpedMs;
    this.#jumpedMs = 0;
    this.#now = Math.max(this.#now, learned);
  }

  after(ms: number, run: () => void): () => void {
    this.#order += 1;
    const timer: Timer = { dueAt: this.#now + Math.max(ms, 0), order: this.#order, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that are set and have not run. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Let time pass, running what becomes due in order, each at its own instant. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError("advance: time only goes on; use jump for the wall clock");
    const until = this.#now + ms;
    for (let count = 0; count < TIMERS_PER_ADVANCE_MAX; count += 1) {
      const timer = this.#earliest();
      if (timer === undefined || timer.dueAt > until) break;
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.dueAt);
      timer.run();
    }
    this.#now = Math.max(this.#now, until);
  }

  /**
   * {@link advance}, pausing after each timer so that promises it settled run their course: for
   * code that sets a timer, waits and sets the next.
   */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let count = 0; count < TIMERS_PER_ADVANCE_MAX; count += 1) {
      await settled();
      const timer = this.#earliest();
      if (timer === undefined || timer.dueAt > until) break;
      this.advance(Math.max(timer.dueAt - this.#now, 0));
    }
    this.#now = Math.max(this.#now, until);
    await settled();
  }

  /** Move the wall clock alone, back or forth: `now` throws until `learn`. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      const sooner =
        earliest === undefined ||
        timer.dueAt < earliest.dueAt ||
        (timer.dueAt === earliest.dueAt && timer.order < earliest.order);
      if (sooner) earliest = timer;
    }
    return earliest;
  }
}

/** After the microtasks queued so far, and those they queue. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}

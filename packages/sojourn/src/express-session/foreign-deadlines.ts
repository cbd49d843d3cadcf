/**
 * Deadlines of the sessions that this process made, changed or touched: what a sweep can work off
 * in a store that cannot be searched. What is missing here still ends at its deadline, which every
 * read judges, and its row goes by the store's own expiry; only its event is not told.
 */
import type { SessionRef } from "../engine/ports.ts";
import { endsAt } from "../engine/record.ts";
import type { SessionRecord } from "../engine/record.ts";
import { DeadlineWheel } from "../stores/memory-wheel.ts";
import type { Due, WheelEntry } from "../stores/memory-wheel.ts";
import { sessionKey } from "./foreign-rows.ts";

const KNOWN_MAX = 200_000;

export interface Known extends WheelEntry<Known>, SessionRef {
  /** The end that is due, or the one that was. */
  at: number;
  ended: boolean;
}

export class ForeignDeadlines {
  readonly #known: Map<string, Known> = new Map();
  readonly #live: DeadlineWheel<Known> = new DeadlineWheel<Known>(({ at }) => at);
  readonly #ended: DeadlineWheel<Known> = new DeadlineWheel<Known>(({ at }) => at);

  /** Note what was just written. Bounded: beyond {@link KNOWN_MAX} sessions nothing is noted. */
  note(record: SessionRecord): void {
    const key = sessionKey(record);
    const known = this.#known.get(key) ?? this.#enter(key, record);
    if (known === undefined) return;
    const ended = record.end !== undefined;
    if (ended !== known.ended) this.#wheelOf(known).remove(known);
    known.ended = ended;
    known.at = record.end?.at ?? endsAt(record);
    this.#wheelOf(known).schedule(known);
  }

  forget(ref: SessionRef): void {
    const key = sessionKey(ref);
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#wheelOf(known).remove(known);
    this.#known.delete(key);
  }

  /** Take out what may be overdue at `now`: look at each, then note or forget it. */
  takeOverdue(now: number, limit: number): Due<Known> {
    return this.#live.takeDue(now, limit);
  }

  /** Take out what ended before `before`: erase each, then forget it. */
  takeEndedBefore(before: number, limit: number): Due<Known> {
    return this.#ended.takeDue(before - 1, limit);
  }

  /** What was taken out and could not be worked off. */
  putBack(taken: readonly Known[]): void {
    for (const known of taken) {
      const current = this.#known.get(sessionKey(known)) === known;
      if (current && known.bucket === undefined) this.#wheelOf(known).schedule(known);
    }
  }

  #enter(key: string, { tenant, id }: SessionRef): Known | undefined {
    if (this.#known.size >= KNOWN_MAX) return undefined;
    const links = { bucket: undefined, next: undefined, previous: undefined };
    const known: Known = { tenant, id, at: 0, ended: false, ...links };
    this.#known.set(key, known);
    return known;
  }

  #wheelOf(known: Known): DeadlineWheel<Known> {
    return known.ended ? this.#ended : this.#live;
  }
}

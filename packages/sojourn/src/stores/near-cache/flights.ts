/**
 * Reads under way, at most two per session: one that began, and one that all who came since will
 * share. Nobody is answered by a read that began before he asked, however many ask at once.
 */
import type { SessionRef, StoredSession } from "../../engine/ports.ts";

/** A read under way. */
export interface Flight {
  readonly tenant: string;
  readonly beganAt: number;
  /** What the guard stood at when it began; see {@link Flights.begin}. */
  readonly guard: number;
  /** Something was told of this session meanwhile: what it brings may be of before that. */
  doomed: boolean;
  answer: Promise<StoredSession | undefined>;
  /** The one after it, once somebody has asked for it. */
  next: Promise<StoredSession | undefined> | undefined;
}

/** A read that takes longer is not waited for: whoever comes then begins one of his own. */
const PATIENCE_MS = 1_000;
const NONE: Promise<undefined> = Promise.resolve(undefined);

export interface FlightParts {
  readonly monotonic: () => number;
  readonly read: (ref: SessionRef) => Promise<StoredSession | undefined>;
  /** What stands now; a read keeps what it brings only if that is what stands then. */
  readonly guard: () => number;
  readonly landed: (stored: StoredSession, flight: Flight) => void;
}

export class Flights {
  readonly #parts: FlightParts;
  readonly #flights: Map<string, Flight> = new Map();
  /** Callers who shared a read with others. */
  joined = 0;
  reads = 0;

  constructor(parts: FlightParts) {
    this.#parts = parts;
  }

  /** Answered by a read that begins after this call. */
  find(ref: SessionRef): Promise<StoredSession | undefined> {
    const flight = this.#flights.get(ref.id);
    if (flight === undefined || !this.#isShared(flight, ref)) return this.#begin(ref);
    this.joined += 1;
    if (flight.next === undefined) {
      const again = (): Promise<StoredSession | undefined> => this.#after(flight, ref);
      flight.next = flight.answer.then(again, again);
    }
    return flight.next;
  }

  /** What reads of this session under way bring is not to be kept. */
  doom(id: string): void {
    const flight = this.#flights.get(id);
    if (flight !== undefined) flight.doomed = true;
  }

  #isShared({ tenant, beganAt }: Flight, ref: SessionRef): boolean {
    return tenant === ref.tenant && this.#parts.monotonic() - beganAt < PATIENCE_MS;
  }

  /** All of `next` came before this: a read that somebody began meanwhile is theirs, too. */
  #after(flight: Flight, ref: SessionRef): Promise<StoredSession | undefined> {
    const now = this.#flights.get(ref.id);
    return now !== undefined && now !== flight && this.#isShared(now, ref)
      ? now.answer
      : this.#begin(ref);
  }

  #begin(ref: SessionRef): Promise<StoredSession | undefined> {
    const { monotonic, guard } = this.#parts;
    const flight: Flight = {
      tenant: ref.tenant,
      beganAt: monotonic(),
      guard: guard(),
      doomed: false,
      answer: NONE,
      next: undefined,
    };
    // Nobody can reach the one that is replaced any more to tell it of changes.
    this.doom(ref.id);
    this.#flights.set(ref.id, flight);
    this.reads += 1;
    flight.answer = this.#fly(ref, flight);
    return flight.answer;
  }

  async #fly(ref: SessionRef, flight: Flight): Promise<StoredSession | undefined> {
    try {
      const stored = await this.#parts.read(ref);
      if (stored !== undefined) this.#parts.landed(stored, flight);
      return stored;
    } finally {
      if (this.#flights.get(ref.id) === flight) this.#flights.delete(ref.id);
    }
  }
}

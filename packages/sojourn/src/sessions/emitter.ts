/** Hands events to listeners. A listener that throws is reported and harms nobody else. */
import type { EventDetails, EventName, SessionEvent } from "../protocol/events.ts";

export type EventListener<Name extends EventName = EventName> = (event: SessionEvent<Name>) => void;

/** Event fields as a caller gives them; `at` and `sidRef` are added on the way. */
export type EventInput<Name extends EventName> = EventDetails[Name] & {
  readonly tenant: string;
  readonly subject?: string | undefined;
  readonly session?: string | undefined;
  readonly actor?: string | undefined;
  readonly cause?: string | undefined;
};

export class Emitter {
  readonly #listeners: Map<string, Set<(event: SessionEvent) => void>> = new Map();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** @param name An event name, or `"*"` for all. @returns what takes the listener off again. */
  on<Name extends EventName>(name: Name | "*", listener: EventListener<Name>): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    const own = listener as unknown as (event: SessionEvent) => void;
    set.add(own);
    return () => void set.delete(own);
  }

  /** True when building the event is worth its cost. */
  wanted(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0 || (this.#listeners.get("*")?.size ?? 0) > 0;
  }

  emit(event: SessionEvent): void {
    for (const key of [event.name, "*"]) {
      for (const listener of this.#listeners.get(key) ?? []) {
        try {
          const result: unknown = listener(event);
          if (result instanceof Promise) result.catch(this.#onError);
        } catch (error) {
          this.#onError(error);
        }
      }
    }
  }
}

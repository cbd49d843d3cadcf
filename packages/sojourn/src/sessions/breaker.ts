/**
 * Stops asking a store that has stopped answering. While it hangs, each call would hold a request
 * for the whole deadline; so after some unanswered calls in a row the others fail at once, and one
 * at a time is let through to see whether it is back.
 */
import type { Timers } from "../engine/ports.ts";

/** Calls in a row without an answer, of whatever operation. */
const UNANSWERED_MAX = 5;
const PAUSE_MS = 500;

export class Breaker {
  readonly #timers: Timers;
  #unanswered = 0;
  #state: "closed" | "open" | "trying" = "closed";
  #mayTry = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** May this call be made? */
  admits(): boolean {
    if (this.#state === "closed") return true;
    if (!this.#mayTry) return false;
    this.#mayTry = false;
    this.#state = "trying";
    return true;
  }

  /** The store answered, were it with an error. */
  answered(): void {
    this.#unanswered = 0;
    this.#state = "closed";
  }

  unanswered(): void {
    this.#unanswered += 1;
    if (this.#state === "closed" && this.#unanswered < UNANSWERED_MAX) return;
    if (this.#state === "open") return;
    this.#state = "open";
    this.#mayTry = false;
    this.#timers.after(PAUSE_MS, () => void (this.#mayTry = true));
  }
}

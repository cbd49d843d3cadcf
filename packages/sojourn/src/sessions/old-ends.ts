/** Old sessions that became ours are ended where they were; what fails is told and tried again. */
import type { Core } from "./core.ts";
import type { ForeignSessions } from "./foreign.ts";

/** Pauses before the second and every later try, in milliseconds. */
const PAUSES_MS: readonly number[] = [1_000, 10_000, 60_000, 600_000];
/** Beyond this many nothing is tried again by itself, only when the credential comes again. */
const WAITING_MAX = 1_000;

export class OldEnds {
  readonly #core: Core;
  /** What cancels the next try, by format and key. */
  readonly #waiting: Map<string, () => void> = new Map();
  #closed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** End it now, or see to it later. Never throws: the new session is good either way. */
  async end(format: ForeignSessions, key: string, tries = 0): Promise<void> {
    const name = JSON.stringify([format.name, key]);
    this.#waiting.get(name)?.();
    this.#waiting.delete(name);
    try {
      await format.end(key);
    } catch (error) {
      format.note?.("end-failed", this.#core.lastNow());
      this.#core.reportError(error);
      const pause = PAUSES_MS[tries];
      if (this.#closed || pause === undefined || this.#waiting.size >= WAITING_MAX) return;
      const again = (): void => void this.end(format, key, tries + 1);
      this.#waiting.set(name, this.#core.timers.after(pause, again));
    }
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}

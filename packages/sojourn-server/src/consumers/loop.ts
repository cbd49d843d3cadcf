/** Work that is done again and again: soon after it is woken, and every so often without. */
import { setImmediate as turn } from "node:timers/promises";

export interface LoopParts {
  /** @returns whether there may be more at once. */
  readonly round: () => Promise<boolean>;
  readonly everyMs: number;
  /** Said once for each outage. */
  readonly onTrouble: (error: unknown) => void;
  readonly onMended?: () => void;
}

const TROUBLE_MS_MAX = 5_000;

export class Loop {
  readonly #parts: LoopParts;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #woken = false;
  #stopped = false;
  #failures = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#sleep();
  }

  /** There is something to do; while it is in trouble, it takes its time all the same. */
  wake(): void {
    this.#woken = true;
    if (this.#failures === 0) this.#run();
  }

  /** Ends with the round that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    if (this.#stopped || this.#running !== undefined) return;
    clearTimeout(this.#timer);
    this.#running = this.#rounds().finally(() => {
      this.#running = undefined;
      if (this.#woken && this.#failures === 0) this.#run();
      else this.#sleep();
    });
  }

  async #rounds(): Promise<void> {
    try {
      for (let more = true; more && !this.#stopped;) {
        this.#woken = false;
        more = await this.#parts.round();
        // In SQLite nothing above ever waits: requests have their turn between two batches.
        if (more) await turn();
      }
      if (this.#failures > 0) this.#parts.onMended?.();
      this.#failures = 0;
    } catch (error) {
      if (this.#failures === 0) this.#parts.onTrouble(error);
      this.#failures += 1;
    }
  }

  #sleep(): void {
    if (this.#stopped) return;
    const { everyMs } = this.#parts;
    const ms = Math.min(everyMs * 2 ** Math.min(this.#failures, 10), TROUBLE_MS_MAX);
    this.#timer = setTimeout(() => this.#run(), ms).unref();
  }
}

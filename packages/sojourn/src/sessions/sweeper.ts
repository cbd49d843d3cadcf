/**
 * Works off what is overdue, a little at a time. Correctness never waits for it: a passed deadline
 * is judged at every read. It gives each ended session its event, and keeps the store small.
 */
import type { EndedSession } from "../engine/ports.ts";
import { isClaim } from "./claims.ts";
import type { Core } from "./core.ts";
import { announceEnds } from "./events.ts";

export interface SweepSettings {
  /** Milliseconds between runs; jittered by a quarter so that nodes do not march in step. */
  readonly everyMs: number;
  /** Ended sessions stay readable (with their reason) this long, in milliseconds. */
  readonly keepEndedMs: number;
}

export const SWEEP_DEFAULTS: SweepSettings = { everyMs: 30_000, keepEndedMs: 7 * 86_400_000 };
const BATCH = 500;
const BATCHES_MAX = 2000;
/** After each batch the store has three quarters of the time for others. */
const REST_PER_WORK = 3;
const REST_MS_MAX = 1000;
/** Whoever leaves waits no longer for a store that has stopped answering. */
const LEAVE_MS = 5_000;

export class Sweeper {
  readonly #core: Core;
  readonly #settings: SweepSettings;
  #cancel: (() => void) | undefined;
  #running: Promise<number> | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(core: Core, settings: SweepSettings) {
    this.#core = core;
    this.#settings = settings;
  }

  start(): void {
    if (this.#closed) return;
    const jitter = (this.#core.entropy.bytes(1)[0] ?? 0) / 1024;
    this.#cancel = this.#core.timers.after(this.#settings.everyMs * (1 + jitter), () => {
      void this.run()
        .catch((error: unknown) => this.#core.noteTrouble("sweep", error))
        .finally(() => this.start());
    });
  }

  /** One run: batches until nothing is overdue. @returns how many sessions it ended. */
  run(): Promise<number> {
    this.#running ??= this.#work().finally(() => void (this.#running = undefined));
    return this.#running;
  }

  async #work(): Promise<number> {
    let ended = 0;
    for (let batch = 0; batch < BATCHES_MAX && !this.#closed; batch += 1) {
      const now = this.#core.now();
      const purgeBefore = now - this.#settings.keepEndedMs;
      const result = await this.#core.attempt("sweep", () =>
        this.#core.store.sweep({ now, limit: BATCH, purgeBefore }),
      );
      const sessions = result.ended.filter(({ record }) => !isClaim(record));
      announceEnds(this.#core, sessions);
      await this.#forget(result.ended.filter(({ record }) => isClaim(record)));
      ended += sessions.length;
      if (!result.more) break;
      await this.#rest((this.#core.now() - now) * REST_PER_WORK);
    }
    return ended;
  }

  #rest(ms: number): Promise<void> {
    if (ms <= 0 || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#core.timers.after(Math.min(ms, REST_MS_MAX), resolve);
    });
  }

  /** A claim that is over is nothing that anybody would read. */
  async #forget(claims: readonly EndedSession[]): Promise<void> {
    if (claims.length === 0) return;
    const deltas = claims.map(({ record: { tenant, id, absoluteExpiresAt: until } }) => {
      return { kind: "tombstone" as const, ref: { tenant, id }, until };
    });
    await this.#core.attempt("sweep", () => this.#core.store.apply(deltas, "sweep"));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#wake?.();
    const running = this.#running?.catch(() => undefined);
    if (running === undefined) return;
    let cancel: (() => void) | undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#core.timers.after(LEAVE_MS, resolve);
    });
    await Promise.race([running, late]);
    cancel?.();
  }
}

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
/** Whoever asks meanwhile waits for a batch: it takes about so long, whatever the store. */
const BATCH_MS = 2;
const BATCH_MIN = 25;
const BATCH_MAX = 500;
/** Sessions of one run. */
const RUN_MAX = 1_000_000;
/**
 * After each batch the store has three quarters of the time for others. One that works in this
 * thread has more: of a hundred who ask not even one is to find a batch under way, let alone one
 * that checkpoints the log, which takes fifty milliseconds on a large file.
 */
const REST_PER_WORK = { beside: 3, blocking: 150 } as const;
const REST_MS_MAX = 2000;
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
    let limit = BATCH_MIN;
    const restPerWork =
      REST_PER_WORK[this.#core.store.capabilities.blocking ? "blocking" : "beside"];
    for (let looked = 0; looked < RUN_MAX && !this.#closed; looked += limit) {
      const now = this.#core.now();
      const purgeBefore = now - this.#settings.keepEndedMs;
      const result = await this.#core.attempt("sweep", () =>
        this.#core.store.sweep({ now, limit, purgeBefore }),
      );
      const sessions = result.ended.filter(({ record }) => !isClaim(record));
      announceEnds(this.#core, sessions);
      await this.#forget(result.ended.filter(({ record }) => isClaim(record)));
      ended += sessions.length;
      if (!result.more) break;
      const tookMs = this.#core.now() - now;
      limit = nextLimit(limit, tookMs);
      await this.#rest(tookMs * restPerWork);
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

/** At most twice as many as the last time, which may have been a quick one. */
function nextLimit(limit: number, tookMs: number): number {
  const fitting = Math.min((limit * BATCH_MS) / Math.max(tookMs, 1), 2 * limit);
  return Math.round(Math.min(Math.max(fitting, BATCH_MIN), BATCH_MAX));
}

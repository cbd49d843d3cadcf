/**
 * Works on operations, chunk by chunk. What a chunk holds is noted before it is worked on and what
 * came of it afterwards, so that whoever takes over from a killed process repeats one chunk at
 * most, and each action may be repeated.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SojournError } from "sojourn";
import type { Sessions } from "sojourn";
import type { Search } from "../search/search.ts";
import type { OperationTable, Progress, Work } from "./operation-table.ts";
import type { Failure, Operation } from "./spec.ts";

export interface WorkerParts {
  readonly table: OperationTable;
  readonly search: Pick<Search, "page" | "caughtUp">;
  readonly sessions: Sessions;
  readonly now: () => number;
  readonly finished: (operation: Operation) => void;
  readonly onTrouble?: ((error: unknown) => void) | undefined;
  readonly leaseMs?: number | undefined;
}

const LEASE_MS = 5_000;
const POLL_MS = 500;
const RETRY_MS = 1_000;
const CHUNK = 50;
const AT_ONCE = 8;
const FAILURES_KEPT = 20;
/** Requests have the process for at least as long as a chunk took. */
const REST_MIN_MS = 2;
const REST_MAX_MS = 1_000;
const INDEX_WAIT_MS = 2_000;
const END = "end";
const OWNER_BYTES = 12;

export class Worker {
  readonly #parts: WorkerParts;
  readonly #holder = randomBytes(OWNER_BYTES).toString("base64url");
  #stopped = new AbortController();
  #wake: (() => void) | undefined;
  #working: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#working ??= this.#run();
  }

  /** There is something new to do. */
  wake(): void {
    this.#wake?.();
  }

  /** The chunk under way is finished; another process goes on from there. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake?.();
    await this.#working;
    if (this.#working !== undefined) {
      await this.#parts.table.leave(this.#holder).catch(() => undefined);
    }
    this.#working = undefined;
  }

  get #over(): boolean {
    return this.#stopped.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      let waitMs = POLL_MS;
      try {
        const { table, now } = this.#parts;
        const work = await table.claim(this.#holder, now(), this.#until());
        if (work !== undefined) waitMs = (await this.#workOn(work)) ? 0 : RETRY_MS;
      } catch (error) {
        this.#parts.onTrouble?.(error);
        waitMs = RETRY_MS;
      }
      if (waitMs > 0) await this.#pause(waitMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#over) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms).unref();
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  #until(): number {
    return this.#parts.now() + (this.#parts.leaseMs ?? LEASE_MS);
  }

  /** @returns false when it cannot go on just now. */
  async #workOn({ operation, progress }: Work): Promise<boolean> {
    let at = progress;
    try {
      // A session that was opened before, and is not filed yet, would be missed.
      if (!(await this.#parts.search.caughtUp(operation.createdAt, INDEX_WAIT_MS))) {
        const trouble = "waits for the search index, which is behind or being built";
        await this.#keep(operation, { ...at, trouble });
        return false;
      }
      while (!this.#over) {
        const begun = performance.now();
        if (at.chunk === undefined && at.place === END) return await this.#finish(operation);
        if (at.chunk === undefined) at = await this.#nextChunk(operation, at);
        if (!(await this.#keep(operation, at))) return true;
        at = await this.#act(operation, at);
        if (!(await this.#keep(operation, at))) return true;
        const { tenant, id } = operation;
        if ((await this.#parts.table.find(tenant, id))?.state !== "running") return true;
        const tookMs = performance.now() - begun;
        await sleep(Math.min(Math.max(tookMs, REST_MIN_MS), REST_MAX_MS));
      }
      return true;
    } catch (error) {
      if (!(error instanceof SojournError)) throw error;
      await this.#keep(operation, { ...at, trouble: error.message });
      return false;
    }
  }

  #keep({ id }: Operation, progress: Progress): Promise<boolean> {
    return this.#parts.table.keep(id, this.#holder, progress, this.#until());
  }

  async #finish(operation: Operation): Promise<boolean> {
    const { table, now } = this.#parts;
    const { tenant, id } = operation;
    if (await table.finish(tenant, id, "done", now())) {
      this.#parts.finished((await table.find(tenant, id)) ?? operation);
    }
    return true;
  }

  async #nextChunk({ tenant, filter, except = [] }: Operation, at: Progress): Promise<Progress> {
    const wanted = { limit: CHUNK, cursor: at.place };
    const { items, cursor } = await this.#parts.search.page(tenant, filter, wanted);
    const chunk = items.map(({ summary }) => `ses_${summary.id}`);
    const kept = chunk.filter((handle) => !except.includes(handle));
    return { ...at, chunk: kept, place: cursor ?? END, trouble: undefined };
  }

  async #act(operation: Operation, at: Progress): Promise<Progress> {
    const handles = at.chunk ?? [];
    const failures: Failure[] = [];
    for (let from = 0; from < handles.length; from += AT_ONCE) {
      const some = handles.slice(from, from + AT_ONCE);
      const failed = await Promise.all(some.map((handle) => this.#actOn(operation, handle)));
      failures.push(...failed.filter((one) => one !== undefined));
    }
    return {
      ...at,
      chunk: undefined,
      done: at.done + handles.length - failures.length,
      failed: at.failed + failures.length,
      failures: [...at.failures, ...failures].slice(0, FAILURES_KEPT),
    };
  }

  /** @returns why it could not be done. @throws {SojournError} for trouble that passes. */
  async #actOn(operation: Operation, handle: string): Promise<Failure | undefined> {
    const { tenant, actor, action, cause = "bulk", factors, createdAt } = operation;
    const { sessions } = this.#parts;
    try {
      if (action === "revoke") {
        await sessions.revoke(handle, { tenant, actor, cause });
        return undefined;
      }
      const session = await sessions.find(handle, { tenant });
      // Whoever has given a factor since is not asked for it again by a chunk that is repeated.
      const given = session?.assurance?.authTime ?? 0;
      if (given < createdAt) await session?.lock(factors, { actor, cause });
      return undefined;
    } catch (error) {
      if (!(error instanceof SojournError) || error.retryable) throw error;
      if (error.code === "ERR_SESSION_ENDED") return undefined;
      return { session: handle, why: error.message };
    }
  }
}

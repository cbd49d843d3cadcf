/**
 * Writes of concurrent callers share one transaction, so that 64 durable ones cost one fsync. A
 * group forms in the check phase of the event loop: all requests of one poll phase join it, a
 * lone caller waits for nothing. Each write is a function of the stored state and can be run
 * again: if one throws, the group is rolled back and each runs in a transaction of its own, so
 * that none suffers for another.
 *
 * Another process may hold the write lock. SQLite's own waiting blocks the event loop and is
 * unfair, so it is limited to a few milliseconds; longer waits are jittered retries between which
 * the loop runs. Under sustained load this side pauses now and then, or the other would starve.
 */
import { StoreUnavailableError } from "../../engine/errors.ts";
import { isBusy, storeFault } from "./faults.ts";

/** Ask for more than was foreseen: called inside a write. */
export interface WriteScope {
  /** This write ended a session or raised an epoch: it must be on disk when it is reported. */
  requireDurable(): void;
}

export interface Write<Result> {
  /** For error messages. */
  readonly name: string;
  /** True when the caller is told only after the disk has it. */
  readonly durable: boolean;
  /** Runs inside the transaction, perhaps more than once. */
  run(scope: WriteScope): Result;
}

export type SyncLevel = "NORMAL" | "FULL";

/** What a group needs of the database. */
export interface Transactions {
  begin(level: SyncLevel): void;
  commit(): void;
  rollback(): void;
  /** After a commit, before its callers are told. Does not throw. */
  committed(): void;
}

export interface GroupCommitOptions {
  /** How long a write may wait for another process's lock. */
  readonly busyTimeoutMs: number;
}

interface Entry {
  readonly write: Write<unknown>;
  readonly deadline: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Settled =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: Error };

const GROUP_MAX = 256;
const QUEUED_MAX = 100_000;
const RETRY_MIN_MS = 2;
const RETRY_SPREAD_MS = 12;
/** Having held the lock this long nearly without a break, let others have a turn. */
const HELD_MAX_MS = 100;
const BREAK_MS = 1;
const PAUSE_MS = 2;

export class GroupCommit {
  readonly #transactions: Transactions;
  readonly #busyTimeoutMs: number;
  #queue: Entry[] = [];
  #scheduled = false;
  #heldMs = 0;
  #releasedAt = 0;
  #idle: (() => void)[] = [];

  constructor(transactions: Transactions, options: GroupCommitOptions) {
    this.#transactions = transactions;
    this.#busyTimeoutMs = options.busyTimeoutMs;
  }

  /** Run a write in the next group. @throws {StoreUnavailableError} when the queue is full. */
  submit<Result>(write: Write<Result>): Promise<Result> {
    if (this.#queue.length >= QUEUED_MAX) {
      return Promise.reject(
        new StoreUnavailableError(`${write.name}: ${QUEUED_MAX} writes are waiting already`),
      );
    }
    return new Promise<Result>((resolve, reject) => {
      const deadline = performance.now() + this.#busyTimeoutMs;
      const settle = resolve as (result: unknown) => void;
      this.#queue.push({ write, deadline, resolve: settle, reject });
      this.#schedule();
    });
  }

  /** Resolves when everything submitted so far has been settled. */
  drained(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#heldMs < HELD_MAX_MS) {
      setImmediate(this.#flush);
      return;
    }
    this.#heldMs = 0;
    setTimeout(this.#flush, PAUSE_MS);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const group = this.#queue.length <= GROUP_MAX ? this.#queue : this.#queue.slice(0, GROUP_MAX);
    this.#queue = this.#queue.length <= GROUP_MAX ? [] : this.#queue.slice(GROUP_MAX);
    const startedAt = performance.now();
    if (startedAt - this.#releasedAt > BREAK_MS) this.#heldMs = 0;
    const busy = this.#runGroup(group);
    this.#releasedAt = performance.now();
    this.#heldMs += this.#releasedAt - startedAt;
    if (busy.length > 0) this.#retryLater(busy);
    else if (this.#queue.length > 0) this.#schedule();
    else for (const done of this.#idle.splice(0)) done();
  };

  /** @returns the entries that met a foreign lock and are still within their time. */
  #runGroup(group: readonly Entry[]): readonly Entry[] {
    const level = group.some((entry) => entry.write.durable) ? "FULL" : "NORMAL";
    const together = this.#attempt(group, level);
    if (together.outcome === "settled") {
      this.#transactions.committed();
      settle(group, together.results);
      return [];
    }
    if (together.outcome === "busy") return this.#expire(group, together.error);
    if (group.length === 1) {
      settle(group, [{ ok: false, error: storeFault(together.error, nameOf(group[0])) }]);
      return [];
    }
    return group.flatMap((entry) => this.#runGroup([entry]));
  }

  #attempt(group: readonly Entry[], level: SyncLevel): Attempt {
    let promised = level === "FULL";
    const scope: WriteScope = {
      requireDurable: () => {
        promised = true;
      },
    };
    try {
      this.#transactions.begin(level);
    } catch (error) {
      return isBusy(error) ? { outcome: "busy", error } : { outcome: "failed", error };
    }
    try {
      const results = group.map((entry): Settled => ({ ok: true, result: entry.write.run(scope) }));
      if (promised && level === "NORMAL") {
        this.#transactions.rollback();
        return this.#attempt(group, "FULL");
      }
      this.#transactions.commit();
      return { outcome: "settled", results };
    } catch (error) {
      this.#transactions.rollback();
      return { outcome: "failed", error };
    }
  }

  #expire(group: readonly Entry[], cause: unknown): readonly Entry[] {
    const now = performance.now();
    const [late, waiting] = [[] as Entry[], [] as Entry[]];
    for (const entry of group) (now >= entry.deadline ? late : waiting).push(entry);
    for (const entry of late) entry.reject(storeFault(cause, entry.write.name));
    return waiting;
  }

  #retryLater(entries: readonly Entry[]): void {
    this.#queue = [...entries, ...this.#queue];
    this.#scheduled = true;
    setTimeout(this.#flush, RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS);
  }
}

type Attempt =
  | { readonly outcome: "settled"; readonly results: readonly Settled[] }
  | { readonly outcome: "busy" | "failed"; readonly error: unknown };

function settle(group: readonly Entry[], results: readonly Settled[]): void {
  for (const [index, entry] of group.entries()) {
    const settled = results[index];
    if (settled === undefined) continue;
    if (settled.ok) entry.resolve(settled.result);
    else entry.reject(settled.error);
  }
}

function nameOf(entry: Entry | undefined): string {
  return entry?.write.name ?? "write";
}

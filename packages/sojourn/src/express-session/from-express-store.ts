/**
 * Sojourn over an existing express-session store. Such a store can only read, overwrite and delete
 * a row: every promise that needs more is kept inside this process, by letting one task of a row
 * run at a time, and not between processes. See `docs/stores/express-stores.md`.
 */
import { emitWarning } from "node:process";
import { ArgumentError, ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import type { ConfigProblem } from "../engine/errors.ts";
import { mixUp, unknownOptions } from "../engine/given.ts";
import { takeDelta } from "../engine/merge.ts";
import type {
  CreateOptions,
  CreateResult,
  DataOperation,
  Installation,
  Page,
  PageOptions,
  PatchResult,
  ReplaceResult,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionFilter,
  SessionRef,
  SessionStore,
  StoreCapabilities,
  StoreDelta,
  StoredSession,
  StoreHealth,
  Subscription,
  SweepOptions,
  SweepResult,
  TailHandlers,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "../engine/record.ts";
import { ChangeLog } from "../stores/memory-log.ts";
import type { ForeignStore } from "./foreign-calls.ts";
import { ForeignDeadlines } from "./foreign-deadlines.ts";
import { ForeignRows, newLocks } from "./foreign-rows.ts";
import type { ForeignLocks, MetaRow } from "./foreign-rows.ts";
import { ForeignSessions } from "./foreign-sessions.ts";
import type { ForeignParts } from "./foreign-sessions.ts";
import { ForeignSubjects, inTurns } from "./foreign-subjects.ts";

export interface FromExpressStoreOptions {
  /** How long one call of the store may take, in milliseconds: 1–600 000, default 5 000. */
  readonly timeoutMs?: number;
  /** Data of one session in bytes of UTF-8; default 65 536. */
  readonly maxDataBytes?: number;
  /** Where the warning goes. Default: the process's warning channel. */
  readonly warn?: (message: string) => void;
}

const TIMEOUT_MS_DEFAULT = 5_000;
const TIMEOUT_MS_MAX = 600_000;
const DATA_BYTES_MAX_DEFAULT = 65_536;
const CHANGES_KEPT = 10_000;
const OPTIONS: readonly (keyof FromExpressStoreOptions)[] = ["timeoutMs", "maxDataBytes", "warn"];
const METHODS = ["get", "set", "destroy"] as const;
const WARNING =
  "an express-session store cannot compare and set: with more than one process on it, writes can " +
  "be lost and a logout can be undone. Run one process on it, or move to a store of Sojourn's " +
  "(sojourn/docs/stores/express-stores.md)";

/** What handles on one store object share, so that their writes do not meet. */
interface Shared extends ForeignLocks {
  readonly log: ChangeLog;
  readonly deadlines: ForeignDeadlines;
}

const shared: WeakMap<ForeignStore, Shared> = new WeakMap();

/**
 * Keep sessions in an express-session store: connect-redis, connect-pg-simple, session-file-store …
 * Warns once that it is for one process. The store is not closed with the sessions.
 *
 * @throws {ConfigError} for what is no such store, and for options out of range.
 */
export function fromExpressStore(
  store: ForeignStore,
  options: FromExpressStoreOptions = {},
): SessionStore {
  check(store, options);
  const warn =
    options.warn ?? ((message: string) => emitWarning(message, { type: "SojournWarning" }));
  warn(WARNING);
  return new ExpressStoreSessions(store, options);
}

function check(store: ForeignStore, options: FromExpressStoreOptions): void {
  const problems: ConfigProblem[] = [];
  const given: unknown = store;
  const held = typeof given === "object" && given !== null ? given : {};
  const missing = METHODS.filter((name) => typeof Reflect.get(held, name) !== "function");
  if (missing.length > 0) {
    const mixed = mixUp(given, {
      sessions: "createSessions() takes the store, fromExpressStore(store)",
      store: "createSessions() takes it as it is",
      class: "new NAME(…)",
    });
    const message = `takes an express-session store; this one has no ${missing.join(", no ")}${mixed}`;
    problems.push({ path: "fromExpressStore.store", message });
  }
  problems.push(...unknownOptions(options, OPTIONS, "fromExpressStore."));
  const { timeoutMs = TIMEOUT_MS_DEFAULT, maxDataBytes = DATA_BYTES_MAX_DEFAULT } = options;
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMEOUT_MS_MAX) {
    const message = `whole milliseconds from 1 to ${TIMEOUT_MS_MAX}`;
    problems.push({ path: "fromExpressStore.timeoutMs", message });
  }
  if (!Number.isSafeInteger(maxDataBytes) || maxDataBytes < 1) {
    problems.push({ path: "fromExpressStore.maxDataBytes", message: "whole bytes, at least 1" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function sharedBy(store: ForeignStore): Shared {
  const known = shared.get(store);
  if (known !== undefined) return known;
  // What other processes write into such a store is not told: silence proves nothing.
  const log = new ChangeLog(crypto.randomUUID(), CHANGES_KEPT, false);
  const made: Shared = { ...newLocks(), log, deadlines: new ForeignDeadlines() };
  shared.set(store, made);
  return made;
}

class ExpressStoreSessions implements SessionStore {
  readonly capabilities: StoreCapabilities;
  readonly #parts: ForeignParts;
  readonly #sessions: ForeignSessions;
  readonly #subjects: ForeignSubjects;
  readonly #subscriptions: Set<Subscription> = new Set();
  #closed = false;

  constructor(store: ForeignStore, options: FromExpressStoreOptions) {
    const { timeoutMs = TIMEOUT_MS_DEFAULT, maxDataBytes = DATA_BYTES_MAX_DEFAULT } = options;
    const common = sharedBy(store);
    const rows = new ForeignRows(store, timeoutMs, common);
    const { log, deadlines } = common;
    this.#parts = { rows, log, deadlines, maxDataBytes };
    this.#sessions = new ForeignSessions(this.#parts);
    this.#subjects = new ForeignSubjects(this.#parts, this.#sessions);
    this.capabilities = {
      name: "express-session store",
      atomicity: "process",
      atomicIndex: true,
      query: "subject",
      expiry: "native",
      tail: "lossy",
      durability: ["unknown"],
      // Nobody knows: caches and files that are cleaned up pass for such stores, too.
      evicts: true,
      shared: true,
      maxDataBytes,
    };
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.#run("installation", async () => {
      const row = await this.#parts.rows.meta((found) =>
        found?.installation === undefined
          ? { ...(found ?? newMeta()), installation: candidate }
          : found,
      );
      return row.installation ?? candidate;
    });
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#run("subjectEpoch", () => this.#subjects.epoch(tenant, subject));
  }

  /** @throws {DataTooLargeError} for data over `maxDataBytes`; nothing was written. */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    return this.#run("create", () => this.#subjects.create(record, options));
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.#run("find", () => this.#sessions.find(ref));
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#run("replace", () => this.#sessions.replace(record, expectedVersion));
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.#run("patchData", () => this.#sessions.patchData(ref, operations, expectedVersion));
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    return this.#run("touch", () => inTurns(batch, (touch) => this.#sessions.touch(touch)));
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#run("revoke", () => this.#sessions.revoke(ref, end, options));
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#run("revokeSubject", () => this.#subjects.revokeAll({ tenant, subject }, options));
  }

  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#run("listBySubject", () => this.#subjects.list({ tenant, subject }, page));
  }

  /** @throws {ArgumentError} always: such a store cannot be searched. */
  query(_filter: SessionFilter, _page: PageOptions): Promise<Page<SessionSummary>> {
    return Promise.reject(notSearchable("query"));
  }

  /** @throws {ArgumentError} for anything but the live sessions of one subject. */
  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    const { tenant, subject, state = "live", ...more } = filter;
    if (subject === undefined || state !== "live" || Object.keys(more).length > 0) {
      return Promise.reject(notSearchable("count"));
    }
    return this.#run("count", async () => {
      return { count: await this.#subjects.count({ tenant, subject }, now), exact: true };
    });
  }

  /** Works off what this process knows of. */
  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#run("sweep", () => this.#sweep(options));
  }

  async #sweep({ now, limit, purgeBefore }: SweepOptions): Promise<SweepResult> {
    const { deadlines } = this.#parts;
    const overdue = deadlines.takeOverdue(now, limit);
    const old =
      purgeBefore === undefined || overdue.more
        ? { taken: [], more: false }
        : deadlines.takeEndedBefore(purgeBefore, limit - overdue.taken.length);
    try {
      const ended = await inTurns(overdue.taken, (known) => this.#sessions.endOverdue(known, now));
      await inTurns(old.taken, (known) => this.#sessions.purgeEnded(known, now));
      return {
        ended: ended.filter((one) => one !== undefined),
        purged: old.taken.length,
        more: overdue.more || old.more,
      };
    } catch (error) {
      deadlines.putBack([...overdue.taken, ...old.taken]);
      throw error;
    }
  }

  /** Changes by this process alone. */
  tail(from: string, handlers: TailHandlers): Subscription {
    if (this.#closed) throw new StoreUnavailableError("tail");
    const inner = this.#parts.log.subscribe(from, handlers);
    const subscription: Subscription = {
      close: () => {
        inner.close();
        this.#subscriptions.delete(subscription);
      },
    };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  apply(deltas: readonly StoreDelta[], _origin: string): Promise<void> {
    return this.#run("apply", async () => {
      for (const delta of deltas) {
        await takeDelta(delta, {
          session: (session) => this.#subjects.merge(session),
          tombstone: (ref, until) => this.#sessions.bury(ref, until),
          epoch: (tenant, subject, epoch) => this.#subjects.raiseTo({ tenant, subject }, epoch),
        });
      }
    });
  }

  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#run("purgeSubject", () => this.#subjects.purge({ tenant, subject }, now));
  }

  /** One read. A store that was emptied has another incarnation. */
  health(): Promise<StoreHealth> {
    return this.#run("health", async () => {
      const { incarnation, since } = await this.#parts.rows.meta((found) => found ?? newMeta());
      return { role: "primary", incarnation, incarnationSince: since, writable: true, lagMs: 0 };
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.close();
    return Promise.resolve();
  }

  #run<Result>(operation: string, step: () => Promise<Result>): Promise<Result> {
    if (!this.#closed) return step();
    return Promise.reject(new StoreUnavailableError(operation, { retryable: false }));
  }
}

function newMeta(): MetaRow {
  return { incarnation: crypto.randomUUID(), since: Date.now() };
}

function notSearchable(operation: string): ArgumentError {
  return new ArgumentError(
    operation,
    "an express-session store cannot be searched: ask for the live sessions of one subject",
  );
}

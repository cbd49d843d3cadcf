/** Sessions in the memory of one process: for tests, development and single-process services. */
import { ConfigError, StoreUnavailableError } from "../engine/errors.ts";
import { unknownOptions } from "../engine/given.ts";
import { placeOfCursor } from "../engine/listing.ts";
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
  ScanOptions,
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
import { MemoryMerge } from "./memory-apply.ts";
import { ChangeLog } from "./memory-log.ts";
import { candidates, matcher, newestFirst, pageOf, scanOf } from "./memory-pages.ts";
import { current, isLiveRow, MemoryTable } from "./memory-table.ts";
import { MemoryWrites } from "./memory-writes.ts";

export interface MemoryStoreOptions {
  /** Sessions held at most, live and ended; default 1 000 000, about 1 kB each without data. */
  readonly maxSessions?: number;
  /** Data of one session in bytes of UTF-8; default 65 536. */
  readonly maxDataBytes?: number;
}

const OPTIONS: readonly (keyof MemoryStoreOptions)[] = ["maxSessions", "maxDataBytes"];
const SESSIONS_MAX_DEFAULT = 1_000_000;
const DATA_BYTES_MAX_DEFAULT = 65_536;
/** However small the store, ids that were used up are remembered in this number. */
const TOMBSTONES_MIN = 10_000;
const CHANGES_KEPT = 10_000;
const UNSEEN: Promise<undefined> = Promise.resolve(undefined);

/**
 * A store whose sessions end with its process. Full, it forgets the history of ended sessions
 * first, then refuses new ones; it never drops a live one, and revoking always works (I10).
 */
export class MemoryStore implements SessionStore {
  readonly capabilities: StoreCapabilities;
  readonly #table: MemoryTable;
  readonly #writes: MemoryWrites;
  readonly #merge: MemoryMerge;
  readonly #incarnation: string = crypto.randomUUID();
  readonly #since: number = Date.now();
  readonly #log: ChangeLog = new ChangeLog(this.#incarnation, CHANGES_KEPT);
  #installation: Installation | undefined;
  #closed = false;

  constructor(given: MemoryStoreOptions = {}) {
    const options = (given as MemoryStoreOptions | null) ?? {};
    const problems = unknownOptions(options, OPTIONS, "MemoryStore.");
    if (problems.length > 0) throw new ConfigError(problems);
    const maxSessions = atLeastOne("maxSessions", options.maxSessions ?? SESSIONS_MAX_DEFAULT);
    const maxDataBytes = atLeastOne("maxDataBytes", options.maxDataBytes ?? DATA_BYTES_MAX_DEFAULT);
    this.#table = new MemoryTable(Math.max(maxSessions, TOMBSTONES_MIN));
    this.#writes = new MemoryWrites(this.#table, this.#log, { maxSessions, maxDataBytes });
    this.#merge = new MemoryMerge(this.#table, this.#log, maxSessions);
    this.capabilities = {
      name: "memory",
      atomicIndex: true,
      query: "full",
      expiry: "sweep",
      tail: "replayable",
      durability: ["memory"],
      evicts: false,
      shared: false,
      maxDataBytes,
    };
  }

  installation(candidate: Installation): Promise<Installation> {
    return this.#run(
      "installation",
      () => (this.#installation ??= Object.freeze({ ...candidate })),
    );
  }

  subjectEpoch(tenant: string, subject: string): Promise<number> {
    return this.#run("subjectEpoch", () => this.#table.epoch(tenant, subject));
  }

  /** @throws {DataTooLargeError} for data over `maxDataBytes`; nothing was written. */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    return this.#run("create", () => this.#writes.create(record, options));
  }

  find(ref: SessionRef): Promise<StoredSession | undefined> {
    if (this.#closed) return this.#run("find", () => undefined);
    const row = this.#table.row(ref);
    return row === undefined ? UNSEEN : Promise.resolve(current(row));
  }

  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult> {
    return this.#run("replace", () => this.#writes.replace(record, expectedVersion));
  }

  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult> {
    return this.#run("patchData", () => this.#writes.patch(ref, operations, expectedVersion));
  }

  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    return this.#run("touch", () => batch.map((touch) => this.#writes.touch(touch)));
  }

  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    return this.#run("revoke", () => this.#writes.revoke(ref, end, options));
  }

  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    return this.#run("revokeSubject", () => this.#writes.revokeSubject(tenant, subject, options));
  }

  /** O(live sessions of the subject). */
  listBySubject(tenant: string, name: string, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#run("listBySubject", () => {
      const place = placeOfCursor(page.cursor);
      const live = this.#table.subject(tenant, name)?.live.toArray() ?? [];
      return pageOf(newestFirst(live, place), page.limit, (row) => isLiveRow(row, page.now));
    });
  }

  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>> {
    return this.#run("query", () =>
      pageOf(candidates(this.#table, filter, page.cursor), page.limit, matcher(filter, page.now)),
    );
  }

  /** Exact, and O(sessions of the tenant) unless the filter names a subject. */
  count(filter: SessionFilter, now: number): Promise<{ count: number; exact: boolean }> {
    return this.#run("count", () => {
      const matches = matcher(filter, now);
      let count = 0;
      for (const row of candidates(this.#table, filter, undefined)) if (matches(row)) count += 1;
      return { count, exact: true };
    });
  }

  scan(page: ScanOptions): Promise<Page<SessionRef>> {
    return this.#run("scan", () => scanOf(this.#table, page));
  }

  sweep(options: SweepOptions): Promise<SweepResult> {
    return this.#run("sweep", () => this.#writes.sweep(options));
  }

  tail(from: string, handlers: TailHandlers): Subscription {
    if (this.#closed) throw closedError("tail");
    return this.#log.subscribe(from, handlers);
  }

  apply(deltas: readonly StoreDelta[], _origin: string): Promise<void> {
    return this.#run("apply", () => {
      for (const delta of deltas) takeDelta(delta, this.#merge);
    });
  }

  /** The subject's name stays beside its raised epoch: no dump is left that could show it. */
  purgeSubject(tenant: string, subject: string, now: number): Promise<number> {
    return this.#run("purgeSubject", () => this.#writes.purgeSubject(tenant, subject, now));
  }

  health(): Promise<StoreHealth> {
    return this.#run("health", () => ({
      role: "primary" as const,
      incarnation: this.#incarnation,
      incarnationSince: this.#since,
      writable: true,
      lagMs: 0,
    }));
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#log.close();
    this.#table.clear();
    return Promise.resolve();
  }

  /** One step, whole or not at all: nothing here waits, so nothing can come between. */
  #run<Result>(operation: string, step: () => Result): Promise<Result> {
    if (this.#closed) return Promise.reject(closedError(operation));
    try {
      return Promise.resolve(step());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function closedError(operation: string): StoreUnavailableError {
  return new StoreUnavailableError(`${operation}: the store is closed`, { retryable: false });
}

/** @throws {ConfigError} */
function atLeastOne(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ConfigError([{ path: `MemoryStore.${option}`, message: "a whole number, at least 1" }]);
}

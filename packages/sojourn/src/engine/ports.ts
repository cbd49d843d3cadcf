/**
 * What the engine needs of a store, as promises written down. Three kinds of store writes, all
 * update-if-live: *decisions* (compare-and-set on `version`), *monotone* writes that need no read
 * (touch, revoke, epoch), and *data* writes merged per key inside the store. Deadlines are
 * absolute; a store decides by no clock of its own.
 */
import type { Durability, SessionState } from "../protocol/words.ts";
import type { NearSessions, SharedCache } from "./near.ts";
import type { SessionEnd, SessionRecord, SessionSummary } from "./record.ts";

export type { NearSession, NearSessions, SharedCache } from "./near.ts";
export type {
  Base64Url,
  Cipher,
  Clock,
  Digest,
  Entropy,
  Errand,
  HostTime,
  MaybePromise,
  PrivateFile,
  PrivateFiles,
  TenantKeys,
  Timers,
} from "./host.ts";

/** Where a session is: the tenant is part of every key. */
export interface SessionRef {
  readonly tenant: string;
  readonly id: string;
}

/** Values are opaque text to the store: JSON, or its encrypted form. */
export type StoredData = Readonly<Record<string, string>>;

/** One read: record, data and the subject's present epoch, consistent with each other. */
export interface StoredSession {
  readonly record: SessionRecord;
  readonly data: StoredData;
  /** Grows by 1 with every data write, a `create` with data included; 0 before the first. */
  readonly dataVersion: number;
  /** 0 when the subject never had one, or the session has no subject. */
  readonly subjectEpoch: number;
}

export type OnLimit = "reject" | "ask" | "evict-oldest" | "evict-idle";

/** How many live sessions of a subject there may be, the new one included. */
export interface SessionLimits {
  readonly max: number;
  readonly onLimit: OnLimit;
}

export interface CreateOptions {
  readonly now: number;
  readonly data?: StoredData;
  readonly limits?: SessionLimits;
  /** End this session of the same subject (`replaced`) in the same step; uncounted by `limits`. */
  readonly replaces?: { readonly ref: SessionRef; readonly dataVersion: number };
  /** Read when authentication began; a higher epoch in the store refuses the session. */
  readonly subjectEpoch?: number;
}

/** The record as it was just before it ended, and how. */
export interface EndedSession {
  readonly record: SessionSummary;
  readonly end: SessionEnd;
}

export type CreateResult =
  | {
      readonly outcome: "created";
      /** With the epoch the store gave it. */
      readonly record: SessionRecord;
      readonly evicted: readonly EndedSession[];
      /** Present when `replaces` ended a session that was still live. */
      readonly replaced?: EndedSession;
      readonly durability: Durability;
    }
  /** The id was seen before, live, ended or purged. Nothing was written. Invariant I1. */
  | { readonly outcome: "exists" }
  /** The subject was revoked since authentication began. Nothing was written. Invariant I5. */
  | { readonly outcome: "stale-epoch"; readonly epoch: number }
  /** The replaced session's data moved on: read again. Nothing was written. */
  | { readonly outcome: "conflict" }
  /** The replaced session is not live any more. Nothing was written. */
  | { readonly outcome: "gone" }
  /** `reject` or `ask`: the live sessions in the way. Nothing was written. */
  | { readonly outcome: "limit"; readonly sessions: readonly SessionSummary[] };

export type ReplaceResult = "replaced" | "conflict" | "gone";

export type DataOperation =
  | { readonly op: "set"; readonly key: string; readonly value: string }
  | { readonly op: "delete"; readonly key: string };

export type PatchResult =
  | { readonly outcome: "patched"; readonly dataVersion: number }
  /** `expectedVersion` is not the stored one. Nothing was written. */
  | { readonly outcome: "conflict" }
  /** Ended or absent. Nothing was written. */
  | { readonly outcome: "gone" }
  /** The session's data would pass `maxDataBytes`. Nothing was written. */
  | { readonly outcome: "too-large"; readonly bytes: number };

export interface Touch {
  readonly ref: SessionRef;
  /** Max-merged. */
  readonly seenAt?: number;
  /** Max-merged into the pending token, iff it still has this generation. */
  readonly sent?: { readonly generation: number; readonly at: number };
}

export type TouchResult = "touched" | "gone";

export interface RevokeOptions {
  readonly now: number;
  /** Default `"local"`: the disk has it. Weaker is never given, stronger where the engine can. */
  readonly durability?: Durability;
  /**
   * A trusted caller: an absent id is remembered as ended until this instant, and the tail tells
   * of its end.
   */
  readonly tombstoneUntil?: number;
}

export interface RevokeResult {
  /** `ended`: by this call. `already`: before it, see `end`. `absent`: no such session. */
  readonly outcome: "ended" | "already" | "absent";
  /** As it was just before this call ended it, or as it ended. */
  readonly record?: SessionSummary;
  readonly end?: SessionEnd;
  readonly durability: Durability;
}

export interface RevokeSubjectOptions {
  readonly now: number;
  readonly except?: string;
  readonly end: SessionEnd;
  /** The new epoch lies above this one, too: the store may have lost those up to it. Default 0. */
  readonly above?: number;
  /** As with `revoke`. */
  readonly durability?: Durability;
}

export interface RevokeSubjectResult {
  /** The new epoch: everything below it is refused from now on. */
  readonly epoch: number;
  /** The one until then: an excepted session below it had ended, and is not kept. */
  readonly before: number;
  /** Sessions this call ended, for events; all of them on an engine with `atomicIndex`. */
  readonly ended: readonly EndedSession[];
  readonly durability: Durability;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Opaque; absent on the last page. */
  readonly cursor?: string;
}

export interface PageOptions {
  readonly now: number;
  readonly cursor?: string;
  /** 1–200, default 50. */
  readonly limit?: number;
}

export interface ScanOptions {
  readonly cursor?: string;
  /** About how many, 1–1000, default 500. */
  readonly limit?: number;
}

export interface SessionFilter {
  readonly tenant: string;
  readonly subject?: string;
  /** `Device.id`. */
  readonly device?: string;
  /** As judged at `now`; absent: live ones. `"any"`: ended ones too. */
  readonly state?: SessionState | "live" | "any";
  readonly createdFrom?: number;
  readonly createdBefore?: number;
}

export interface SweepOptions {
  readonly now: number;
  /** Most rows one call may end plus purge: bounds its transaction. */
  readonly limit: number;
  /** Ended sessions whose end lies before this are erased. Absent: none are. */
  readonly purgeBefore?: number;
}

export interface SweepResult {
  /** Ended now, because a deadline had passed; `end.at` is that deadline. */
  readonly ended: readonly EndedSession[];
  readonly purged: number;
  /** True when `limit` was met and there may be more. */
  readonly more: boolean;
}

/** What changed, after a position. Touches are not changes. */
export type StoreChange =
  | {
      readonly kind: "session";
      readonly what: "created" | "changed" | "data" | "ended";
      readonly ref: SessionRef;
      readonly subject: string | null;
      readonly position: string;
      readonly end?: SessionEnd;
      /** Not with `"ended"`: it waits for a factor now. Absent: it does not. */
      readonly locked?: true;
      /** With `what: "data"`. */
      readonly keys?: readonly string[];
    }
  | {
      readonly kind: "subject";
      readonly tenant: string;
      readonly subject: string;
      readonly epoch: number;
      readonly except?: string;
      readonly position: string;
    };

export interface TailHandlers {
  change(change: StoreChange): void;
  /**
   * A proof of freshness: whatever was acknowledged before `askedAt` has been delivered. `askedAt`
   * is by this process's monotonic clock (`performance.now()`), taken before the store was asked.
   * At least four times a second while the store answers, however quiet it is.
   */
  frontier?(position: string, askedAt: number): void;
  /** Changes may have been missed: forget what was derived from them. */
  gap?(): void;
  error?(error: unknown): void;
}

export interface Subscription {
  close(): void;
}

/** One write as another store or region saw it. Merge: ended wins, max seen, min absolute end. */
export type StoreDelta =
  | { readonly kind: "session"; readonly session: StoredSession }
  | { readonly kind: "tombstone"; readonly ref: SessionRef; readonly until: number }
  | {
      readonly kind: "epoch";
      readonly tenant: string;
      readonly subject: string;
      readonly epoch: number;
    };

export interface StoreHealth {
  readonly role: "primary" | "replica";
  /** Changes when the store's past may have: failover, restore, a new empty store. */
  readonly incarnation: string;
  /** By the store's own time; 0 for the first one, which can have lost nothing. */
  readonly incarnationSince: number;
  /** The store's own time, where it has one. */
  readonly nowAt?: number;
  readonly writable: boolean;
  readonly lagMs: number;
}

/** Of a store of several servers: where a session is, or a subject, or any that answer. */
export type StorePart = SessionRef | { readonly tenant: string; readonly subject: string } | "any";

/** Facts of an installation that never change: made once, kept by the store. */
export interface Installation {
  readonly id: string;
  /** base64url of 32 bytes: derives buckets. Not a credential; never rotates. */
  readonly bucketKey: string;
}

export interface StoreCapabilities {
  readonly name: string;
  /**
   * `"process"`: every promise that takes a read and a write holds between writers of one process
   * only; two processes can lose writes and undo a revocation. Absent: it holds for all writers.
   */
  readonly atomicity?: "process";
  /** `revokeSubject` ends every indexed session in the same step. */
  readonly atomicIndex: boolean;
  readonly query: "subject" | "full";
  readonly expiry: "native" | "sweep";
  readonly tail: "replayable" | "lossy" | "poll";
  readonly durability: readonly Durability[];
  /** True when the engine may drop live sessions under memory pressure. Invariant I10. */
  readonly evicts: boolean;
  /** True when another process can see what is written. */
  readonly shared: boolean;
  /** True when it works in the caller's own thread: whatever it does, the process waits. */
  readonly blocking?: boolean;
  /**
   * True when writes it acknowledged may be missing after a failover. A process then remembers what
   * it wrote for some minutes and writes it again when `StoreHealth.incarnation` changes.
   */
  readonly mayForget?: boolean;
  readonly maxDataBytes: number;
}

/**
 * A place for sessions. Every method throws `StoreUnavailableError` for trouble. Besides it,
 * `create` throws `DataTooLargeError`, paged calls `ArgumentError` for a cursor that is not
 * theirs, and a first use `ConfigError` for a place that can hold no sessions. A store is finished
 * when `storeCases` of `sojourn/testing` pass against the real engine.
 */
export interface SessionStore {
  readonly capabilities: StoreCapabilities;
  /** Present on a near-cache. Invariant I3. */
  readonly near?: NearSessions;
  /** Present where a cache lies in front of the store: for a near-cache to ask. */
  readonly tier?: SharedCache;
  /** Keep `candidate` if there is none yet. @returns the one that is kept, for every caller. */
  installation(candidate: Installation): Promise<Installation>;
  /** The subject's present epoch; 0 when it never had one. */
  subjectEpoch(tenant: string, subject: string): Promise<number>;
  /** The only way to become live, and only for an id never seen. Invariants I1, I5. */
  create(record: SessionRecord, options: CreateOptions): Promise<CreateResult>;
  /** Ended ones too: judging is the engine's job. `undefined`: never seen, or purged. */
  find(ref: SessionRef): Promise<StoredSession | undefined>;
  /**
   * Write a decision iff the stored version equals `expectedVersion` and the session has not
   * ended. Stores it as version `expectedVersion + 1`, keeps the later `seenAt`, the later
   * `sentAt` of the same pending token and the higher epoch, and never writes data.
   */
  replace(record: SessionRecord, expectedVersion: number): Promise<ReplaceResult>;
  /** Merge per key. With `expectedVersion`: only onto that data version. Invariant I4. */
  patchData(
    ref: SessionRef,
    operations: readonly DataOperation[],
    expectedVersion?: number,
  ): Promise<PatchResult>;
  /**
   * Never creates, revives or goes back: activity at or past the session's own idle deadline is
   * `gone`, so that a late write lifts neither an end nor a lock. One result per entry, in order.
   */
  touch(batch: readonly Touch[]): Promise<readonly TouchResult[]>;
  /** Idempotent; the first end is kept. Durable when it returns. Invariants I2, I8. */
  revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult>;
  /** Bump the epoch and raise `except` to it in the same step. Misses none. Invariant I5. */
  revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult>;
  /** Live ones at `now`, newest first. */
  listBySubject(tenant: string, subject: string, page: PageOptions): Promise<Page<SessionSummary>>;
  /** Newest first by `createdAt`, then id. Only where `capabilities.query` is `"full"`. */
  query(filter: SessionFilter, page: PageOptions): Promise<Page<SessionSummary>>;
  count(
    filter: SessionFilter,
    now: number,
  ): Promise<{ readonly count: number; readonly exact: boolean }>;
  /**
   * Every session of every tenant, ended ones too, for whoever keeps an index beside the store: in
   * no promised order, and each that is there from the first page to the last at least once. Pages
   * may be of any length. Absent: the store cannot tell.
   */
  scan?(page: ScanOptions): Promise<Page<SessionRef>>;
  /** End what is overdue, erase what has been ended long enough. Short and batched. */
  sweep(options: SweepOptions): Promise<SweepResult>;
  /** Changes after `from` (`"now"`: from here on). */
  tail(from: string, handlers: TailHandlers): Subscription;
  /** Merge what another store saw. Never makes an ended or tombstoned session live. I9. */
  apply(deltas: readonly StoreDelta[], origin: string): Promise<void>;
  /** Erase everything of a subject; only hashed tombstones and the raised epoch stay. */
  purgeSubject(tenant: string, subject: string, now: number): Promise<number>;
  /**
   * @param of Of a store of several servers only those that have this must answer; the others are,
   * where they do not, as they were last told to be. Absent: all of them must.
   */
  health(of?: StorePart): Promise<StoreHealth>;
  close(): Promise<void>;
}

/**
 * Keeps what a store acknowledged true over a failover. It notes every acknowledged write in the
 * outbox and writes it again when the store's incarnation changes, or when an answer shows that
 * something is missing. Until the store has had time to get back what other processes know, an
 * absent session is trouble, not an unknown session. Invariants I2, I7; decision 0019.
 */
import { StoreUnavailableError } from "../engine/errors.ts";
import { ForwardingStore } from "../engine/forwarding-store.ts";
import { summaryOf } from "../engine/liveness.ts";
import type {
  CreateOptions,
  CreateResult,
  EndedSession,
  MaybePromise,
  RevokeOptions,
  RevokeResult,
  RevokeSubjectOptions,
  RevokeSubjectResult,
  SessionRef,
  SessionStore,
  StoreChange,
  StoredSession,
  StoreHealth,
  StorePart,
  Subscription,
  Timers,
} from "../engine/ports.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { Outbox } from "./outbox.ts";

/** How often the incarnation is looked at while there is anything to lose. */
const WATCH_MS = 1_000;
const RETRY_MS = 250;
/** Every process has looked within {@link WATCH_MS} and is done writing within this. */
const SETTLE_MS = 10_000;
/** Epochs are few and are written early: after this logins go on. */
const EPOCHS_SETTLE_MS = 2_500;
/** More than anybody raises an epoch while a standby lags. */
const EPOCH_LEAP = 1_000;
/** How often a revoke-all begins anew because the store failed over meanwhile. */
const RAISES_MAX = 3;
/** No store's incarnation: something has to be written again. */
const BEHIND = "";

export interface Replay {
  readonly ended: number;
  readonly sessions: number;
  readonly tookMs: number;
}

export interface KeeperParts {
  readonly store: SessionStore;
  readonly timers: Timers;
  readonly changes: ChangeFeed;
  /** Milliseconds that only grow. */
  readonly monotonic: () => number;
  /** As sessions are dated. */
  readonly now: () => number;
  /** Told after everything was written again. */
  readonly replayed: (replay: Replay) => void;
  readonly trouble: (error: unknown) => void;
}

export class Keeper {
  /** The store as the engine uses it. */
  readonly store: SessionStore;
  readonly #inner: SessionStore;
  readonly #parts: KeeperParts;
  readonly #outbox: Outbox;
  /** As last looked at, what was told of its age, and since when where that cannot be true. */
  #seen:
    | {
        readonly incarnation: string;
        readonly told: number;
        readonly since: number;
        /** By the monotonic clock. */
        readonly seenAt: number;
      }
    | undefined;
  /** The incarnation that has everything. */
  #written: string | undefined;
  #checking: Promise<void> | undefined;
  #listening: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#inner = parts.store;
    this.#outbox = new Outbox(parts.monotonic);
    this.store = this.#overlay();
  }

  /** What other processes ended sticks here, too, even if the store forgets it. */
  #heard(change: StoreChange): void {
    if (change.kind === "subject") {
      const { tenant, subject, epoch, except } = change;
      this.#outbox.raised(tenant, subject, epoch, this.#parts.now());
      if (except !== undefined) this.#noteExcepted(tenant, except).catch(this.#parts.trouble);
    } else if (change.what === "ended" && change.end !== undefined) {
      this.#outbox.ended(change.ref, change.end);
    } else return;
    this.#watch(WATCH_MS);
  }

  /** Look at the incarnation now; if it is another one, write everything again. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check()
      .catch((error: unknown) => {
        this.#parts.trouble(error);
        this.#watch(RETRY_MS);
      })
      .finally(() => void (this.#checking = undefined));
    return this.#checking;
  }

  /** True when this process knows more than what a near-cache has read: no hit then. */
  denies(near: StoredSession): boolean {
    return this.#outbox.lacks(near, near.record, Infinity);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#listening?.close();
  }

  /** At first use: nothing is opened for a process that never asks. */
  #begin(): void {
    if (this.#closed || this.#listening !== undefined) return;
    this.#listening = this.#parts.changes.add({ change: (change) => this.#heard(change) });
    void this.check();
  }

  async #check(): Promise<void> {
    const { incarnation } = await this.#health("any");
    const changed = this.#written !== incarnation;
    // From here on: what is noted while this writes may miss it, and is then behind.
    this.#written = incarnation;
    if (changed) await this.#replay();
    if (this.#outbox.size > 0) this.#watch(this.#written === BEHIND ? RETRY_MS : WATCH_MS);
  }

  async #replay(): Promise<void> {
    const startedAt = this.#parts.monotonic();
    try {
      const { ended, sessions } = await this.#outbox.replay(this.#inner);
      this.#parts.replayed({ ended, sessions, tookMs: this.#parts.monotonic() - startedAt });
    } catch (error) {
      this.#written = BEHIND;
      throw error;
    }
  }

  #watch(ms: number): void {
    if (this.#closed || (this.#cancel !== undefined && ms === WATCH_MS)) return;
    this.#cancel?.();
    this.#cancel = this.#parts.timers.after(ms, () => {
      this.#cancel = undefined;
      void this.check();
    });
  }

  /**
   * Something was acknowledged: from here on a change of the incarnation matters.
   *
   * @param before The incarnation when it was asked for: if another was seen since, the old one may
   * have acknowledged this.
   */
  #noted(before: string): void {
    this.#begin();
    const behind = before !== this.#seen?.incarnation;
    if (behind) this.#written = BEHIND;
    this.#watch(behind ? RETRY_MS : WATCH_MS);
  }

  #overlay(): SessionStore {
    const inner = this.#inner;
    const outbox = this.#outbox;
    const ours: Partial<SessionStore> = {
      create: (record, options) => this.#create(record, options),
      find: (ref) => this.#find(ref),
      replace: async (record, expectedVersion) => {
        const before = await this.#asked(record);
        const result = await inner.replace(record, expectedVersion);
        if (result === "replaced") {
          outbox.decided({ ...record, version: expectedVersion + 1 });
          this.#noted(before);
        }
        return result;
      },
      patchData: async (ref, operations, expectedVersion) => {
        const write = () => inner.patchData(ref, operations, expectedVersion);
        let result = await write();
        if (result.outcome === "gone" && (await this.#lostLive(ref))) result = await write();
        if (result.outcome === "patched") outbox.patched(ref, operations, result.dataVersion);
        return result;
      },
      health: (of) => this.#health(of),
      purgeSubject: async (tenant, subject, now) => {
        const purged = await inner.purgeSubject(tenant, subject, now);
        outbox.erased(tenant, subject);
        return purged;
      },
      revoke: (ref, end, options) => this.#revoke(ref, end, options),
      revokeSubject: (tenant, subject, options) => this.#revokeSubject(tenant, subject, options),
    };
    return Object.assign(new ForwardingStore(inner), ours);
  }

  /** An end of a session that the store has lost must meet whoever writes the session again. */
  async #revoke(ref: SessionRef, end: SessionEnd, options: RevokeOptions): Promise<RevokeResult> {
    const lost = this.#outbox.liveOf(ref);
    const tombstoneUntil = options.tombstoneUntil ?? lost?.absoluteExpiresAt;
    const given = tombstoneUntil === undefined ? options : { ...options, tombstoneUntil };
    const before = await this.#asked(ref);
    const result = await this.#inner.revoke(ref, end, given);
    const until = result.record?.absoluteExpiresAt ?? tombstoneUntil;
    if (result.outcome !== "absent" || until !== undefined) {
      this.#outbox.ended(ref, result.end ?? end, until);
      this.#noted(before);
    } else await this.#requireSettled(ref);
    if (result.outcome !== "absent" || lost === undefined) return result;
    return { ...result, outcome: "ended", record: summaryOf(lost), end };
  }

  /** Once more where the store failed over meanwhile: its epoch may lie below one that was lost. */
  async #revokeSubject(
    tenant: string,
    subject: string,
    options: RevokeSubjectOptions,
  ): Promise<RevokeSubjectResult> {
    const { except } = options;
    const ended = new Map<string, EndedSession>();
    for (let attempt = 0; attempt < RAISES_MAX; attempt += 1) {
      const spared =
        except === undefined ? undefined : await this.#live({ tenant, id: except }, subject);
      const { incarnation: before, above } = await this.#lostBelow(tenant, subject);
      const result = await this.#inner.revokeSubject(tenant, subject, { ...options, above });
      // As the store judged it: one that another's epoch had ended is kept by nobody.
      if (spared !== undefined && spared.epoch >= result.before) {
        this.#outbox.decided({ ...spared, epoch: result.epoch });
      }
      this.#outbox.raised(tenant, subject, result.epoch, options.now);
      for (const one of result.ended) {
        this.#outbox.ended(one.record, one.end, one.record.absoluteExpiresAt);
        if (!ended.has(one.record.id)) ended.set(one.record.id, one);
      }
      this.#noted(before);
      const { incarnation } = await this.#health({ tenant, subject });
      if (incarnation === before) return { ...result, ended: [...ended.values()] };
    }
    throw unsettled();
  }

  /** A session of the subject, unless it has ended: that is never undone. */
  async #live(ref: SessionRef, subject: string): Promise<SessionRecord | undefined> {
    const stored = await this.#find(ref);
    return stored?.record.subject === subject && isLive(stored) ? stored.record : undefined;
  }

  /**
   * Where the store may have lost an epoch, the next one must lie above it, whoever knew it, or
   * sessions opened under the lost one and written again would outlive this revoke-all.
   *
   * @returns what it must lie above, and the incarnation for which that holds.
   */
  async #lostBelow(
    tenant: string,
    subject: string,
  ): Promise<{ readonly incarnation: string; readonly above: number }> {
    const inner = this.#inner;
    const reading = inner.subjectEpoch(tenant, subject);
    const [stored, health] = await Promise.all([reading, this.#health({ tenant, subject })]);
    const known = this.#outbox.epochOf(tenant, subject);
    const { incarnation } = health;
    const settled = known <= stored && sinceChange(health) >= SETTLE_MS;
    return { incarnation, above: settled ? 0 : Math.max(stored, known) + EPOCH_LEAP };
  }

  async #create(record: SessionRecord, options: CreateOptions): Promise<CreateResult> {
    const { tenant, subject } = record;
    // A session opened under an epoch that is about to be raised again would end with it.
    if (subject !== null) await this.#requireSettled(record, EPOCHS_SETTLE_MS);
    const before = await this.#asked(record);
    const known = subject === null ? 0 : this.#outbox.epochOf(tenant, subject);
    if ((options.subjectEpoch ?? known) < known) return { outcome: "stale-epoch", epoch: known };
    const result = await this.#inner.create(record, options);
    if (result.outcome !== "created") return result;
    const created = { ...result.record, epoch: Math.max(result.record.epoch, known) };
    this.#outbox.opened(created, options.data ?? {}, created.epoch);
    const { replaced, evicted } = result;
    for (const one of replaced === undefined ? evicted : [replaced, ...evicted]) {
      this.#outbox.ended(one.record, one.end, one.record.absoluteExpiresAt);
    }
    this.#noted(before);
    // The store has lost the epoch since the look at it: it is raised again, this one along.
    if (result.record.epoch < known) await this.#outbox.replay(this.#inner, created);
    return { ...result, record: created };
  }

  /** It stays because its epoch was raised: that must not be lost while the subject's is kept. */
  async #noteExcepted(tenant: string, id: string): Promise<void> {
    const stored = await this.#inner.find({ tenant, id });
    if (stored !== undefined && isLive(stored)) this.#outbox.decided(stored.record);
  }

  #find(ref: SessionRef): Promise<StoredSession | undefined> {
    const { turn } = this;
    return this.#inner.find(ref).then((stored) => this.vouched(ref, stored, turn));
  }

  /** Of a read of the store below that begins now. */
  get turn(): number {
    return this.#outbox.turn;
  }

  /** What such a read has found, where this process knows of nothing that is missing there. */
  vouched(
    ref: SessionRef,
    stored: StoredSession | undefined,
    turn: number,
  ): MaybePromise<StoredSession | undefined> {
    if (this.#listening === undefined) this.#begin();
    if (this.#outbox.lacks(stored, ref, turn)) return this.#recover(ref, stored);
    return stored ?? this.#requireSettled(ref);
  }

  /** A write found nothing where this process knows a live session: is it back now? */
  async #lostLive(ref: SessionRef): Promise<boolean> {
    if (this.#outbox.liveOf(ref) === undefined) return false;
    const stored = await this.#find(ref);
    return stored !== undefined && stored.record.end === undefined;
  }

  async #recover(
    ref: SessionRef,
    found: StoredSession | undefined,
  ): Promise<StoredSession | undefined> {
    const { turn } = this.#outbox;
    const { incarnation } = await this.#health(ref);
    await this.#outbox.replay(this.#inner, { ...ref, subject: found?.record.subject ?? null });
    void this.check();
    const stored = await this.#inner.find(ref);
    if (!this.#outbox.lacks(stored, ref, turn)) return stored;
    // It failed over again meanwhile: who asks once more gets it.
    const again = (await this.#health(ref)).incarnation !== incarnation;
    if (again || stored !== undefined) throw unsettled();
    this.#outbox.drop(ref);
    await this.#requireSettled(ref);
    return stored;
  }

  /** Whom a write is asked of: learnt before the first one, or nobody would miss it. */
  async #asked(of: SessionRef): Promise<string> {
    return this.#seen?.incarnation ?? (await this.#health(of)).incarnation;
  }

  /** A store that was emptied looks new: what this process knew before outranks it. */
  async #health(of: StorePart | undefined): Promise<StoreHealth> {
    const health = await this.#inner.health(of);
    const { incarnation, incarnationSince, nowAt = 0 } = health;
    if (this.#seen?.incarnation !== incarnation) {
      const oldest = Math.max(this.#seen?.told ?? 0, 1);
      const young = this.#seen === undefined || incarnationSince >= oldest;
      const seenAt = this.#parts.monotonic();
      this.#seen = { incarnation, told: incarnationSince, since: young ? 0 : nowAt, seenAt };
      this.#written ??= incarnation;
    }
    const { since } = this.#seen;
    return since > incarnationSince ? { ...health, incarnationSince: since } : health;
  }

  /** @throws {StoreUnavailableError} while another process may still know what the store lost. */
  async #requireSettled(of: SessionRef, afterMs: number = SETTLE_MS): Promise<undefined> {
    if (sinceChange(await this.#health(of)) >= afterMs) return undefined;
    // Whatever the store's clock says: it has been so for long enough.
    const seenAt = this.#seen?.seenAt ?? Infinity;
    if (this.#parts.monotonic() - seenAt < afterMs) throw unsettled();
    return undefined;
  }
}

function unsettled(): StoreUnavailableError {
  const cause = new Error("the store changed; what it may have lost is being written again");
  return new StoreUnavailableError("find", { cause });
}

/** Ended by its subject's epoch it stays ended: raising its own would make it live again. */
function isLive({ record, subjectEpoch }: StoredSession): boolean {
  return record.end === undefined && record.epoch >= subjectEpoch;
}

/** By the store's own time where it has one. */
function sinceChange({ nowAt, incarnationSince }: StoreHealth): number {
  return nowAt === undefined ? Infinity : nowAt - incarnationSince;
}

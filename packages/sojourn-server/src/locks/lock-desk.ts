/**
 * Locks in use: set, lifted, listed, and known in every process. Each process holds them compiled
 * and asks the control store twice a second whether anything has changed; while that is away it
 * goes on with what it knows: an outage lifts nothing and signs nobody out.
 */
import { LockedOutError } from "sojourn";
import type { LockoutFacts, Lockouts, Sessions } from "sojourn";
import type { AuditLog } from "../audit/audit-log.ts";
import type { LockFilter, LockPage, LockTable, StoredLock } from "../control/lock-table.ts";
import { canonical, checkLock, newLockId } from "./lock.ts";
import type { Lock, NewLock } from "./lock.ts";

export interface LockDeskParts {
  readonly table: LockTable;
  readonly lockouts: Lockouts;
  readonly now: () => number;
  /** Milliseconds that only grow. */
  readonly monotonic?: () => number;
}

/** Who acts: for the record. */
export interface LockActor {
  readonly tenant: string;
  readonly actor: string;
  readonly request?: string;
  readonly key?: string;
}

export interface SetLock {
  readonly lock: Lock;
  /** Of the subject's or of that one session; the others end when they are presented. */
  readonly ended: number;
}

/** What locks do beside being kept; there once the installation stands. */
export interface LockHands {
  readonly sessions: Sessions;
  readonly log: AuditLog;
}

const POLL_MS = 500;
/** Longer ago, what was lifted meanwhile may have been forgotten: everything is read anew. */
const STALE_MS = 60 * 60 * 1_000;
const REMEMBERED_MS = 24 * 60 * 60 * 1_000;

export class LockDesk {
  readonly #parts: LockDeskParts;
  readonly #monotonic: () => number;
  #hands: LockHands | undefined;
  #position: number | undefined;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #troubled = false;
  #closed = false;

  constructor(parts: LockDeskParts) {
    this.#parts = parts;
    this.#monotonic = parts.monotonic ?? (() => performance.now());
  }

  /** How long ago everything that was set by then was known here. */
  get ageMs(): number {
    return this.#monotonic() - this.#readAt;
  }

  get size(): number {
    return this.#parts.lockouts.size;
  }

  begin(hands: LockHands): void {
    this.#hands = hands;
  }

  /** Learn of the changes of others twice a second. @param onError Told once for each outage. */
  follow(onError: (error: unknown) => void): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      void this.#look(onError).finally(() => this.follow(onError));
    }, POLL_MS).unref();
  }

  async #look(onError: (error: unknown) => void): Promise<void> {
    try {
      await this.refresh();
      this.#troubled = false;
    } catch (error) {
      if (!this.#troubled) onError(error);
      this.#troubled = true;
    }
  }

  /** @throws {StoreUnavailableError} What was known before stays. */
  refresh(): Promise<void> {
    this.#reading ??= this.#refresh().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #refresh(): Promise<void> {
    const askedAt = this.#monotonic();
    const known = this.ageMs > STALE_MS ? undefined : this.#position;
    const { position, whole, locks } = await this.#parts.table.changes(known);
    if (whole) this.#parts.lockouts.replace(locks);
    else this.#take(locks);
    this.#position = position;
    this.#readAt = askedAt;
  }

  /** Once no reading is under way that began before the change of ours. */
  async #settled(): Promise<void> {
    await this.#reading?.catch(() => undefined);
  }

  #take(locks: readonly StoredLock[]): void {
    const gone = locks.filter(({ goneAt }) => goneAt !== undefined).map(({ id }) => id);
    const held = locks.filter(({ goneAt }) => goneAt === undefined);
    this.#parts.lockouts.change(held, gone);
  }

  /**
   * Lock a target, or say anew how it is locked. It holds here at once and everywhere within a
   * second, and what is live of it ends: a subject's sessions and a single one now, the others when
   * they are presented.
   *
   * @throws {ArgumentError} for what cannot be meant.
   * @throws {SojournError} `ERR_LIMIT_REACHED`.
   * @throws {StoreUnavailableError} The lock may hold already: set it again.
   */
  async set(wanted: NewLock, by: LockActor): Promise<SetLock> {
    const { table, now } = this.#parts;
    const at = now();
    checkLock(wanted, at);
    const { kind, message, reason, expiresAt } = wanted;
    const value = canonical(kind, wanted.value);
    const { tenant, actor: setBy } = by;
    const session = kind === "session" ? await this.#stateOf(tenant, value) : undefined;
    const asked = { id: newLockId(), tenant, kind, value, message, reason, expiresAt, setBy };
    const lock = await table.set({ ...asked, setAt: at, updatedAt: at });
    await this.#settled();
    this.#parts.lockouts.set(lock);
    this.#note("lock-set", lock, by);
    const ended = await this.#end(lock, setBy);
    return { lock, ended: session === undefined || session === "ended" ? ended : 1 };
  }

  /** Idempotent. @returns when it was lifted, or `undefined` when there is no such lock. */
  async lift(id: string, by: LockActor): Promise<number | undefined> {
    const { table, now, lockouts } = this.#parts;
    const found = await table.find(by.tenant, id);
    if (found === undefined) return undefined;
    if (found.goneAt !== undefined) return found.goneAt;
    const at = now();
    const ours = await table.lift(by.tenant, id, at);
    await this.#settled();
    lockouts.lift(id);
    if (ours) this.#note("lock-lifted", found, by);
    return at;
  }

  /** @throws {LockedOutError} for whom a lock keeps out. */
  refuse(who: LockoutFacts): void {
    const { lockouts, now } = this.#parts;
    const held = lockouts.find(who, now());
    if (held !== undefined) throw new LockedOutError(held.message, held.expiresAt);
  }

  async find(tenant: string, id: string): Promise<Lock | undefined> {
    const found = await this.#parts.table.find(tenant, id);
    return found === undefined || this.#isOver(found) ? undefined : found;
  }

  #isOver({ goneAt, expiresAt = Infinity }: StoredLock): boolean {
    return goneAt !== undefined || this.#parts.now() >= expiresAt;
  }

  page(
    filter: LockFilter,
    { limit, after }: { readonly limit: number; readonly after: LockPage["next"] },
  ): Promise<LockPage> {
    return this.#parts.table.page(filter, { limit, after, now: this.#parts.now() });
  }

  /** Say of each lock whose time is over that it is, once in all processes. */
  async tidy(): Promise<void> {
    const { table, now } = this.#parts;
    for (const lock of await table.expire(now())) {
      this.#note("lock-expired", lock, { tenant: lock.tenant, actor: "system" });
    }
    await table.forget(now() - REMEMBERED_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #end({ tenant, kind, value, reason, id }: Lock, actor: string): Promise<number> {
    const sessions = this.#hands?.sessions;
    if (sessions === undefined) return 0;
    const cause = reason ?? id;
    if (kind === "subject") {
      const { ended } = await sessions.subject(value, { tenant }).revokeAll({ cause, actor });
      return ended;
    }
    // Looking at it ends it, as it does for everybody from now on.
    if (kind === "session") await this.#stateOf(tenant, value);
    return 0;
  }

  async #stateOf(tenant: string, handle: string): Promise<string | undefined> {
    return (await this.#hands?.sessions.describe(handle, { tenant }))?.state;
  }

  #note(name: string, lock: Lock, by: LockActor): void {
    const { id, kind, value, reason, expiresAt } = lock;
    const until = expiresAt === undefined ? {} : { expiresAt };
    const about = {
      ...(kind === "subject" ? { subject: value } : {}),
      ...(kind === "session" ? { session: value } : {}),
      ...(reason === undefined ? {} : { cause: reason }),
      ...(by.request === undefined ? {} : { request: by.request }),
      ...(by.key === undefined ? {} : { key: by.key }),
      detail: { id, kind, ...(kind === "subject" ? {} : { value }), ...until },
    };
    this.#hands?.log.note(name, by.actor, about, lock.tenant);
  }
}

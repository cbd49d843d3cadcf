/**
 * Live news of one session, for streams and sockets: it learns of changes by other processes from
 * the store's tail, and of passing deadlines by itself. Watching never counts as activity.
 */
import type { EndReason } from "../protocol/words.ts";
import type { SessionRef, StoreChange, StoredSession, Subscription } from "../engine/ports.ts";
import { endsAt, idleExpiresAt } from "../engine/record.ts";
import type { SessionEnd, SessionRecord } from "../engine/record.ts";
import { warnAt } from "../engine/session.ts";
import type { Core, Loaded } from "./core.ts";
import { endLockedOut, noticeFor } from "./locked-out.ts";

interface Deadlines {
  readonly serverNow: number;
  readonly idleExpiresAt: number;
  readonly absoluteExpiresAt: number;
  readonly warnAt: number;
}

export type SessionNews =
  | ({ readonly type: "hello" | "extended" } & Deadlines)
  /** A deadline is near. `why` says which: only idleness can be answered by extending. */
  | {
      readonly type: "expiring";
      readonly serverNow: number;
      readonly at: number;
      readonly why: "idle" | "absolute";
    }
  | { readonly type: "rotated" }
  | { readonly type: "locked"; readonly factors: number }
  | { readonly type: "unlocked" }
  | { readonly type: "data"; readonly keys: readonly string[]; readonly version: string }
  | {
      readonly type: "ended";
      readonly reason: EndReason;
      readonly cause?: string;
      /** For the person, where a lockout stands that keeps it out. */
      readonly message?: string;
    };

export type NewsListener = (news: SessionNews) => void;

/** What the guards of live connections want besides news. */
export interface Observer {
  /** Each time the session was read and is live. */
  seen(loaded: Loaded): void;
  /** Who is kept out has changed: what was read last may be worth nothing for some. */
  lockoutsChanged(): void;
  /** Read at least this often, in milliseconds. */
  readonly everyMs: number;
}

/** @param address From where it is watched: a lockout may be of there. */
export interface Watched extends SessionRef {
  readonly address?: string | undefined;
}

export interface WatchWhere {
  readonly tenant?: string;
  /** Where the one who watches is, an IP address, for lockouts. */
  readonly address?: string | undefined;
}

/** A subscription that can be asked to look at once. */
export interface Watch extends Subscription {
  refresh(): void;
}

/** While a warning stands, the deadline is read again this often: another node may extend it. */
const WARNED_POLL_MS = 1_000;
/** Never sleep longer: clocks drift and machines are suspended. */
const SLEEP_MS_MAX = 60_000;
const SLEEP_MS_MIN = 5;

/** The watchers of a process, by session. */
export class Watches {
  readonly #core: Core;
  readonly #watchers: Map<string, Set<Watcher>> = new Map();
  #feed: Subscription | undefined;
  #lockouts: Subscription | undefined;
  #closed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  add(ref: Watched, listener: NewsListener, observer?: Observer): Watch {
    if (this.#closed) return { close: () => undefined, refresh: () => undefined };
    this.#lockouts ??= this.#core.lockouts.onChange(() => {
      this.#all((watcher) => watcher.refreshIfLockedOut());
    });
    this.#feed ??= this.#core.changes.add({
      change: (change) => this.#deliver(change),
      gap: () => this.#all((watcher) => watcher.refresh()),
    });
    const key = ref.id + ref.tenant;
    const watcher = new Watcher(this.#core, ref, { listener, observer });
    const set = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, set.add(watcher));
    watcher.refresh();
    return {
      refresh: () => watcher.refresh(),
      close: () => {
        watcher.close();
        set.delete(watcher);
        if (set.size === 0 && this.#watchers.get(key) === set) this.#watchers.delete(key);
        if (this.#watchers.size === 0) this.#stop();
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#all((watcher) => watcher.close());
    this.#watchers.clear();
    this.#stop();
  }

  #stop(): void {
    this.#feed?.close();
    this.#feed = undefined;
    this.#lockouts?.close();
    this.#lockouts = undefined;
  }

  #all(run: (watcher: Watcher) => void): void {
    for (const set of this.#watchers.values()) for (const watcher of set) run(watcher);
  }

  #deliver(change: StoreChange): void {
    if (change.kind === "subject") {
      this.#all((watcher) => watcher.refreshIf(change.tenant, change.subject));
      return;
    }
    for (const watcher of this.#watchers.get(change.ref.id + change.ref.tenant) ?? []) {
      if (change.what === "data") watcher.data(change.keys ?? []);
      else watcher.refresh();
    }
  }
}

class Watcher {
  readonly #core: Core;
  readonly #ref: Watched;
  readonly #listener: NewsListener;
  readonly #observer: Observer | undefined;
  #last: StoredSession | undefined;
  #locked = false;
  #warned = false;
  #closed = false;
  #reading = false;
  #again = false;
  readonly #keys: Set<string> = new Set();
  #cancel: (() => void) | undefined;

  constructor(
    core: Core,
    ref: Watched,
    told: { readonly listener: NewsListener; readonly observer: Observer | undefined },
  ) {
    this.#core = core;
    const { tenant, id, address } = ref;
    this.#ref = { tenant, id, address };
    this.#listener = told.listener;
    this.#observer = told.observer;
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  refreshIf(tenant: string, subject: string): void {
    const { record } = this.#last ?? {};
    if (record === undefined || (record.tenant === tenant && record.subject === subject))
      this.refresh();
  }

  /** Lockouts have changed: only those whom one concerns are read again. */
  refreshIfLockedOut(): void {
    const stored = this.#last;
    if (stored === undefined) return this.refresh();
    this.#observer?.lockoutsChanged();
    const { core, address } = { core: this.#core, address: this.#ref.address };
    if (core.lockouts.find(stored.record, core.lastNow(), address) !== undefined) this.refresh();
  }

  data(keys: readonly string[]): void {
    for (const key of keys) this.#keys.add(key);
    this.refresh();
  }

  refresh(): void {
    void this.#read();
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      const stored = await this.#core.load(this.#ref);
      if (!this.#closed) await this.#judge(stored);
    } catch (error) {
      // Trouble is not an end: say nothing and look again. Invariant I7.
      this.#core.noteTrouble("watch", error);
      if (!this.#closed) this.#sleep(WARNED_POLL_MS);
    } finally {
      this.#reading = false;
    }
    if (this.#again) {
      this.#again = false;
      this.refresh();
    }
  }

  #say(news: SessionNews): void {
    if (this.#closed) return;
    try {
      this.#listener(news);
    } catch (error) {
      this.#core.reportError(error);
    }
  }

  async #judge(stored: StoredSession | undefined): Promise<void> {
    if (stored === undefined) return this.#end({ reason: "revoked" });
    const loaded = this.#core.judge(stored, this.#ref.address);
    await endLockedOut(this.#core, loaded);
    if (this.#closed) return;
    const { judgement, now, policy } = loaded;
    if (judgement.state === "ended") return this.#end(judgement.end, stored.record);
    this.#observer?.seen(loaded);
    // Who was shown it may have gone.
    if (this.#closed) return;
    const before = this.#last;
    this.#last = stored;
    const factors = judgement.state === "locked" ? judgement.factors : 0;
    this.#sayLock(factors);
    const { record } = stored;
    const deadlines: Deadlines = {
      serverNow: now,
      idleExpiresAt: idleExpiresAt(record),
      absoluteExpiresAt: record.absoluteExpiresAt,
      warnAt: warnAt(record, policy),
    };
    if (before === undefined) this.#say({ type: "hello", ...deadlines });
    else this.#sayMoved(before.record, record, deadlines);
    this.#sayData(stored);
    if (factors > 0) this.#sleep(endsAt(record) - now);
    else this.#warn(deadlines);
  }

  #sayLock(factors: number): void {
    const locked = factors > 0;
    if (locked && !this.#locked) this.#say({ type: "locked", factors });
    if (!locked && this.#locked) this.#say({ type: "unlocked" });
    this.#locked = locked;
  }

  #sayMoved(before: SessionRecord, now: SessionRecord, deadlines: Deadlines): void {
    if (before.rotation.generation !== now.rotation.generation) this.#say({ type: "rotated" });
    if (now.seenAt > before.seenAt && deadlines.serverNow < deadlines.warnAt) {
      this.#warned = false;
      this.#say({ type: "extended", ...deadlines });
    }
  }

  #sayData(stored: StoredSession): void {
    if (this.#keys.size === 0) return;
    const keys = [...this.#keys];
    this.#keys.clear();
    const version = `${stored.record.version}.${stored.dataVersion}`;
    this.#say({ type: "data", keys, version });
  }

  #warn(deadlines: Deadlines): void {
    const { serverNow, warnAt: from, idleExpiresAt: at, absoluteExpiresAt } = deadlines;
    if (serverNow < from) return this.#sleep(from - serverNow);
    if (!this.#warned) {
      this.#warned = true;
      this.#say({
        type: "expiring",
        serverNow,
        at,
        why: at < absoluteExpiresAt ? "idle" : "absolute",
      });
    }
    this.#sleep(Math.min(WARNED_POLL_MS, at - serverNow));
  }

  #end({ reason, cause }: Pick<SessionEnd, "reason" | "cause">, record?: SessionRecord): void {
    const message = record && noticeFor(this.#core, record, this.#ref.address);
    this.#say({
      type: "ended",
      reason,
      ...(cause === undefined ? {} : { cause }),
      ...(message === undefined ? {} : { message }),
    });
    this.close();
  }

  #sleep(ms: number): void {
    this.#cancel?.();
    const longest = this.#observer?.everyMs ?? SLEEP_MS_MAX;
    const bounded = Math.min(Math.max(ms, SLEEP_MS_MIN), longest);
    this.#cancel = this.#core.timers.after(bounded, () => this.refresh());
  }
}

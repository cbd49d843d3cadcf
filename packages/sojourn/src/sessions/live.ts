/**
 * The live connections (sockets, streams) of a process, watched over session by session: however
 * many a session has, it is read once. Each is told when its session no longer carries it.
 */
import type { SessionRef } from "../engine/ports.ts";
import { clientOf } from "../http/forwarded.ts";
import type { ForwardedRules } from "../http/forwarded.ts";
import type { ProblemAnswer } from "../http/problem.ts";
import { assess, touchDue, touchUrgent } from "../engine/session.ts";
import type { Core, Loaded } from "./core.ts";
import { LiveSession } from "./live-session.ts";
import type { LiveEnd, LiveRules } from "./live-session.ts";
import type { RequestView } from "./request-view.ts";
import { Session } from "./session.ts";
import { TOUCH_LAG_MS } from "./touches.ts";
import { inspectBy, sessionFrom } from "./warrant.ts";
import type { Warrant } from "./warrant.ts";
import type { Watch, Watches } from "./watch.ts";

/** A session with connections is read at least this often, should the store's tail fall silent. */
const VERIFY_MS = 20_000;
/** So long after the last successful read connections are closed, by policy `storeDown`. I3. */
const UNVERIFIED_MS = { closed: 30_000, degraded: 60_000 } as const;

/** What the room needs of a connection. */
export interface Guarded {
  judge(loaded: Loaded): void;
  finish(end: LiveEnd): void;
}

/** All connections of one session. */
export class Warden {
  readonly #core: Core;
  readonly #ref: SessionRef;
  readonly #watch: Watch;
  readonly #guarded: Set<Guarded> = new Set();
  #loaded: Loaded | undefined;
  #touchedAt = 0;
  #cancel: (() => void) | undefined;

  constructor(core: Core, watches: Watches, ref: SessionRef) {
    this.#core = core;
    this.#ref = ref;
    this.#proved("closed");
    this.#watch = watches.add(
      ref,
      (news) => {
        if (news.type === "ended") this.finishAll({ kind: "ended", reason: news.reason });
      },
      {
        everyMs: VERIFY_MS,
        seen: (loaded) => this.seen(loaded),
        lockoutsChanged: () => this.#judgeAgain(),
      },
    );
  }

  get size(): number {
    return this.#guarded.size;
  }

  enter(guarded: Guarded): void {
    // Judged on a read of its own: what was read before may be older than its handshake.
    if (this.#guarded.size > 0) this.#watch.refresh();
    this.#guarded.add(guarded);
  }

  /** @returns true when nobody is left and the watch is over. */
  leave(guarded: Guarded): boolean {
    this.#guarded.delete(guarded);
    if (this.#guarded.size > 0) return false;
    this.#cancel?.();
    this.#watch.close();
    return true;
  }

  /** The session was read and is live. */
  seen(loaded: Loaded): void {
    this.#loaded = loaded;
    this.#proved(loaded.policy.storeDown);
    for (const one of this.#guarded) one.judge(loaded);
  }

  /** By what was read last: some of its connections may come from a network that is locked now. */
  #judgeAgain(): void {
    if (this.#loaded === undefined) return;
    for (const one of this.#guarded) one.judge(this.#loaded);
  }

  finishAll(end: LiveEnd): void {
    for (const one of this.#guarded) one.finish(end);
  }

  /** Activity on a connection: coalesced as any, and never a revival. */
  touch(): void {
    if (this.#loaded === undefined) return;
    const { stored, policy } = this.#loaded;
    const now = this.#core.lastNow();
    const seenAt = Math.max(stored.record.seenAt, this.#touchedAt);
    const record = { ...stored.record, seenAt };
    if (!touchDue(record, policy, now)) return;
    if (assess(record, stored.subjectEpoch, now).state !== "active") return;
    this.#touchedAt = now;
    if (!touchUrgent(record, policy, now, TOUCH_LAG_MS))
      return this.#core.touches.add(this.#ref, now);
    this.#core
      .attempt("touch", () => this.#core.store.touch([{ ref: this.#ref, seenAt: now }]))
      // Told by `attempt`; the next message tries again.
      .catch(() => void (this.#touchedAt = 0));
  }

  #proved(storeDown: keyof typeof UNVERIFIED_MS): void {
    this.#cancel?.();
    this.#cancel = this.#core.timers.after(UNVERIFIED_MS[storeDown], () =>
      this.finishAll({ kind: "unavailable" }),
    );
  }
}

/** What the credential of a request has shown: a session, or one that gets no better with time. */
export type Shown<Data extends object> =
  | { readonly refusal: ProblemAnswer }
  | { readonly refusal: undefined; readonly warrant: Warrant }
  | { readonly refusal: undefined; readonly warrant: undefined; readonly session: Session<Data> };

export class LiveRoom<Data extends object = Record<string, unknown>> {
  /** Of requests that open connections, for all that is opened on them later. */
  readonly shown: WeakMap<object, Promise<Shown<Data>>> = new WeakMap();
  readonly #core: Core;
  readonly #forwarded: ForwardedRules;
  readonly #watches: Watches;
  readonly #wardens: Map<string, Warden> = new Map();
  readonly #all: Set<Guarded> = new Set();
  #closed = false;

  constructor(core: Core, watches: Watches, forwarded: ForwardedRules) {
    this.#core = core;
    this.#watches = watches;
    this.#forwarded = forwarded;
  }

  /** Where a connection comes from, behind trusted proxies: a lockout may be of there later. */
  addressOf(view: RequestView): string | undefined {
    return clientOf(this.#forwarded, view).address;
  }

  /** Connections open now. */
  get size(): number {
    return this.#all.size;
  }

  /** Connections of one session. */
  sizeOf(ref: SessionRef): number {
    return this.#wardens.get(keyOf(ref))?.size ?? 0;
  }

  /** A connection's hold on its session; nothing is watched before its `begin`. */
  hold(session: Session<Data>, rules: LiveRules): LiveSession<Data> {
    return new LiveSession<Data>({ core: this.#core, room: this, session, rules });
  }

  /** The session that was shown, as it is now: its token is not presented again. One store read. */
  async again(warrant: Warrant): Promise<Session<Data>> {
    const core = this.#core;
    const loaded = await inspectBy(core, warrant);
    return loaded === undefined
      ? new Session<Data>({ core, tenant: warrant.tenant })
      : sessionFrom<Data>(core, loaded);
  }

  /** @returns `undefined` where there is nothing to watch, or nobody who would. */
  enter(ref: SessionRef | undefined, guarded: Guarded, max: number): Warden | undefined {
    const full = ref !== undefined && this.sizeOf(ref) >= max;
    if (this.#closed || full) {
      guarded.finish({ kind: this.#closed ? "closing" : "crowded" });
      return undefined;
    }
    this.#all.add(guarded);
    if (ref === undefined) return undefined;
    const key = keyOf(ref);
    const warden = this.#wardens.get(key) ?? new Warden(this.#core, this.#watches, ref);
    this.#wardens.set(key, warden);
    warden.enter(guarded);
    return warden;
  }

  leave(ref: SessionRef | undefined, guarded: Guarded): void {
    this.#all.delete(guarded);
    if (ref === undefined) return;
    const key = keyOf(ref);
    if (this.#wardens.get(key)?.leave(guarded) === true) this.#wardens.delete(key);
  }

  /** Tell of what went wrong where nobody waits for it. */
  report(error: unknown): void {
    this.#core.reportError(error);
  }

  close(): void {
    this.#closed = true;
    for (const one of this.#all) one.finish({ kind: "closing" });
  }
}

function keyOf(ref: SessionRef): string {
  return ref.id + ref.tenant;
}

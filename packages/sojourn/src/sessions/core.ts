/**
 * What every operation of one `Sessions` shares: store, time, keys, policies, events. The only
 * place where load → decide → compare-and-set is written out.
 */
import type { EventName, SessionEvent } from "../protocol/events.ts";
import { handleOf } from "../protocol/words.ts";
import type { Durability } from "../protocol/words.ts";
import { ClockJumpedError, SessionEndedError, SojournError } from "../engine/errors.ts";
import { invariant } from "../engine/invariant.ts";
import type { PolicyBook } from "../engine/policy/tighten.ts";
import type { Policy } from "../engine/policy/policy.ts";
import type {
  Clock,
  Digest,
  Entropy,
  MaybePromise,
  NearSession,
  NearSessions,
  SessionRef,
  SessionStore,
  StoredSession,
  Timers,
} from "../engine/ports.ts";
import type { SessionRecord, SessionSummary } from "../engine/record.ts";
import type { Judgement } from "../engine/session.ts";
import { decodeBase64Url, encodeBase64Url } from "../tokens/base64url.ts";
import { ChangeFeed } from "./change-feed.ts";
import { retrying } from "./contention.ts";
import { Keeper } from "./keeper.ts";
import { endLockedOut, judged } from "./locked-out.ts";
import type { Lockouts } from "./lockouts.ts";
import { NodeRow } from "./roll-call.ts";
import type { TokenDesk } from "./token-desk.ts";
import type { TokenDesks } from "./token-desks.ts";
import { Emitter } from "./emitter.ts";
import type { EventInput } from "./emitter.ts";
import { TokenMemo } from "./memo.ts";
import { SerialQueues } from "./serial.ts";
import { TouchQueue } from "./touches.ts";

const PROVED_TOKENS_MAX = 100_000;

export interface CoreParts {
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly digest: Digest;
  readonly policies: PolicyBook;
  readonly desks: TokenDesks;
  readonly revokeDurability: Durability;
  readonly development: boolean;
  readonly lockouts: Lockouts;
  readonly onError: (error: unknown) => void;
}

/** A session as just read, judged at `now` by its own policy. */
export interface Loaded {
  readonly stored: StoredSession;
  readonly policy: Policy;
  readonly judgement: Judgement;
  readonly now: number;
}

export class Core {
  readonly store: SessionStore;
  /** What other processes do, and this one. */
  readonly changes: ChangeFeed;
  readonly timers: Timers;
  readonly entropy: Entropy;
  readonly digest: Digest;
  readonly emitter: Emitter;
  readonly memo: TokenMemo = new TokenMemo(PROVED_TOKENS_MAX);
  readonly queues: SerialQueues = new SerialQueues();
  readonly touches: TouchQueue;
  readonly policies: PolicyBook;
  /** Everything keyed. */
  readonly desks: TokenDesks;
  /** What ending a session has to reach, where the store can. */
  readonly revokeDurability: Durability;
  readonly development: boolean;
  /** Who is kept out: asked at every judgement. */
  readonly lockouts: Lockouts;
  /** Held once: behind it may be a proxy. */
  readonly #near: NearSessions | undefined;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #below: SessionStore;
  readonly #keeper: Keeper | undefined;
  readonly #node: NodeRow | undefined;
  #storeDown = false;
  #lastNow = 0;
  #learning = false;
  #bucketKey: Promise<Uint8Array> | undefined;
  constructor(parts: CoreParts) {
    this.changes = new ChangeFeed(parts.store, (error) => this.noteTrouble("tail", error));
    this.#keeper = parts.store.capabilities.mayForget === true ? this.#keep(parts) : undefined;
    this.#below = parts.store;
    this.store = this.#keeper?.store ?? parts.store;
    this.#near = parts.store.near;
    this.#node = this.#near === undefined ? undefined : new NodeRow(this, this.#near);
    this.#clock = parts.clock;
    this.timers = parts.timers;
    this.entropy = parts.entropy;
    this.digest = parts.digest;
    this.policies = parts.policies;
    this.desks = parts.desks;
    this.revokeDurability = parts.revokeDurability;
    this.development = parts.development;
    this.lockouts = parts.lockouts;
    this.#onError = parts.onError;
    this.emitter = new Emitter(parts.onError);
    this.touches = new TouchQueue(this.store, parts.timers, (error) =>
      this.noteTrouble("touch", error),
    );
  }

  #keep({ store, timers }: CoreParts): Keeper {
    return new Keeper({
      store,
      timers,
      changes: this.changes,
      monotonic: () => performance.now(),
      now: () => this.lastNow(),
      replayed: (replay) => this.emit("store-replayed", { tenant: "", ...replay }),
      trouble: (error) => this.noteTrouble("replay", error),
    });
  }

  /** Stop listening and watching. What waits is sent by whoever closes. */
  async close(): Promise<void> {
    await this.#node?.close();
    this.#keeper?.close();
    this.changes.close();
  }

  /** Everything keyed of a tenant; a promise only until it is derived. */
  keys(tenant: string): MaybePromise<TokenDesk> {
    return this.desks.of(tenant);
  }

  /**
   * @throws {ClockJumpedError} while the wall clock and the monotonic clock disagree; the store is
   * asked for its time meanwhile.
   */
  now(): number {
    try {
      return this.#clock.now();
    } catch (error) {
      if (error instanceof ClockJumpedError) this.#learn();
      throw error;
    }
  }

  #learn(): void {
    if (this.#learning) return;
    this.#learning = true;
    this.store
      .health()
      .then((health) => this.#clock.learn(health.nowAt))
      .catch((error: unknown) => this.noteTrouble("health", error))
      .finally(() => void (this.#learning = false));
  }

  /** The installation's bucket key: one store round trip, once. */
  async bucketKey(): Promise<Uint8Array> {
    this.#bucketKey ??= this.#readBucketKey();
    try {
      return await this.#bucketKey;
    } catch (error) {
      this.#bucketKey = undefined;
      throw error;
    }
  }

  async #readBucketKey(): Promise<Uint8Array> {
    const id = encodeBase64Url(this.entropy.bytes(12));
    const bucketKey = encodeBase64Url(this.entropy.bytes(32));
    const kept = await this.attempt("installation", () =>
      this.store.installation({ id, bucketKey }),
    );
    const key = decodeBase64Url(kept.bucketKey);
    invariant(key !== undefined, "the store's installation record is unreadable");
    return key;
  }

  policyOf(record: SessionSummary): Policy {
    return this.policies.policyFor(record);
  }

  emit<Name extends EventName>(name: Name, input: EventInput<Name>): void {
    if (!this.emitter.wanted(name)) return;
    const keys = this.desks.known;
    const id = input.session;
    const at = this.lastNow();
    const fields: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(input)) {
      if (value !== undefined) fields[key] = value;
    }
    if (id !== undefined) {
      fields["session"] = handleOf(id);
      const ref = keys?.sidRef(id);
      if (typeof ref === "string") fields["sidRef"] = ref;
    }
    this.emitter.emit({ ...fields, name, at } as unknown as SessionEvent);
  }

  /** The time for records of what happened: during a clock jump, the last time before it. */
  lastNow(): number {
    try {
      this.#lastNow = this.#clock.now();
    } catch (error) {
      if (!(error instanceof ClockJumpedError)) throw error;
    }
    return this.#lastNow;
  }

  /** Errors of listeners and background work: reported, never thrown at bystanders. */
  reportError(error: unknown): void {
    this.#onError(error);
  }

  /** Tell listeners once per outage, and report what is no outage. */
  noteTrouble(operation: string, error: unknown): void {
    if (error instanceof SojournError && error.code === "ERR_STORE_UNAVAILABLE") {
      if (this.#storeDown) return;
      this.#storeDown = true;
      this.emit("store-unavailable", { tenant: "", operation });
    } else this.#onError(error);
  }

  noteRecovery(operation: string): void {
    if (!this.#storeDown) return;
    this.#storeDown = false;
    // What came back may be another server.
    void this.#keeper?.check();
    this.emit("store-recovered", { tenant: "", operation });
  }

  /** Run a store call, noting trouble and recovery. @throws what the call throws. */
  async attempt<Result>(operation: string, call: () => Promise<Result>): Promise<Result> {
    try {
      const result = await call();
      if (this.#storeDown) this.noteRecovery(operation);
      return result;
    } catch (error) {
      if (error instanceof SojournError) this.noteTrouble(operation, error);
      throw error;
    }
  }

  /** Read one session; activity noted here but not yet stored counts. One store round trip. */
  load(ref: SessionRef): Promise<StoredSession | undefined> {
    return this.loadAnd(ref, (stored) => stored);
  }

  /**
   * {@link load}, and the next step in the same reaction: strict verification has no promise to
   * spare. @param failed When the read did; by default its error is thrown.
   */
  loadAnd<Result>(
    ref: SessionRef,
    step: (stored: StoredSession | undefined) => MaybePromise<Result>,
    failed?: (error: unknown) => Result,
  ): Promise<Result> {
    this.#node?.begin();
    const keeper = this.#keeper;
    const turn = keeper?.turn ?? 0;
    const found = (stored?: StoredSession): MaybePromise<Result> => {
      if (this.#storeDown) this.noteRecovery("find");
      return step(stored === undefined ? stored : this.withTouches(ref, stored));
    };
    const trouble = (error: unknown): Result => {
      this.noteTrouble("find", error);
      if (failed === undefined) throw error;
      return failed(error);
    };
    return this.#below.find(ref).then((stored) => {
      const vouched = keeper === undefined ? stored : keeper.vouched(ref, stored, turn);
      return vouched instanceof Promise ? vouched.then(found, trouble) : found(vouched);
    }, trouble);
  }

  /**
   * A session kept near and proven fresh, for the plain hit alone. No I/O.
   *
   * @param boundMs Where the store is down and the policy serves on: how old it may be.
   */
  peek(ref: SessionRef, boundMs?: number): NearSession | undefined {
    if (this.#node?.isListed === false) return undefined;
    const near = this.#near?.peek(ref, boundMs);
    if (near === undefined || this.#keeper === undefined) return near;
    // Read from a store that has lost its end: what this process knows outranks it.
    return this.#keeper.denies(near.stored) ? undefined : near;
  }

  /** What another process read, from a shared cache that lies below a near-cache. */
  recall(ref: SessionRef): Promise<StoredSession | undefined> | undefined {
    if (this.#node?.isListed === false) return undefined;
    const recalled = this.#near?.recall?.(ref);
    const keeper = this.#keeper;
    if (recalled === undefined || keeper === undefined) return recalled;
    return recalled.then((stored) =>
      stored !== undefined && keeper.denies(stored) ? undefined : stored,
    );
  }

  /** The same session with the activity noted here and not yet stored, if that is news. */
  withTouches(ref: SessionRef, stored: StoredSession): StoredSession {
    return this.touches.idle ? stored : this.#withTouch(ref, stored);
  }

  #withTouch(ref: SessionRef, stored: StoredSession): StoredSession {
    const seenAt = this.touches.seenAt(ref);
    if (seenAt === undefined || seenAt <= stored.record.seenAt) return stored;
    return { ...stored, record: { ...stored.record, seenAt } };
  }

  /**
   * Read and judge. Who is locked out has its session ended, here and in the store.
   *
   * @returns `undefined` for an unknown session.
   */
  async inspect(ref: SessionRef, address?: string): Promise<Loaded | undefined> {
    const stored = await this.load(ref);
    if (stored === undefined) return undefined;
    const loaded = this.judge(stored, address);
    await endLockedOut(this, loaded);
    return loaded;
  }

  /** @param address From where its token is presented, as far as that is known. */
  judge(stored: StoredSession, address?: string): Loaded {
    const now = this.now();
    const judgement = judged(this.lockouts, stored, now, address);
    return { stored, policy: this.policyOf(stored.record), now, judgement };
  }

  /** Like {@link inspect}. @throws {SessionEndedError} when it is ended or unknown. */
  async inspectLive(ref: SessionRef): Promise<Loaded> {
    const loaded = await this.inspect(ref);
    if (loaded === undefined) throw new SessionEndedError(undefined);
    if (loaded.judgement.state === "ended")
      throw new SessionEndedError(loaded.judgement.end.reason);
    return loaded;
  }

  /**
   * Load, decide, compare-and-set, until it holds or 2 s are over. `step` may run several times and
   * decides on a fresh record each time; `undefined` means nothing is to be written.
   *
   * @throws {ContentionError} after {@link CONTENTION_MS_MAX} of lost races; retryable.
   * @throws {SessionEndedError} when the session ends meanwhile: a logout that lands between load
   * and write stays a logout. Invariant I1.
   */
  async decide(
    ref: SessionRef,
    operation: string,
    step: (loaded: Loaded) => SessionRecord | undefined | Promise<SessionRecord | undefined>,
  ): Promise<StoredSession> {
    return this.retrying(operation, async () => {
      const loaded = await this.inspectLive(ref);
      const { stored } = loaded;
      const next = await step(loaded);
      if (next === undefined) return stored;
      const result = await this.attempt(operation, () =>
        this.store.replace(next, stored.record.version),
      );
      if (result === "conflict") return undefined;
      if (result === "gone") {
        await this.inspectLive(ref);
        return undefined;
      }
      return { ...stored, record: { ...next, version: stored.record.version + 1 } };
    });
  }

  /** Run `attempt` until it gives something, with jittered pauses, for at most 2 s. */
  retrying<Result>(operation: string, attempt: () => Promise<Result | undefined>): Promise<Result> {
    return retrying(this, operation, attempt);
  }
}

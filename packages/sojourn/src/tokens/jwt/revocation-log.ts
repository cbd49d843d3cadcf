/**
 * The revocation feed of a process, made from the tail of its store: whatever process ended a
 * session, whoever reads here hears of it. Kept for as long as a token from before could live.
 *
 * What ended before the log began it cannot know, and neither what a gap in the tail hid: tokens
 * issued before such an instant are ended as a whole, which costs their clients a refresh.
 */
import { entropy, hostTime } from "#platform";
import { ConfigError, StoreUnavailableError } from "../../engine/errors.ts";
import type { HostTime, SessionStore, StoreChange, Subscription } from "../../engine/ports.ts";
import { handleOf } from "../../protocol/words.ts";
import { encodeBase64Url } from "../base64url.ts";
import type { SigningKeys } from "../keys/signing-keys.ts";
import type { RevocationEntry, RevocationFeed, RevocationPage } from "./revocations.ts";
import { tokenOf, writeTokenEnd } from "./token-ends.ts";
import type { TokenEnd } from "./token-ends.ts";

/** A lockout, as much of it as the feed tells: never what its people wrote. */
interface ToldLockout {
  readonly id: string;
  readonly tenant: string;
  readonly kind: string;
  readonly value: string;
  readonly expiresAt?: number | undefined;
}

/** What of a `Lockouts` is looked at. */
export interface LockoutSource {
  list(): Iterable<ToldLockout>;
  onChange(
    listener: (change: {
      readonly set: readonly ToldLockout[];
      readonly lifted: readonly ToldLockout[];
    }) => void,
  ): Subscription;
}

export interface RevocationLogOptions {
  /** The store of the sessions, or a near-cache over it. */
  readonly store: Pick<SessionStore, "tail" | "revoke">;
  /** Keys whose revocations are told, too. */
  readonly keys?: readonly SigningKeys[];
  /** Who is kept out, as the sessions know it: their `Lockouts`. */
  readonly lockouts?: LockoutSource;
  /** The longest life of a token; default 15 minutes. */
  readonly tokenLifeMs?: number;
  /** Where to take the store's tail up: an earlier log's `checkpoint`. Default: from now on. */
  readonly from?: string;
  /** For tests; default: the clocks of the machine. */
  readonly time?: HostTime;
}

const TOKEN_LIFE_MS = 15 * 60_000;
const LEEWAY_MS = 60_000;
const NAME_BYTES = 9;
const ID_BYTES = 18;
const MARKS_PER_KEEP = 8;
const SECOND_MS = 1_000;

interface Placed {
  readonly entry: RevocationEntry;
  /** Whose it is; absent: everybody's. */
  readonly tenant: string | undefined;
  /** When it was noted here, by the monotonic clock. */
  readonly notedAt: number;
}

interface Mark {
  readonly position: string;
  readonly at: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class RevocationLog implements RevocationFeed {
  readonly keepMs: number;
  /** Positions of another process are not ours. */
  readonly #name: string = encodeBase64Url(entropy.bytes(NAME_BYTES));
  readonly #time: HostTime;
  readonly #keys: readonly SigningKeys[];
  readonly #store: RevocationLogOptions["store"];
  readonly #lockouts: LockoutSource | undefined;
  readonly #lockoutNews: Subscription | undefined;
  readonly #tail: Subscription;
  #entries: Placed[] = [];
  /** Sessions of which the entries say that they wait for a factor, and whose they are. */
  readonly #locked: Map<string, string> = new Map();
  /** The number of the first entry that is still kept. */
  #first = 0;
  #marks: Mark[] = [];
  #provenAt = -Infinity;
  #waiting: Waiter[] = [];
  readonly #listeners: Set<(tenant: string | undefined) => void> = new Set();
  #closed = false;

  /** Use {@link createRevocationLog}. */
  constructor(options: RevocationLogOptions) {
    this.keepMs = (options.tokenLifeMs ?? TOKEN_LIFE_MS) + LEEWAY_MS;
    this.#time = options.time ?? hostTime;
    this.#keys = options.keys ?? [];
    this.#store = options.store;
    this.#lockouts = options.lockouts;
    this.#lockoutNews = options.lockouts?.onChange(({ set, lifted }) => {
      for (const one of lifted) this.#add(this.#entryOf(one, true), one.tenant);
      for (const one of set) this.#add(this.#entryOf(one, false), one.tenant);
    });
    if (options.from === undefined) this.#forgetEarlier();
    this.#tail = options.store.tail(options.from ?? "now", {
      change: (change) => this.#note(change),
      gap: () => this.#forgetEarlier(),
      frontier: (position, askedAt) => this.#prove(position, askedAt),
      error: (error) => this.#settle(error),
    });
  }

  /**
   * Where another log can begin and miss nothing that matters; kept by whoever wants that.
   * `undefined` until this one has known everything for as long as a token lives.
   */
  get checkpoint(): string | undefined {
    const horizon = this.#time.monotonic() - this.keepMs;
    return this.#marks.findLast(({ at }) => at <= horizon)?.position;
  }

  /**
   * A snapshot, or what came after `since`.
   *
   * @param tenant Tell of this one only. Default: of all.
   * @throws {StoreUnavailableError} (rejects) while the store has proved nothing yet.
   */
  async read(since?: string, tenant?: string): Promise<RevocationPage> {
    if (this.#provenAt === -Infinity) await this.#proof();
    this.#prune();
    const keys = await this.#revokedKeys();
    // Moves with every key that comes to them, or goes.
    const stamp = keys.reduce((sum, { at }) => sum + at, 0);
    const newKeys = since?.endsWith(`.${stamp}`) === true ? [] : keys;
    const from = since === undefined ? this.#first : this.#numberOf(since);
    // From here on nothing waits: position, entries and age belong together.
    const end = this.#first + this.#entries.length;
    const entries = this.#entries
      .slice((from ?? end) - this.#first)
      .filter((one) => tenant === undefined || (one.tenant ?? tenant) === tenant)
      .map(({ entry }) => entry)
      // A snapshot has those that stand, however old they are.
      .filter(({ kind }) => since !== undefined || kind !== "lockout");
    const standing = since === undefined ? this.#standing(tenant) : [];
    return {
      ...(tenant === undefined ? {} : { tenant }),
      position: `${this.#name}.${end}.${stamp}`,
      entries: from === undefined ? [] : [...standing, ...entries, ...newKeys],
      complete: from !== undefined,
      at: this.#time.wall(),
      ageMs: Math.max(0, this.#time.monotonic() - this.#provenAt),
      keepMs: this.keepMs,
    };
  }

  #standing(tenant: string | undefined): readonly RevocationEntry[] {
    const all = [...(this.#lockouts?.list() ?? [])];
    return all
      .filter((one) => tenant === undefined || one.tenant === tenant)
      .map((one) => this.#entryOf(one, false));
  }

  #entryOf({ id, tenant, kind, value, expiresAt }: ToldLockout, lifted: boolean): RevocationEntry {
    return {
      kind: "lockout",
      id,
      tenant,
      target: kind,
      ...(value === "" ? {} : { value }),
      lifted,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      at: this.#time.wall(),
    };
  }

  /**
   * Hear when there is something new: for answers that wait for it.
   * @param listener Is told whose it is; `undefined`: everybody's, or the log was closed.
   */
  onNews(listener: (tenant: string | undefined) => void): Subscription {
    this.#listeners.add(listener);
    return { close: () => void this.#listeners.delete(listener) };
  }

  /**
   * End one token, for readers of every feed on the store. One write there, none for a token that
   * is known to have ended; the store forgets it at `expiresAt`.
   *
   * @throws {ArgumentError} (rejects) for what names no token.
   * @throws {StoreUnavailableError} (rejects) when it could not be written; retryable.
   */
  async revokeToken(token: TokenEnd): Promise<void> {
    if (this.#knowsEnd(token)) return;
    const now = this.#time.wall();
    // A token of another issuer may live longer; here nobody heeds that.
    const expiresAt = Math.min(token.expiresAt ?? Infinity, now + this.keepMs);
    const id = encodeBase64Url(entropy.bytes(ID_BYTES));
    await writeTokenEnd(this.#store, { ...token, expiresAt }, { id, now });
  }

  /** Stop listening; what is read after says how old it is. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener(undefined);
    this.#tail.close();
    this.#lockoutNews?.close();
    this.#settle(new StoreUnavailableError("tail"));
  }

  #note(change: StoreChange): void {
    const at = this.#time.wall();
    if (change.kind === "subject") {
      const { tenant, subject, epoch, except } = change;
      const spared = except === undefined ? {} : { except: handleOf(except) };
      this.#add({ kind: "subject", tenant, subject, epoch, ...spared, at }, tenant);
      return;
    }
    const { tenant, id } = change.ref;
    if (change.what !== "ended") {
      this.#noteLock(handleOf(id), change.locked === true, tenant);
      return;
    }
    const token = tokenOf(change);
    this.#locked.delete(handleOf(id));
    this.#add(
      token === undefined
        ? { kind: "session", session: handleOf(id), at }
        : { kind: "token", ...token, at },
      tenant,
    );
  }

  /** Told once each; an end of a lock only of one that was told. */
  #noteLock(session: string, locked: boolean, tenant: string): void {
    if (this.#locked.has(session) === locked) return;
    if (locked) this.#locked.set(session, tenant);
    else this.#locked.delete(session);
    this.#add({ kind: "lock", session, lifted: !locked, at: this.#time.wall() }, tenant);
  }

  #forgetEarlier(): void {
    const at = Math.floor(this.#time.wall() / SECOND_MS) * SECOND_MS;
    this.#add({ kind: "all", at });
    // A lock may have been lifted meanwhile. Where it was not, no token is issued either.
    for (const [session, tenant] of this.#locked) this.#noteLock(session, false, tenant);
    this.#marks = [];
  }

  #knowsEnd({ issuer, jti }: TokenEnd): boolean {
    return this.#entries.some(
      ({ entry }) => entry.kind === "token" && entry.jti === jti && entry.issuer === issuer,
    );
  }

  #add(entry: RevocationEntry, tenant?: string): void {
    this.#entries.push({ entry, tenant, notedAt: this.#time.monotonic() });
    for (const listener of this.#listeners) listener(tenant);
  }

  #prove(position: string, askedAt: number): void {
    this.#provenAt = Math.max(this.#provenAt, askedAt);
    this.#prune();
    const at = this.#time.monotonic();
    const last = this.#marks.at(-1);
    if (last === undefined || at - last.at >= this.keepMs / MARKS_PER_KEEP) {
      this.#marks = [...this.#marks.slice(-2 * MARKS_PER_KEEP), { position, at }];
    }
    this.#settle(undefined);
  }

  #proof(): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreUnavailableError("tail"));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #settle(error: unknown): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve();
      else reject(new StoreUnavailableError("tail", { cause: error }));
    }
  }

  #prune(): void {
    const horizon = this.#time.monotonic() - this.keepMs;
    const kept = this.#entries.findIndex(({ notedAt }) => notedAt >= horizon);
    const gone = kept < 0 ? this.#entries.length : kept;
    if (gone === 0) return;
    for (const { entry } of this.#entries.slice(0, gone)) {
      if (entry.kind === "lock" && !entry.lifted) this.#locked.delete(entry.session);
    }
    this.#entries = this.#entries.slice(gone);
    this.#first += gone;
  }

  /** @returns `undefined` for a position of another log, and for one that reaches back too far. */
  #numberOf(position: string): number | undefined {
    const [name, digits = ""] = position.split(".");
    const number = Number(digits);
    if (name !== this.#name || !/^\d{1,15}$/.test(digits)) return undefined;
    const known = number >= this.#first && number <= this.#first + this.#entries.length;
    return known ? number : undefined;
  }

  async #revokedKeys(): Promise<readonly RevocationEntry[]> {
    const lists = await Promise.all(this.#keys.map((keys) => keys.revoked()));
    return lists.flat().map(({ kid, at }) => ({ kind: "key", kid, at }) as const);
  }
}

/**
 * The feed of this process. Verifiers beside it take it as it is; `signPage` makes its pages fit
 * for travelling.
 *
 * @throws {ConfigError} for something that is no store.
 */
export function createRevocationLog(options: RevocationLogOptions): RevocationLog {
  const tail: unknown = (options.store as Partial<SessionStore> | undefined)?.tail;
  if (typeof tail !== "function") {
    throw new ConfigError([{ path: "store", message: "takes the store of the sessions" }]);
  }
  return new RevocationLog(options);
}

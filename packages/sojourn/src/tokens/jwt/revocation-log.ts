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

export interface RevocationLogOptions {
  /** The store of the sessions, or a near-cache over it. */
  readonly store: Pick<SessionStore, "tail">;
  /** Keys whose revocations are told, too. */
  readonly keys?: readonly SigningKeys[];
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
  readonly #tail: Subscription;
  #entries: Placed[] = [];
  /** The number of the first entry that is still kept. */
  #first = 0;
  #marks: Mark[] = [];
  #provenAt = -Infinity;
  #waiting: Waiter[] = [];
  readonly #listeners: Set<() => void> = new Set();
  #closed = false;

  /** Use {@link createRevocationLog}. */
  constructor(options: RevocationLogOptions) {
    this.keepMs = (options.tokenLifeMs ?? TOKEN_LIFE_MS) + LEEWAY_MS;
    this.#time = options.time ?? hostTime;
    this.#keys = options.keys ?? [];
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
    const from = since === undefined ? this.#first : this.#numberOf(since);
    // From here on nothing waits: position, entries and age belong together.
    const end = this.#first + this.#entries.length;
    const entries = this.#entries
      .slice((from ?? end) - this.#first)
      .filter((one) => tenant === undefined || (one.tenant ?? tenant) === tenant)
      .map(({ entry }) => entry);
    return {
      ...(tenant === undefined ? {} : { tenant }),
      position: `${this.#name}.${end}`,
      entries: from === undefined ? [] : [...entries, ...keys],
      complete: from !== undefined,
      at: this.#time.wall(),
      ageMs: Math.max(0, this.#time.monotonic() - this.#provenAt),
      keepMs: this.keepMs,
    };
  }

  /** Hear when there is something new, of whatever tenant: for answers that wait for it. */
  onNews(listener: () => void): Subscription {
    this.#listeners.add(listener);
    return { close: () => void this.#listeners.delete(listener) };
  }

  /** End one token, for readers of this process's feed. */
  revokeToken(token: { readonly issuer: string; readonly jti: string }): void {
    const { issuer, jti } = token;
    this.#add({ kind: "token", issuer, jti, at: this.#time.wall() });
  }

  /** Stop listening; what is read after says how old it is. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener();
    this.#tail.close();
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
    if (change.what !== "ended") return;
    this.#add({ kind: "session", session: handleOf(change.ref.id), at }, change.ref.tenant);
  }

  #forgetEarlier(): void {
    const at = Math.floor(this.#time.wall() / SECOND_MS) * SECOND_MS;
    this.#add({ kind: "all", at });
    this.#marks = [];
  }

  #add(entry: RevocationEntry, tenant?: string): void {
    this.#entries.push({ entry, tenant, notedAt: this.#time.monotonic() });
    for (const listener of this.#listeners) listener();
  }

  #prove(position: string, askedAt: number): void {
    this.#provenAt = Math.max(this.#provenAt, askedAt);
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

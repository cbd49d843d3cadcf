/**
 * Memcached between a near-cache and the store, shared by processes: what one has read saves the
 * others the store for some seconds. It is a hint and never a store. `find` does not ask it; a
 * near-cache may, and believes it only as far as its own tail has told of no change since (see
 * decision 0017). Whatever becomes of Memcached is a miss, in bounded time, and never an error.
 */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../engine/errors.ts";
import type {
  Installation,
  SessionRef,
  SessionStore,
  SharedCache,
  StoredSession,
} from "../engine/ports.ts";
import { MetaClient } from "./memcached/meta-client.ts";
import type { MetaReply } from "./memcached/meta-client.ts";
import { problemsOf, readServers } from "./memcached/options.ts";
import type { MemcachedTierOptions } from "./memcached/options.ts";
import { Seal } from "./memcached/seal.ts";
import { Overlay } from "./overlay.ts";
import type { Concerned } from "./overlay.ts";

export type { MemcachedTierOptions } from "./memcached/options.ts";

/** Counts since the start. */
export interface MemcachedTierStats {
  readonly hits: number;
  readonly misses: number;
  /** Sessions written there. */
  readonly fills: number;
  /** Not written, because they had changed or another process came first. */
  readonly fillsLost: number;
  /** Sessions taken away because they changed. */
  readonly invalidations: number;
  /** Connections that were lost or given up. */
  readonly failures: number;
}

/** Won with a miss: whoever holds it may write what he reads from then on. */
interface Lease {
  readonly cas: string;
  /** By the monotonic clock. */
  readonly wonAt: number;
}

/** Memcached's clock counts whole seconds: of two of them at least one is left. */
const LEASE_S = 2;
const LEASE_MS: number = 1_000 * LEASE_S;
const TTL_MS_DEFAULT = 2_000;
const TIMEOUT_MS_DEFAULT = 100;
const LEASES_MAX = 10_000;
/** Clocks of two machines that differ by more make each other's values misses. */
const SKEW_MS = 1_000;
const VALUE_BYTES_MAX = 1_000_000;
/** After trouble with the store the key is asked for again, not at every request. */
const INSTALLATION_PAUSE_MS = 1_000;

export class MemcachedTier extends Overlay {
  override readonly tier: SharedCache;
  readonly #clients: readonly MetaClient[];
  readonly #ttlS: number;
  readonly #leases: Map<string, Lease> = new Map();
  #seal: Seal | undefined;
  #sealAskedAt = -Infinity;
  #hits = 0;
  #misses = 0;
  #fills = 0;
  #fillsLost = 0;
  #invalidations = 0;

  /**
   * @param store The authority; it is closed with this one.
   * @throws {ConfigError} listing every problem.
   */
  constructor(store: SessionStore, options: MemcachedTierOptions) {
    const problems = problemsOf(store, options);
    if (problems.length > 0) throw new ConfigError(problems);
    super(store);
    const { ttlMs = TTL_MS_DEFAULT, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
    this.#ttlS = ttlMs / 1_000;
    this.#clients = readServers(options.servers).map(
      (address) => new MetaClient(address, { timeoutMs }),
    );
    const ageMs = ttlMs + LEASE_MS;
    this.tier = { ttlMs, ageMs, recall: (ref) => this.#recall(ref, ageMs) };
  }

  stats(): MemcachedTierStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      fills: this.#fills,
      fillsLost: this.#fillsLost,
      invalidations: this.#invalidations,
      failures: this.#clients.reduce((sum, { failures }) => sum + failures, 0),
    };
  }

  /** Strict: the store is asked. What it says is written to the cache if a lease was won for it. */
  override async find(ref: SessionRef): Promise<StoredSession | undefined> {
    const lease = this.#takeLease(ref);
    const readAt = Date.now();
    const stored = await this.below.find(ref);
    if (lease !== undefined && stored?.record.state === "active") {
      void this.#fill({ ref, lease, readAt, stored });
    }
    return stored;
  }

  override async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.below.close();
  }

  protected override before(): void {
    // A read that began earlier cannot be written once this has been taken away afterwards.
  }

  /**
   * Taken away before the caller is answered; a lease that was won before is worth nothing then.
   */
  protected override async after({ refs }: Concerned): Promise<void> {
    const seal = this.#seal;
    // Who has no key has written nothing; what others wrote goes by its time, and by their tails.
    if (seal === undefined || refs.length === 0) return;
    const taken = refs.map((ref) => {
      const key = seal.keyOf(ref);
      this.#leases.delete(key);
      this.#invalidations += 1;
      return this.#send(key, `md ${key}`);
    });
    await Promise.all(taken);
  }

  async #recall(ref: SessionRef, ageMs: number): Promise<StoredSession | undefined> {
    const seal = this.#seal ?? this.#readSeal();
    if (seal === undefined) return undefined;
    const key = seal.keyOf(ref);
    const askedAt = performance.now();
    const reply = await this.#send(key, `mg ${key} v c N${LEASE_S}`);
    const stored = this.#read(seal, key, reply, ageMs);
    if (stored === undefined) {
      this.#misses += 1;
      this.#noteLease(key, reply, askedAt);
    } else this.#hits += 1;
    return stored;
  }

  /** @returns `undefined` for a miss, and for everything that is not ours, whole and young. */
  #read(
    seal: Seal,
    key: string,
    reply: MetaReply | undefined,
    ageMs: number,
  ): StoredSession | undefined {
    const { value } = reply ?? {};
    if (reply === undefined || value === undefined || isLease(reply)) return undefined;
    const opened = seal.open(key, value);
    if (opened === undefined) return undefined;
    // Memcached's clock stands still when its machine does: a second clock has to agree.
    const age = Date.now() - opened.readAt;
    return age <= ageMs + SKEW_MS && age >= -SKEW_MS ? opened.stored : undefined;
  }

  #noteLease(key: string, reply: MetaReply | undefined, wonAt: number): void {
    const cas = reply?.flags.get("c");
    if (cas === undefined || reply?.flags.has("W") !== true) return;
    if (this.#leases.size >= LEASES_MAX) this.#leases.clear();
    this.#leases.set(key, { cas, wonAt });
  }

  /** A lease is good for one read, which begins after it was won. */
  #takeLease(ref: SessionRef): (Lease & { readonly key: string }) | undefined {
    if (this.#leases.size === 0) return undefined;
    const key = this.#seal?.keyOf(ref);
    const lease = key === undefined ? undefined : this.#leases.get(key);
    if (key === undefined || lease === undefined) return undefined;
    this.#leases.delete(key);
    return performance.now() - lease.wonAt < LEASE_MS ? { ...lease, key } : undefined;
  }

  /** Written only if nobody took the lease away meanwhile, be it by its time. Never rejects. */
  async #fill(read: {
    readonly ref: SessionRef;
    readonly lease: Lease & { readonly key: string };
    readonly readAt: number;
    readonly stored: StoredSession;
  }): Promise<void> {
    const { key, cas } = read.lease;
    const bytes = this.#seal?.seal(key, read);
    if (bytes === undefined || bytes.length > VALUE_BYTES_MAX) return;
    const reply = await this.#send(key, `ms ${key} ${bytes.length} C${cas} T${this.#ttlS}`, bytes);
    if (reply?.code === "HD") this.#fills += 1;
    else this.#fillsLost += 1;
  }

  #send(key: string, line: string, data?: Buffer): Promise<MetaReply | undefined> {
    return this.#clientOf(key).send(line, data);
  }

  /** The same server for the same key in every process that has the same list. */
  #clientOf(key: string): MetaClient {
    const share = Buffer.from(key, "base64url").readUInt32BE(0) % this.#clients.length;
    return this.#clients[share] as MetaClient;
  }

  /** The installation's key, asked for once; until it is there, everything is a miss. */
  #readSeal(): undefined {
    const now = performance.now();
    if (now - this.#sealAskedAt < INSTALLATION_PAUSE_MS) return;
    this.#sealAskedAt = now;
    const candidate: Installation = {
      id: randomBytes(12).toString("base64url"),
      bucketKey: randomBytes(32).toString("base64url"),
    };
    this.below.installation(candidate).then(
      ({ bucketKey }) => void (this.#seal = new Seal(bucketKey)),
      // Trouble of the store is told to those who need an answer of it.
      () => undefined,
    );
  }
}

/** Won by us or by somebody else, or marked as stale by whatever else: no value to go by. */
function isLease({ flags }: MetaReply): boolean {
  return ["W", "Z", "X"].some((flag) => flags.has(flag));
}

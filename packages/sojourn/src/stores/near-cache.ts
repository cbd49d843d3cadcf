/**
 * Sessions near: the last read of each, for as long as the store's tail proves that nothing has
 * changed it. Only `near.peek` answers from here; `find` always asks the store, and every write
 * passes through. Invariant I3: what was ended and acknowledged longer ago than `stalenessMs` is
 * never answered, by this process's monotonic clock.
 */
import { ConfigError } from "../engine/errors.ts";
import type {
  NearSession,
  NearSessions,
  SessionRef,
  SessionStore,
  SharedCache,
  StoreChange,
  StoredSession,
  Subscription,
  Touch,
  TouchResult,
} from "../engine/ports.ts";
import { Flights } from "./near-cache/flights.ts";
import type { Flight } from "./near-cache/flights.ts";
import { BYTES_MAX_DEFAULT, problemsOf, SESSIONS_MAX_DEFAULT } from "./near-cache/options.ts";
import type { NearCacheOptions } from "./near-cache/options.ts";
import { Recent } from "./near-cache/recent.ts";
import { Shelf, subjectKey } from "./near-cache/shelf.ts";
import { Overlay } from "./overlay.ts";
import type { Concerned } from "./overlay.ts";

export type { NearCacheOptions } from "./near-cache/options.ts";

/** Counts since the start, and how things are now. */
export interface NearCacheStats {
  /** Asked near and answered without I/O. */
  readonly hits: number;
  /** Asked near and not answered: not kept, or no proof that is young enough. */
  readonly misses: number;
  /** Hits of a hundred, as a fraction; 0 before anything was asked. */
  readonly hitRate: number;
  /** Reads of the store. */
  readonly reads: number;
  /** Callers who shared a read with others. */
  readonly joined: number;
  /** Answered by what another process read, from the shared cache. */
  readonly recalls: number;
  readonly sessions: number;
  /** Estimated. */
  readonly bytes: number;
  readonly evictions: number;
  /** Sessions dropped because they had changed. */
  readonly invalidations: number;
  readonly gaps: number;
  /** Trouble that the tail told of. */
  readonly errors: number;
  /** Age of the last proof of freshness; `undefined` before the first, and after a gap. */
  readonly frontierAgeMs: number | undefined;
  /** No change told since the last proof but one was under way for longer than this. */
  readonly invalidationLagMs: number | undefined;
}

const NEVER = -Infinity;
/** A shared cache that takes longer is not waited for. */
const RECALL_MS_MAX = 250;
/** Names told of in the span in which a shared cache may lag; more, and it is not asked. */
const RECENT_MAX = 50_000;

export class NearCache extends Overlay {
  override readonly near: NearSessions;
  readonly #stalenessMs: number;
  readonly #monotonic: () => number;
  readonly #shelf: Shelf;
  readonly #flights: Flights;
  #tail: Subscription | undefined;
  #released = false;
  /** The tail has proved something since it began, or since its last gap. */
  #proven = false;
  /** When the store was asked for what proved most. */
  #provenAt = NEVER;
  /** Moves when a read under way can no longer know whether what it brings is still so. */
  #guard = 0;
  /** When the tail was first known to be in place, since it began or since its last gap. */
  #inPlaceAt = Infinity;
  /** What was told of lately: a value of the shared cache may be older. */
  readonly #recent: Recent | undefined;
  #recalls = 0;
  #hits = 0;
  #misses = 0;
  #invalidations = 0;
  #gaps = 0;
  #errors = 0;
  #lagMs: number | undefined;

  /**
   * @param store Any whose tail tells of every change; it is closed with this one.
   * @throws {ConfigError} for a store that cannot, and for options out of range.
   */
  constructor(store: SessionStore, options: NearCacheOptions) {
    const problems = problemsOf(store, options);
    if (problems.length > 0) throw new ConfigError(problems);
    super(store);
    const { stalenessMs, maxSessions, maxBytes, monotonic } = options;
    this.#stalenessMs = stalenessMs;
    this.#monotonic = monotonic ?? (() => performance.now());
    this.#shelf = new Shelf({
      maxSessions: maxSessions ?? SESSIONS_MAX_DEFAULT,
      maxBytes: maxBytes ?? BYTES_MAX_DEFAULT,
    });
    this.#flights = new Flights({
      monotonic: this.#monotonic,
      read: (ref) => store.find(ref),
      guard: () => (this.#proven ? this.#guard : -1),
      landed: (stored, flight) => this.#fill(stored, flight),
    });
    const { tier } = store;
    if (tier !== undefined) {
      this.#recent = new Recent(tier.ageMs + RECALL_MS_MAX, RECENT_MAX, this.#monotonic());
    }
    this.near = this.#face(tier);
  }

  /** Cheap: some of it may be asked for with every scrape of metrics. */
  stats(): NearCacheStats {
    const [hits, misses] = [this.#hits, this.#misses];
    const asked = hits + misses;
    return {
      hits,
      misses,
      hitRate: asked === 0 ? 0 : hits / asked,
      reads: this.#flights.reads,
      joined: this.#flights.joined,
      recalls: this.#recalls,
      sessions: this.#shelf.size,
      bytes: this.#shelf.bytes,
      evictions: this.#shelf.evictions,
      invalidations: this.#invalidations,
      gaps: this.#gaps,
      errors: this.#errors,
      frontierAgeMs: this.#proven ? this.#monotonic() - this.#provenAt : undefined,
      invalidationLagMs: this.#lagMs,
    };
  }

  /** Answered by a read that begins after this call; simultaneous callers share one. */
  override find(ref: SessionRef): Promise<StoredSession | undefined> {
    this.#listen();
    return this.#flights.find(ref);
  }

  /** What the store took moves the kept session on; everything else is dropped. */
  override async touch(batch: readonly Touch[]): Promise<readonly TouchResult[]> {
    for (const { ref, sent } of batch) if (sent !== undefined) this.#drop(ref.id);
    let results: readonly TouchResult[] = [];
    try {
      results = await this.below.touch(batch);
      return results;
    } finally {
      for (const [index, touch] of batch.entries()) {
        const known = results[index] === "touched" && touch.sent === undefined;
        if (known) this.#moveOn(touch);
        else this.#drop(touch.ref.id);
      }
    }
  }

  override close(): Promise<void> {
    this.release();
    return this.below.close();
  }

  /** Stop listening and keep nothing from here on; the store stays open and is asked every time. */
  release(): void {
    this.#released = true;
    this.#tail?.close();
    this.#tail = undefined;
    this.#flush();
  }

  protected override before({ refs, subjects = [] }: Concerned): void {
    for (const { id } of refs) this.#drop(id);
    for (const { tenant, subject } of subjects) this.#dropSubject(tenant, subject);
  }

  /** However it went, and whatever was read meanwhile: a process always reads its own writes. */
  protected override after(concerned: Concerned): void {
    this.before(concerned);
  }

  #face(tier: SharedCache | undefined): NearSessions {
    const provenAt = (): number => (this.#proven ? this.#provenAt : NEVER);
    return {
      ...(tier === undefined ? {} : { recall: (ref: SessionRef) => this.#recall(tier, ref) }),
      boundMs: this.#stalenessMs,
      peek: (ref, boundMs) => this.#peek(ref, boundMs),
      monotonic: this.#monotonic,
      get provenAt() {
        return provenAt();
      },
    };
  }

  #peek(ref: SessionRef, boundMs: number = this.#stalenessMs): NearSession | undefined {
    const kept = this.#shelf.get(ref.id);
    if (
      kept === undefined ||
      this.#monotonic() - this.#provenAt >= boundMs ||
      kept.tenant !== ref.tenant
    ) {
      this.#misses += 1;
      return undefined;
    }
    this.#hits += 1;
    if (!kept.used) kept.used = true;
    return kept;
  }

  /**
   * What another process read. It was read no longer ago than the tier's `ageMs`, and everything
   * that changed since has been told here or is not yet proven: so it is as good as a read of ours.
   */
  async #recall(tier: SharedCache, ref: SessionRef): Promise<StoredSession | undefined> {
    this.#listen();
    const askedAt = this.#monotonic();
    if (askedAt - tier.ageMs < this.#inPlaceAt) return undefined;
    const guard = this.#guard;
    const stored = await tier.recall(ref);
    const now = this.#monotonic();
    if (stored === undefined || guard !== this.#guard || now - askedAt > RECALL_MS_MAX) {
      return undefined;
    }
    if (now - this.#provenAt >= this.#stalenessMs || this.#wasTold(stored, ref, now)) {
      return undefined;
    }
    this.#recalls += 1;
    this.#shelf.put(stored);
    return stored;
  }

  #wasTold({ record }: StoredSession, ref: SessionRef, now: number): boolean {
    const { id, tenant, subject } = record;
    if (id !== ref.id || tenant !== ref.tenant || record.state !== "active") return true;
    const recent = this.#recent;
    if (recent === undefined || recent.has(id, now)) return true;
    return subject !== null && recent.has(subjectKey(tenant, subject), now);
  }

  /** With the first read; a store that cannot be listened to now is asked again at the next. */
  #listen(): void {
    if (this.#tail !== undefined || this.#released) return;
    // What an earlier one still tells after it was closed is nothing to this one.
    let open = true;
    const heard = (run: () => void): void => {
      if (open) run();
    };
    try {
      const tail = this.below.tail("now", {
        change: (change) => heard(() => this.#changed(change)),
        frontier: (_position, askedAt) => heard(() => this.#prove(askedAt)),
        gap: () => heard(() => this.#gap()),
        error: () => heard(() => void (this.#errors += 1)),
      });
      const close = (): void => {
        open = false;
        tail.close();
      };
      this.#tail = { close };
    } catch {
      this.#errors += 1;
    }
  }

  #prove(askedAt: number): void {
    const now = this.#monotonic();
    // Not by this clock, or nobody's: it proves nothing.
    if (!(askedAt <= now)) return;
    if (this.#proven) this.#lagMs = now - this.#provenAt;
    else this.#inPlaceAt = now;
    this.#proven = true;
    if (askedAt > this.#provenAt) this.#provenAt = askedAt;
  }

  #changed(change: StoreChange): void {
    if (change.kind === "session") this.#drop(change.ref.id);
    else this.#dropSubject(change.tenant, change.subject);
  }

  #gap(): void {
    this.#gaps += 1;
    this.#flush();
  }

  /** Nothing is usable, and nothing is kept, before the next proof. */
  #flush(): void {
    this.#guard += 1;
    this.#proven = false;
    this.#provenAt = NEVER;
    this.#invalidations += this.#shelf.clear();
  }

  /**
   * Keep what a read brought, unless something was told meanwhile that it may not have seen, or it
   * began before the tail was known to be in place.
   */
  #fill(stored: StoredSession, flight: Flight): void {
    if (flight.doomed || flight.guard !== this.#guard) return;
    if (stored.record.state === "active") this.#shelf.put(stored);
    // Not what is kept any more, and never a hit: locked, pending or ended.
    else this.#shelf.drop(stored.record.id);
  }

  #moveOn({ ref, seenAt }: Touch): void {
    const kept = this.#shelf.get(ref.id);
    if (kept === undefined || seenAt === undefined) return;
    const { stored } = kept;
    if (stored.record.tenant !== ref.tenant || stored.record.seenAt >= seenAt) return;
    kept.stored = { ...stored, record: { ...stored.record, seenAt } };
    kept.note = undefined;
  }

  #drop(id: string): void {
    this.#recent?.note(id, this.#monotonic());
    this.#flights.doom(id);
    if (this.#shelf.drop(id)) this.#invalidations += 1;
  }

  /** Whose sessions are being read shows only after the read, so that all of them lose. */
  #dropSubject(tenant: string, subject: string): void {
    this.#guard += 1;
    this.#recent?.note(subjectKey(tenant, subject), this.#monotonic());
    this.#invalidations += this.#shelf.dropSubject(tenant, subject);
  }
}

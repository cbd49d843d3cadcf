/**
 * What happens in a tenant, as it happens: entries of this process at once, those of others when
 * the trail has them. One reader of the trail for all who watch, and none while nobody does.
 */
import type { AuditEntry } from "../audit/entry.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { viewOfEntry } from "../audit/formats.ts";
import type { ReadEntry, TrailReader } from "../audit/trail-reader.ts";

export interface Watcher {
  readonly tenant: string;
  /** @param seq Absent: it has no place in the trail yet. */
  entry(entry: object, seq: number | undefined): void;
  /** An entry that was told at once has its place now. */
  placed(seq: number): void;
  /** More has happened than is told. */
  gap(seq: number): void;
}

interface Seat {
  readonly watcher: Watcher;
  /** Ids of what was told at once and has not been met in the trail yet. */
  readonly told: Set<string>;
  /** What comes while older entries are still read. */
  waiting: (() => void)[] | undefined;
}

const POLL_MS = 400;
const PAGE = 500;
const TOLD_MAX = 10_000;

export class Feed {
  readonly #trail: TrailReader;
  readonly #log: AuditLog;
  readonly #page: number;
  readonly #seats = new Set<Seat>();
  #position = 0;
  #starting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #polling = false;

  /** @param page As many as this are not told one by one. */
  constructor(trail: TrailReader, log: AuditLog, page: number = PAGE) {
    this.#trail = trail;
    this.#log = log;
    this.#page = page;
  }

  /**
   * @param after Told first: what came behind this place.
   * @returns what ends it.
   * @throws {StoreUnavailableError} when the trail cannot be read.
   */
  async watch(watcher: Watcher, after: number | undefined): Promise<() => void> {
    await this.#start();
    const seat: Seat = { watcher, told: new Set(), waiting: [] };
    const from = this.#position;
    this.#seats.add(seat);
    const leave = (): void => {
      this.#seats.delete(seat);
      if (this.#seats.size === 0) this.#stop();
    };
    try {
      if (after !== undefined && after < from) await this.#backlog(watcher, after, from);
    } catch (error) {
      leave();
      throw error;
    }
    const waiting = seat.waiting ?? [];
    seat.waiting = undefined;
    for (const say of waiting) say();
    return leave;
  }

  async #backlog(watcher: Watcher, after: number, until: number): Promise<void> {
    const missed = await this.#trail.after(after, this.#page, watcher.tenant);
    if (missed.length === this.#page) return watcher.gap(until);
    for (const entry of missed) {
      if (entry.seq <= until) watcher.entry(viewOfEntry(entry), entry.seq);
    }
  }

  /** Those who come first at once share the reading of where the trail stands. */
  async #start(): Promise<void> {
    if (this.#timer !== undefined) return;
    this.#starting ??= this.#trail
      .head()
      .then((head) => {
        this.#position = head?.seq ?? 0;
        this.#unlisten = this.#log.listen((entry) => this.#own(entry));
        this.#timer = setInterval(() => void this.#poll(), POLL_MS).unref();
      })
      .finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  #say(seat: Seat, say: () => void): void {
    if (seat.waiting === undefined) say();
    else seat.waiting.push(say);
  }

  #own({ id, at, tenant, name, actor, about }: AuditEntry): void {
    const view = { id, at: new Date(at).toISOString(), tenant, name, actor, ...about };
    for (const seat of this.#seats) {
      if (seat.watcher.tenant !== tenant || seat.told.size >= TOLD_MAX) continue;
      seat.told.add(id);
      this.#say(seat, () => seat.watcher.entry(view, undefined));
    }
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      const entries = await this.#trail.after(this.#position, this.#page);
      if (entries.length === this.#page) await this.#skip();
      else for (const entry of entries) this.#placed(entry);
    } catch {
      // The trail is away: this process's own entries are told all the same.
    } finally {
      this.#polling = false;
    }
  }

  /** Nobody reads five hundred lines at once: they are told to look at the lists. */
  async #skip(): Promise<void> {
    const head = await this.#trail.head();
    if (head === undefined) return;
    this.#position = head.seq;
    for (const seat of this.#seats) {
      seat.told.clear();
      this.#say(seat, () => seat.watcher.gap(head.seq));
    }
  }

  #placed(entry: ReadEntry): void {
    const { seq, id, tenant } = entry;
    this.#position = seq;
    for (const seat of this.#seats) {
      if (seat.watcher.tenant !== tenant) continue;
      if (seat.told.delete(id)) this.#say(seat, () => seat.watcher.placed(seq));
      else this.#say(seat, () => seat.watcher.entry(viewOfEntry(entry), seq));
    }
  }
}

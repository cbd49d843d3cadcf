/**
 * Sessions by id in bounded memory. Full, it lets go of what was not looked at since the hand came
 * by last (second chance), in constant time per session. A subject's sessions hang together, so
 * that all of them can be dropped at once; the index holds subjects of sessions kept and no others.
 */
import type { NearSession, StoredSession } from "../../engine/ports.ts";

/** One session as last read. Mutable: touches of this process move it on in place. */
export interface Kept extends NearSession {
  stored: StoredSession;
  /** Looked at since the hand came by last. */
  used: boolean;
  readonly id: string;
  readonly tenant: string;
  /** `undefined` for a session of nobody. */
  readonly subject: string | undefined;
  readonly bytes: number;
  /** Neighbours among the sessions of the same subject. */
  before: Kept | undefined;
  after: Kept | undefined;
}

export interface ShelfLimits {
  readonly maxSessions: number;
  readonly maxBytes: number;
}

/** A record and its entry without data, as V8 holds them; measured, rounded up. */
const RECORD_BYTES = 2_000;
/** How many entries are looked at to make room for one, before the next goes, used or not. */
const CHANCES_MAX = 64;

export class Shelf {
  readonly #limits: ShelfLimits;
  readonly #kept: Map<string, Kept> = new Map();
  /** The first of each subject's. */
  readonly #subjects: Map<string, Kept> = new Map();
  #bytes = 0;
  /** Let go of to make room. */
  evictions = 0;
  /** Goes round and round; an iterator of a map lives on while the map changes. */
  #hand: Iterator<Kept>;

  constructor(limits: ShelfLimits) {
    this.#limits = limits;
    this.#hand = this.#kept.values();
  }

  get size(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get subjects(): number {
    return this.#subjects.size;
  }

  get(id: string): Kept | undefined {
    return this.#kept.get(id);
  }

  /** Keep what was read, in place of what was there. */
  put(stored: StoredSession): void {
    const { id, tenant, subject } = stored.record;
    this.drop(id);
    const bytes = sizeOf(stored);
    if (bytes > this.#limits.maxBytes) return;
    while (
      this.#kept.size >= this.#limits.maxSessions ||
      this.#bytes + bytes > this.#limits.maxBytes
    ) {
      this.#makeRoom();
    }
    const name = subject === null ? undefined : subjectKey(tenant, subject);
    const after = name === undefined ? undefined : this.#subjects.get(name);
    const kept: Kept = {
      stored,
      note: undefined,
      used: false,
      id,
      tenant,
      subject: name,
      bytes,
      before: undefined,
      after,
    };
    if (after !== undefined) after.before = kept;
    if (name !== undefined) this.#subjects.set(name, kept);
    this.#kept.set(id, kept);
    this.#bytes += bytes;
  }

  /** @returns true when there was one. */
  drop(id: string): boolean {
    const kept = this.#kept.get(id);
    if (kept === undefined) return false;
    this.#kept.delete(id);
    this.#bytes -= kept.bytes;
    const { before, after, subject } = kept;
    if (after !== undefined) after.before = before;
    if (before !== undefined) before.after = after;
    else if (subject !== undefined) {
      if (after === undefined) this.#subjects.delete(subject);
      else this.#subjects.set(subject, after);
    }
    return true;
  }

  /** @returns how many there were. */
  dropSubject(tenant: string, subject: string): number {
    let count = 0;
    let kept = this.#subjects.get(subjectKey(tenant, subject));
    while (kept !== undefined) {
      const { after } = kept;
      if (this.drop(kept.id)) count += 1;
      kept = after;
    }
    return count;
  }

  /** @returns how many there were. */
  clear(): number {
    const count = this.#kept.size;
    this.#kept.clear();
    this.#subjects.clear();
    this.#bytes = 0;
    this.#hand = this.#kept.values();
    return count;
  }

  #makeRoom(): void {
    for (let chances = 0; ; chances += 1) {
      const { value, done } = this.#hand.next();
      if (done === true) this.#hand = this.#kept.values();
      else if (!value.used || chances >= CHANCES_MAX) {
        this.drop(value.id);
        this.evictions += 1;
        return;
      } else value.used = false;
    }
  }
}

/** Lengths first, so that two tenants cannot meet. */
export function subjectKey(tenant: string, subject: string): string {
  return `${tenant.length}:${tenant}${subject}`;
}

/** Memory it takes, roughly: the record, and two bytes for each character of its data. */
function sizeOf(stored: StoredSession): number {
  let characters = 0;
  for (const key in stored.data) characters += key.length + (stored.data[key] ?? "").length;
  return RECORD_BYTES + 2 * characters;
}

/**
 * Sessions read a moment ago: where their epoch lies, and what their bytes meant. Every read still
 * asks the server; a row that has not changed is not decoded again and gives the same object.
 */
import type { StoredSession } from "../../engine/ports.ts";

export interface Recent {
  readonly tenant: string;
  /** Asks for the row and, for a session with a subject, the epoch. */
  readonly read: readonly string[];
  row: Buffer;
  stored: StoredSession;
}

/** Sessions in one generation; two are kept, so that what is in use stays. */
const GENERATION_MAX = 5_000;

export class RecentSessions {
  #young: Map<string, Recent> = new Map<string, Recent>();
  #old: Map<string, Recent> = new Map<string, Recent>();

  get(tenant: string, id: string): Recent | undefined {
    const young = this.#young.get(id);
    const known = young ?? this.#old.get(id);
    if (known?.tenant !== tenant) return undefined;
    if (young === undefined) this.set(id, known);
    return known;
  }

  set(id: string, recent: Recent): void {
    if (this.#young.size >= GENERATION_MAX) {
      this.#old = this.#young;
      this.#young = new Map<string, Recent>();
    }
    this.#young.set(id, recent);
  }

  delete(id: string): void {
    this.#young.delete(id);
    this.#old.delete(id);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}

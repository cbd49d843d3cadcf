/** The search of an installation: its index, fed by one process of all, asked by every one. */
import type { SessionStore, Sessions } from "sojourn";
import type { ControlSql } from "../control/control-sql.ts";
import type { SearchFilter } from "./facets.ts";
import { Feed } from "./feed.ts";
import { searchCount, searchPage } from "./finder.ts";
import type { FinderParts, PageWanted, SearchPage } from "./finder.ts";
import { IndexTable } from "./index-table.ts";
import type { Stand } from "./index-table.ts";
import { tidyIndex } from "./tidy.ts";
import { Terms } from "./terms.ts";

export interface SearchParts {
  readonly sql: ControlSql;
  /** The store itself: what is kept near may be older than what its log tells. */
  readonly store: SessionStore;
  readonly sessions: Sessions;
  readonly now: () => number;
  readonly onTrouble?: ((error: unknown) => void) | undefined;
  readonly leaseMs?: number | undefined;
}

/** How old the index is that an answer was found by. */
export interface Freshness {
  /** Whatever was acknowledged before this is in it. */
  readonly asOf: number;
  /** False while it is being built: sessions may be missing. */
  readonly complete: boolean;
}

const CAUGHT_UP_POLL_MS = 50;

export class Search {
  /** Whether the session store itself answers for subject, device, state and creation. */
  readonly storeAnswers: boolean;
  readonly #parts: SearchParts;
  readonly #table: IndexTable;
  readonly #feed: Feed;
  #terms: Terms | undefined;

  constructor(parts: SearchParts) {
    this.#parts = parts;
    this.#table = new IndexTable(parts.sql);
    const { store, now, onTrouble, leaseMs } = parts;
    this.#feed = new Feed({ store, table: this.#table, now, onTrouble, leaseMs });
    this.storeAnswers = store.capabilities.query === "full";
  }

  /** Feed the index from here on, unless another process does. */
  start(): Promise<void> {
    return this.#feed.start();
  }

  stop(): Promise<void> {
    return this.#feed.stop();
  }

  async freshness(): Promise<Freshness> {
    const { asOf, scan } = await this.#stand();
    return { asOf, complete: scan === undefined };
  }

  /** @throws {ArgumentError} for a cursor that is none. */
  async page(tenant: string, filter: SearchFilter, wanted: PageWanted): Promise<SearchPage> {
    return searchPage(await this.#finder(), { tenant, filter }, wanted);
  }

  /** What is filed, whatever has become of it: live ones may have run out. */
  async count(
    tenant: string,
    filter: SearchFilter,
    most: number,
  ): Promise<{ readonly count: number; readonly exact: boolean }> {
    return searchCount(await this.#finder(), { tenant, filter }, most);
  }

  /** Wait until the index has everything that was acknowledged before `instant`. */
  async caughtUp(instant: number, timeoutMs: number): Promise<boolean> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const { asOf, complete } = await this.freshness();
      if (complete && asOf >= instant) return true;
      if (performance.now() >= until) return false;
      await new Promise((resolve) => setTimeout(resolve, CAUGHT_UP_POLL_MS));
    }
  }

  /** Take out what the store has erased. @returns how many. */
  async tidy(): Promise<number> {
    const stand = this.#feed.stand;
    return stand === undefined ? 0 : tidyIndex(this.#table, this.#parts.store);
  }

  async #stand(): Promise<Stand> {
    return this.#feed.stand ?? this.#table.stand();
  }

  async #finder(): Promise<FinderParts> {
    this.#terms ??= new Terms((await this.#table.stand()).salt);
    return { sessions: this.#parts.sessions, table: this.#table, terms: this.#terms };
  }
}

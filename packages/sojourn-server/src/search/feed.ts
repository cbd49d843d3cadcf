/**
 * Feeds the search index from the session store's log. One process of all does: whoever holds the
 * lease. It resumes where the last one was; where the log no longer reaches back it files every
 * session anew, while searches go on with what there is.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ContentionError } from "sojourn";
import type { SessionRef, SessionStore, StoreChange, Subscription } from "sojourn";
import { BATCH, keyOf, refile } from "./filer.ts";
import type { IndexTable, Stand } from "./index-table.ts";
import { Terms } from "./terms.ts";

export interface FeedParts {
  readonly store: SessionStore;
  readonly table: IndexTable;
  readonly now: () => number;
  readonly onTrouble?: ((error: unknown) => void) | undefined;
  /** How long nobody takes over from a process that says nothing any more; default 5 s. */
  readonly leaseMs?: number | undefined;
}

const LEASE_MS = 5_000;
const ROUND_MS = 200;
/** Between signs of life while nothing changes. */
const RENEW_MS = 2_000;
const RETRY_MS = 1_000;
const REST_MS_MAX = 100;
/** Changes that wait; more than that are looked for in the store. */
const WAITING_MAX = 100_000;
const SCAN = 500;
const SUBJECT_ROWS = 1_000;
const OWNER_BYTES = 12;

interface Frontier {
  readonly position: string;
  readonly askedAt: number;
}

export class Feed {
  readonly #parts: FeedParts;
  readonly #holder = randomBytes(OWNER_BYTES).toString("base64url");
  #stand: Stand | undefined;
  #terms: Terms | undefined;
  #tail: Subscription | undefined;
  #waiting = new Map<string, SessionRef>();
  #subjects = new Map<string, { readonly tenant: string; readonly subject: string }>();
  #frontier: Frontier | undefined;
  #gap = false;
  #renewedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #stopped = false;
  #broken = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** @returns when the first round is over. */
  start(): Promise<void> {
    return this.#next();
  }

  /** Where this process has brought the index to; `undefined`: another one feeds it. */
  get stand(): Stand | undefined {
    return this.#tail === undefined ? undefined : this.#stand;
  }

  /** Idempotent. The lease is given back, so that another goes on at once. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    // What went wrong in it has been told.
    await this.#working?.catch(() => undefined);
    const held = this.#tail !== undefined;
    this.#let();
    if (held) await this.#parts.table.leave(this.#holder).catch(() => undefined);
  }

  async #next(): Promise<void> {
    this.#working = this.#round();
    const waitMs = await this.#working.then(
      () => (this.#busy ? 0 : ROUND_MS),
      (error: unknown) => this.#failed(error),
    );
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#next(), waitMs).unref();
  }

  get #busy(): boolean {
    if (this.#tail === undefined || this.#frontier === undefined) return false;
    return this.#waiting.size > 0 || this.#subjects.size > 0 || this.#stand?.scan !== undefined;
  }

  #failed(error: unknown): number {
    // Whatever was under way is looked for again from the last position that was kept.
    this.#let();
    const lost = error instanceof ContentionError;
    if (!lost && !this.#broken) this.#parts.onTrouble?.(error);
    this.#broken = !lost;
    return RETRY_MS;
  }

  /** No longer the one who feeds. */
  #let(): void {
    this.#tail?.close();
    this.#tail = undefined;
    this.#waiting.clear();
    this.#subjects.clear();
    this.#frontier = undefined;
    this.#gap = false;
  }

  async #round(): Promise<void> {
    const { table, now } = this.#parts;
    if (this.#tail === undefined) {
      await table.stand();
      if (!(await table.claim(this.#holder, now(), this.#until()))) return;
      this.#take(await table.stand());
    }
    const stand = this.#stand;
    if (stand === undefined) return;
    // In one turn: whatever was told before this frontier is waiting now.
    const reached = this.#frontier;
    const refs = [...this.#waiting.values()];
    const subjects = [...this.#subjects.values()];
    this.#waiting.clear();
    this.#subjects.clear();
    const begun = this.#gap ? { ...stand, build: stand.build + 1, scan: "" } : stand;
    this.#gap = false;
    await this.#work(begun, { refs, subjects, reached });
    this.#broken = false;
  }

  #until(): number {
    return this.#parts.now() + (this.#parts.leaseMs ?? LEASE_MS);
  }

  #take(stand: Stand): void {
    this.#stand = stand;
    this.#terms = new Terms(stand.salt);
    this.#renewedAt = -Infinity;
    const from = stand.position === "" ? "now" : stand.position;
    this.#tail = this.#parts.store.tail(from, {
      change: (change) => this.#note(change),
      frontier: (position, askedAt) => (this.#frontier = { position, askedAt }),
      gap: () => this.#lost(),
      error: (error) => this.#parts.onTrouble?.(error),
    });
  }

  #note(change: StoreChange): void {
    if (change.kind === "subject") {
      const { tenant, subject } = change;
      this.#subjects.set(keyOf({ tenant, id: subject }), { tenant, subject });
    } else if (change.what !== "data") this.#waiting.set(keyOf(change.ref), change.ref);
    if (this.#waiting.size > WAITING_MAX) this.#lost();
  }

  /** Changes may have been missed: only the store knows what there is. */
  #lost(): void {
    this.#gap = true;
    this.#waiting.clear();
    this.#subjects.clear();
    // What was proved before the gap proves nothing of what was missed.
    this.#frontier = undefined;
  }

  async #work(
    stand: Stand,
    work: {
      readonly refs: readonly SessionRef[];
      readonly subjects: readonly { readonly tenant: string; readonly subject: string }[];
      readonly reached: Frontier | undefined;
    },
  ): Promise<void> {
    const { refs, subjects, reached } = work;
    await this.#refile(refs, stand);
    for (const whom of subjects) await this.#refileSubject(whom, stand);
    if (this.#stopped) return;
    if (this.#frontier === undefined || reached === undefined) return this.#keep(stand);
    const { position, askedAt } = reached;
    const asOf = this.#parts.now() - (performance.now() - askedAt);
    const at = { ...stand, position, asOf: Math.floor(asOf) };
    if (at.scan !== undefined) return this.#build(at);
    // Other processes read from the row how far the index is.
    return this.#keep(at, refs.length + subjects.length > 0);
  }

  /** Not more than needed: a file is written to the disk each time. */
  async #keep(stand: Stand, filed = false): Promise<void> {
    const before = this.#stand;
    const moved = stand.build !== before?.build || stand.scan !== before.scan;
    const begins = before?.position === "" && stand.position !== "";
    this.#stand = stand;
    const due = performance.now() - this.#renewedAt >= RENEW_MS;
    if (filed || moved || begins || due) await this.#write([], stand);
  }

  async #write(refs: readonly SessionRef[], stand: Stand): Promise<void> {
    const { store, table } = this.#parts;
    const terms = this.#terms ?? new Terms(stand.salt);
    await refile({ store, table, terms }, refs, { ...stand, untilAt: this.#until() });
    this.#renewedAt = performance.now();
  }

  async #refile(refs: readonly SessionRef[], stand: Stand): Promise<void> {
    for (let at = 0; at < refs.length && !this.#stopped; at += BATCH) {
      const begun = performance.now();
      // How far it is, is only known when all of them are done.
      await this.#write(refs.slice(at, at + BATCH), stand);
      // Requests have the process for as long.
      await sleep(Math.min(performance.now() - begun, REST_MS_MAX));
    }
  }

  /** An epoch ends sessions without a word for each: what is filed of the subject says which. */
  async #refileSubject(
    { tenant, subject }: { readonly tenant: string; readonly subject: string },
    stand: Stand,
  ): Promise<void> {
    const source = [this.#terms?.subject(tenant, subject) ?? 0];
    let after: { readonly createdAt: number; readonly id: string } | undefined;
    for (;;) {
      const range = { order: "newest", after } as const;
      const rows = await this.#parts.table.candidates(source, range, SUBJECT_ROWS);
      await this.#refile(
        rows.map(({ id }) => ({ tenant, id })),
        stand,
      );
      after = rows.at(-1);
      if (rows.length < SUBJECT_ROWS) return;
    }
  }

  /** One page of all that is in the store; in the end what was not met is taken out. */
  async #build(stand: Stand): Promise<void> {
    const { store, table } = this.#parts;
    const [phase, cursor] = phaseOf(stand.scan ?? "");
    if (phase === "tidy") {
      const rows = await table.behind(cursor, SCAN);
      const old = rows.filter(({ build }) => build !== stand.build).map(({ ref }) => ref);
      await this.#refile(old, stand);
      const last = rows.length < SCAN ? undefined : rows.at(-1);
      this.#stand = { ...stand, scan: last === undefined ? undefined : `tidy ${last.ref.id}` };
      return this.#write([], this.#stand);
    }
    const page = await store.scan?.({ limit: SCAN, ...(cursor === "" ? {} : { cursor }) });
    const refs = new Map((page?.items ?? []).map((ref) => [keyOf(ref), ref]));
    await this.#refile([...refs.values()], stand);
    const next = page?.cursor;
    this.#stand = { ...stand, scan: next === undefined ? "tidy " : `scan ${next}` };
    return this.#write([], this.#stand);
  }
}

function phaseOf(scan: string): readonly [phase: string, cursor: string] {
  const space = scan.indexOf(" ");
  return space < 0 ? ["scan", ""] : [scan.slice(0, space), scan.slice(space + 1)];
}

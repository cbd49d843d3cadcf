/**
 * Tenants in use: their state, policy and key, from memory. A record is read again every half
 * second, so that a change by another process counts within a second.
 */
import { randomBytes } from "node:crypto";
import { SojournError, StoreUnavailableError } from "sojourn";
import type { MaybePromise, TenantKeys } from "sojourn";
import type { Tenant } from "./tenant.ts";
import { unwritten } from "./tenant.ts";
import type { TenantTable } from "./tenant-table.ts";
import type { Wrapping } from "./wrapping.ts";

export interface TenantDeskParts {
  readonly table: TenantTable;
  readonly wrapping: Wrapping;
  /** Milliseconds of any clock that only goes on. */
  readonly monotonic?: () => number;
  /** A control store that is slower than this is not waited for by whoever is known. */
  readonly patienceMs?: number;
}

interface Known {
  readonly tenant: Tenant;
  readonly key: Uint8Array | undefined;
  readonly readAt: number;
  /** The last time the control store was asked; it may not have answered. */
  triedAt: number;
}

/** How old an answer from memory may be: half of what is promised. */
const FRESH_MS = 500;
const PATIENCE_MS = 250;
/** How long a tenant's key is used while the control store cannot be asked for it. */
export const KEY_KEPT_MS: number = 15 * 60_000;
const KNOWN_MAX = 10_000;
const KEY_BYTES = 32;

export class TenantDesk implements TenantKeys {
  readonly #parts: TenantDeskParts;
  readonly #monotonic: () => number;
  readonly #known = new Map<string, Known>();
  readonly #reading = new Map<string, Promise<Known>>();
  /** Of every erased tenant: nothing was ever made under it, and nothing outlives the process. */
  readonly #dead = new Uint8Array(randomBytes(KEY_BYTES));

  constructor(parts: TenantDeskParts) {
    this.#parts = parts;
    this.#monotonic = parts.monotonic ?? ((): number => performance.now());
  }

  /**
   * A tenant as it was at most a second ago; while the control store does not answer, as it was
   * when it last did. At once for one that was asked for lately.
   *
   * @throws {StoreUnavailableError} when nothing is known of it, or not lately enough for its key.
   */
  recall(id: string): MaybePromise<Tenant> {
    const known = this.#recall(id);
    return known instanceof Promise ? known.then(({ tenant }) => tenant) : known.tenant;
  }

  /** As of {@link recall}; of an erased one a key that opens nothing. */
  keyOf(id: string): MaybePromise<Uint8Array | undefined> {
    const known = this.#recall(id);
    return known instanceof Promise ? known.then(({ key }) => key) : known.key;
  }

  /** What is remembered, however old; for what cannot wait. */
  peek(id: string): Tenant | undefined {
    return this.#known.get(id)?.tenant;
  }

  /** It was changed here. */
  forget(id: string): void {
    this.#known.delete(id);
    this.#reading.delete(id);
  }

  #recall(id: string): MaybePromise<Known> {
    const known = this.#known.get(id);
    const now = this.#monotonic();
    if (known !== undefined && now - known.triedAt < FRESH_MS && this.#usable(known, now)) {
      return known;
    }
    return this.#refresh(id, known, now);
  }

  /** Without a key of its own there is nothing that may not be remembered for long. */
  #usable({ key, readAt }: Known, now: number): boolean {
    return key === undefined || now - readAt < KEY_KEPT_MS;
  }

  async #refresh(id: string, known: Known | undefined, now: number): Promise<Known> {
    const reading = this.#reading.get(id) ?? this.#read(id, known, now);
    if (known === undefined || !this.#usable(known, now)) return reading;
    try {
      const read = await within(reading, this.#parts.patienceMs ?? PATIENCE_MS);
      if (read !== undefined) return read;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
    known.triedAt = this.#monotonic();
    return known;
  }

  /** As old as the question, not as the answer: what changes in between counts in time. */
  #read(id: string, known: Known | undefined, readAt: number): Promise<Known> {
    const reading = this.#parts.table.find(id).then((found) => {
      const tenant = sameAs(known, found ?? unwritten(id));
      const read = { tenant, key: this.#keyOf(tenant, known), readAt, triedAt: readAt };
      // Unless it was changed here meanwhile.
      if (this.#reading.get(id) === reading) this.#keep(id, read);
      return read;
    });
    this.#reading.set(id, reading);
    const done = (): void => {
      if (this.#reading.get(id) === reading) this.#reading.delete(id);
    };
    reading.then(done, done);
    return reading;
  }

  #keyOf(tenant: Tenant, known: Known | undefined): Uint8Array | undefined {
    const { id, state, wrappedKey } = tenant;
    if (state === "erased") return this.#dead;
    if (wrappedKey === undefined) return undefined;
    const before = known?.tenant.wrappedKey;
    // The very same array: what was derived from it is kept with it.
    if (before !== undefined && equal(before, wrappedKey)) return known?.key;
    const { wrapping, table } = this.#parts;
    const unwrapped = wrapping.unwrap(id, wrappedKey);
    if (unwrapped === undefined) throw unreadable(id);
    if (!unwrapped.current) {
      const anew = wrapping.wrap(id, unwrapped.key);
      table.rewrap(id, wrappedKey, anew).catch(() => undefined);
    }
    return known?.key !== undefined && equal(known.key, unwrapped.key) ? known.key : unwrapped.key;
  }

  #keep(id: string, read: Known): void {
    this.#known.delete(id);
    this.#known.set(id, read);
    if (this.#known.size <= KNOWN_MAX) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}

/** The very same object: what was worked out from it is kept with it. */
function sameAs(known: Known | undefined, read: Tenant): Tenant {
  if (known?.tenant.version !== read.version) return read;
  const [before, now] = [known.tenant.wrappedKey, read.wrappedKey];
  if (before === undefined || now === undefined) return before === now ? known.tenant : read;
  return equal(before, now) ? known.tenant : read;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function unreadable(id: string): SojournError {
  return new SojournError(
    "ERR_KEY_UNAVAILABLE",
    `the key of the tenant ${id} is wrapped under a secret that is not here; put that secret ` +
      "back at the end of the list until every tenant's key is wrapped anew",
    { retryable: true },
  );
}

/** @returns `undefined` when it takes longer. */
async function within<Result>(work: Promise<Result>, ms: number): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Service keys in use: made, listed, ended, and proved. A forged key costs no store access; a
 * genuine one is read again every half second, so that a revocation by another process counts
 * within a second.
 */
import { ArgumentError } from "sojourn";
import type { ServiceKeys } from "sojourn";
import type { KeyRecord, KeyTable, Scope } from "./key-table.ts";

/** Who calls: a backend, by the key it proved. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

export interface NewKey {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

export interface IssuedKey {
  readonly record: KeyRecord;
  /** The only time it is shown. */
  readonly text: string;
}

/** Why a key was refused, for the count of refusals. */
export type KeyRefusal = "forged" | "unknown" | "revoked";

export interface KeyDeskParts {
  readonly table: KeyTable;
  readonly serviceKeys: ServiceKeys;
  readonly now: () => number;
  readonly refused?: (why: KeyRefusal) => void;
}

interface Remembered {
  readonly record: KeyRecord | undefined;
  readonly readAt: number;
}

/** How old an answer from memory may be: half of what is promised. */
const FRESH_MS = 500;
const REMEMBERED_MAX = 10_000;
const USE_NOTED_EVERY_MS = 60_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export class KeyDesk {
  readonly #parts: KeyDeskParts;
  readonly #remembered = new Map<string, Remembered>();
  /** Reads under way: requests of one key share one. */
  readonly #reading = new Map<string, Promise<KeyRecord | undefined>>();

  constructor(parts: KeyDeskParts) {
    this.#parts = parts;
  }

  /** @throws {ArgumentError} for a name that is taken or cannot be one. */
  async create(wanted: NewKey): Promise<IssuedKey> {
    if (!NAME.test(wanted.name)) {
      throw new ArgumentError(
        "name",
        "1 to 64 letters, digits, dots, dashes or underscores, starting with a letter or digit",
      );
    }
    const issued = await this.#mint(wanted);
    if (!(await this.#parts.table.insert(issued.record))) {
      throw new ArgumentError(
        "name",
        `a key named ${wanted.name} exists; rotate or revoke it, or take another name`,
      );
    }
    return issued;
  }

  list(): Promise<readonly KeyRecord[]> {
    return this.#parts.table.list();
  }

  /**
   * A new secret under the same name, tenant and scopes.
   *
   * @param overlapMs How long the old key is still accepted; 0 ends it now.
   */
  async rotate(idOrName: string, overlapMs: number): Promise<IssuedKey | undefined> {
    const old = await this.#parts.table.look(idOrName);
    if (old === undefined || old.revokedAt !== undefined) return undefined;
    const issued = await this.#mint(old);
    await this.#parts.table.replace(old.id, this.#parts.now() + overlapMs, issued.record);
    this.#remembered.delete(old.id);
    return issued;
  }

  /** Idempotent. @returns the key as it was, or `undefined` when there is none. */
  async revoke(idOrName: string): Promise<KeyRecord | undefined> {
    const { table, now } = this.#parts;
    const record = await table.look(idOrName);
    if (record === undefined) return undefined;
    await table.revoke(record.id, now());
    this.#remembered.delete(record.id);
    return record;
  }

  /**
   * Who presents this key? No store access unless it is one of ours.
   *
   * @throws {StoreUnavailableError} Trouble is never a refusal. Invariant I7.
   */
  async authenticate(text: string): Promise<Caller | undefined> {
    const { serviceKeys } = this.#parts;
    const key = await serviceKeys.prove(text);
    if (key === undefined) return this.#refuse("forged");
    const record = await this.#recall(key.id);
    if (record === undefined || !(await serviceKeys.matches(key, record))) {
      return this.#refuse("unknown");
    }
    const now = this.#parts.now();
    if (record.revokedAt !== undefined && now >= record.revokedAt) return this.#refuse("revoked");
    if (now - (record.lastUsedAt ?? 0) >= USE_NOTED_EVERY_MS) this.#noteUse(record, now);
    return { keyId: record.id, name: record.name, tenant: record.tenant, scopes: record.scopes };
  }

  #refuse(why: KeyRefusal): undefined {
    this.#parts.refused?.(why);
    return undefined;
  }

  async #recall(id: string): Promise<KeyRecord | undefined> {
    const known = this.#remembered.get(id);
    if (known !== undefined && Math.abs(this.#parts.now() - known.readAt) < FRESH_MS) {
      return known.record;
    }
    const under = this.#reading.get(id);
    if (under !== undefined) return under;
    const reading = this.#read(id).finally(() => void this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  async #read(id: string): Promise<KeyRecord | undefined> {
    // As old as the question, not as the answer: what changes in between counts in time.
    const readAt = this.#parts.now();
    const record = await this.#parts.table.find(id);
    this.#remember(id, { record, readAt });
    return record;
  }

  #remember(id: string, entry: Remembered): void {
    this.#remembered.delete(id);
    this.#remembered.set(id, entry);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  #noteUse(record: KeyRecord, now: number): void {
    this.#remember(record.id, { record: { ...record, lastUsedAt: now }, readAt: now });
    // When it was last used is for people; no request waits or fails for it.
    this.#parts.table.noteUse(record.id, now).catch(() => undefined);
  }

  async #mint(wanted: NewKey): Promise<IssuedKey> {
    const { serviceKeys, now } = this.#parts;
    const { name, tenant, scopes } = wanted;
    const minted = await serviceKeys.mint(tenant);
    const { id, verifier } = minted;
    const record = { id, name, tenant, scopes, verifier, createdAt: now() };
    return { record, text: minted.text };
  }
}

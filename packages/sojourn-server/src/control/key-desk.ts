/**
 * Service keys in use: made, listed, ended, and proved. A forged key costs no store access; a
 * genuine one is read again every half second, so that a revocation by another process counts
 * within a second.
 */
import { ArgumentError } from "sojourn";
import type { MaybePromise, ServiceKeys } from "sojourn";
import { CONSOLE_TENANT } from "./console-users.ts";
import type { KeyRecord, KeyTable, Scope } from "./key-table.ts";

/** Who calls: a backend, by the key it proved. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

/** As events and the trail name them: `key:shop-api`, and `console:ada`, which no key can be. */
export function actorNamed(name: string): string {
  return name.startsWith("console:") ? name : `key:${name}`;
}

/** Whose words they are; people at the console speak for nobody else. */
export function wordsOf<Words extends { readonly actor?: string | undefined }>(
  { name }: Pick<Caller, "name">,
  words: Words | null | undefined,
): Words & { readonly actor: string } {
  const actor = actorNamed(name);
  const given = name.startsWith("console:") ? undefined : words?.actor;
  return { ...(words as Words), actor: given ?? actor };
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
  /** May this tenant have one more key? @throws {ArgumentError} when not. */
  readonly admit?: (tenant: string) => Promise<void>;
  /** For the audit: what was done to a key, never the key. */
  readonly changed?: (
    what: "service-key-created" | "service-key-rotated" | "service-key-revoked",
    record: KeyRecord,
    more?: Readonly<Record<string, unknown>>,
  ) => void;
}

interface Remembered {
  readonly record: KeyRecord | undefined;
  readonly readAt: number;
}

/** Which key a text was found to be, by a record with this verifier. */
interface Proved {
  readonly id: string;
  readonly verifier: string;
}

/** How old an answer from memory may be: half of what is promised. */
const FRESH_MS = 500;
const REMEMBERED_MAX = 10_000;
const PROVED_MAX = 1_000;
const USE_NOTED_EVERY_MS = 60_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export class KeyDesk {
  readonly #parts: KeyDeskParts;
  readonly #remembered = new Map<string, Remembered>();
  /** By the text. A look-up goes by a seeded hash: no guess learns how far it was right. */
  readonly #proved = new Map<string, Proved>();
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
    await this.#parts.admit?.(wanted.tenant);
    const issued = await this.#mint(wanted);
    if (!(await this.#parts.table.insert(issued.record))) {
      throw new ArgumentError(
        "name",
        `a key named ${wanted.name} exists; rotate or revoke it, or take another name`,
      );
    }
    this.#parts.changed?.("service-key-created", issued.record);
    return issued;
  }

  /** @param tenant Absent: of all. */
  list(tenant?: string): Promise<readonly KeyRecord[]> {
    return this.#parts.table.list(tenant);
  }

  find(id: string): Promise<KeyRecord | undefined> {
    return this.#parts.table.find(id);
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
    const more = { replaces: old.id, overlapMs };
    this.#parts.changed?.("service-key-rotated", issued.record, more);
    return issued;
  }

  /** Idempotent. @returns the key as it was, or `undefined` when there is none. */
  async revoke(idOrName: string): Promise<KeyRecord | undefined> {
    const { table, now } = this.#parts;
    const record = await table.look(idOrName);
    if (record === undefined) return undefined;
    await table.revoke(record.id, now());
    this.#remembered.delete(record.id);
    this.#parts.changed?.("service-key-revoked", record);
    return record;
  }

  /**
   * Who presents this key? No store access unless it is one of ours.
   *
   * @returns At once for a key that was proved and read lately.
   * @throws {StoreUnavailableError} Trouble is never a refusal. Invariant I7.
   */
  authenticate(text: string): MaybePromise<Caller | undefined> {
    return this.recognize(text) ?? this.#prove(text);
  }

  /** Whose key this is, if it was proved and read lately; one that is refused is not counted. */
  recognize(text: string): Caller | undefined {
    const proved = this.#proved.get(text);
    // What was proved stays so; whether it is worth anything is what the record says now.
    const record = proved === undefined ? undefined : this.#fresh(proved.id)?.record;
    if (record === undefined || record.verifier !== proved?.verifier) return undefined;
    return this.#callerOf(record);
  }

  async #prove(text: string): Promise<Caller | undefined> {
    const { serviceKeys } = this.#parts;
    const key = await serviceKeys.prove(text);
    if (key === undefined) return this.#refuse("forged");
    const { id } = key;
    const record = await this.#recall(id);
    if (record === undefined || !(await serviceKeys.matches(key, record))) {
      return this.#refuse("unknown");
    }
    const { verifier } = record;
    keep(this.#proved, PROVED_MAX, text, { id, verifier });
    return this.#callerOf(record) ?? this.#refuse("revoked");
  }

  #callerOf(record: KeyRecord): Caller | undefined {
    const now = this.#parts.now();
    if (record.revokedAt !== undefined && now >= record.revokedAt) return undefined;
    if (now - (record.lastUsedAt ?? 0) >= USE_NOTED_EVERY_MS) this.#noteUse(record, now);
    return { keyId: record.id, name: record.name, tenant: record.tenant, scopes: record.scopes };
  }

  #refuse(why: KeyRefusal): undefined {
    this.#parts.refused?.(why);
    return undefined;
  }

  /** What was read lately, that there is none included. */
  #fresh(id: string): Remembered | undefined {
    const known = this.#remembered.get(id);
    if (known === undefined) return undefined;
    return Math.abs(this.#parts.now() - known.readAt) < FRESH_MS ? known : undefined;
  }

  async #recall(id: string): Promise<KeyRecord | undefined> {
    const known = this.#fresh(id);
    if (known !== undefined) return known.record;
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
    keep(this.#remembered, REMEMBERED_MAX, id, { record, readAt });
    return record;
  }

  #noteUse(record: KeyRecord, now: number): void {
    const used = { record: { ...record, lastUsedAt: now }, readAt: now };
    keep(this.#remembered, REMEMBERED_MAX, record.id, used);
    // When it was last used is for people; no request waits or fails for it.
    this.#parts.table.noteUse(record.id, now).catch(() => undefined);
  }

  async #mint(wanted: NewKey): Promise<IssuedKey> {
    const { serviceKeys, now } = this.#parts;
    const { name, tenant, scopes } = wanted;
    if (tenant === CONSOLE_TENANT) {
      throw new ArgumentError("tenant", `${tenant} is the console's own: no key is for it`);
    }
    const minted = await serviceKeys.mint(tenant);
    const { id, verifier } = minted;
    const record = { id, name, tenant, scopes, verifier, createdAt: now() };
    return { record, text: minted.text };
  }
}

/** The newest `max`. */
function keep<Value>(map: Map<string, Value>, max: number, name: string, value: Value): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

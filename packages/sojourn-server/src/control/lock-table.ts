/** Locks at rest, and the clock that moves with each change of theirs. */
import { createHash } from "node:crypto";
import { ContentionError, LOCKOUT_KINDS, SojournError } from "sojourn";
import type { LockoutKind } from "sojourn";
import { ascii } from "../audit/chain.ts";
import { LOCKS_MAX } from "../locks/lock.ts";
import type { Lock, LockTarget } from "../locks/lock.ts";
import type { ControlSql, SqlOutcome, SqlValue, Statement } from "./control-sql.ts";

/** A lock, or what is left of one that was lifted or has expired. */
export interface StoredLock extends Lock {
  readonly goneAt: number | undefined;
}

/** What happened after a position. */
export interface LockChanges {
  readonly position: number;
  /** Everything there is, instead of what has changed. */
  readonly whole: boolean;
  readonly locks: readonly StoredLock[];
}

export interface LockPage {
  readonly items: readonly Lock[];
  /** Where the next one begins. */
  readonly next: { readonly setAt: number; readonly id: string } | undefined;
}

export interface LockFilter {
  readonly tenant: string;
  readonly kind?: LockoutKind | undefined;
  readonly value?: string | undefined;
}

const COLUMNS = `id, tenant, kind, value, message, reason, set_by, set_at, updated_at, expires_at,
  gone_at`;
const ONE = `SELECT ${COLUMNS} FROM control.lock`;
const TICK = `INSERT INTO control.lock_clock (one, at) VALUES (1, 1)
  ON CONFLICT (one) DO UPDATE SET at = lock_clock.at + 1`;
const CLOCK = "SELECT at FROM control.lock_clock WHERE one = 1";
const NOW = "(SELECT at FROM control.lock_clock WHERE one = 1)";
/** A target that is locked keeps its id and is counted once; one that was lifted gets a new one. */
const SET = `INSERT INTO control.lock (target, id, tenant, kind, value, message, reason, set_by,
  set_at, updated_at, expires_at, gone_at, changed)
  SELECT ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint),
    CAST(NULL AS bigint), ${NOW}
  WHERE (SELECT count(*) FROM control.lock WHERE tenant = ? AND gone_at IS NULL) < ?
    OR EXISTS (SELECT 1 FROM control.lock WHERE target = ? AND gone_at IS NULL)
  ON CONFLICT (target) DO UPDATE SET
    id = CASE WHEN lock.gone_at IS NULL THEN lock.id ELSE excluded.id END,
    set_at = CASE WHEN lock.gone_at IS NULL THEN lock.set_at ELSE excluded.set_at END,
    set_by = excluded.set_by, message = excluded.message, reason = excluded.reason,
    updated_at = excluded.updated_at, expires_at = excluded.expires_at, gone_at = NULL,
    changed = excluded.changed`;
const GO = `UPDATE control.lock SET gone_at = ?, updated_at = ?, changed = ${NOW}
  WHERE id = ? AND tenant = ? AND gone_at IS NULL`;
const DUE = `${ONE} WHERE expires_at <= ? AND gone_at IS NULL ORDER BY expires_at LIMIT ?`;
const EXPIRE = `UPDATE control.lock SET gone_at = ?, updated_at = ?, changed = ${NOW}
  WHERE id = ? AND expires_at <= ? AND gone_at IS NULL`;
const FORGET = "DELETE FROM control.lock WHERE gone_at < ?";
const DUE_MAX = 200;

export class LockTable {
  readonly #sql: ControlSql;
  readonly #max: number;

  /** @param max Locks that a tenant may have. */
  constructor(sql: ControlSql, max: number = LOCKS_MAX) {
    this.#sql = sql;
    this.#max = max;
  }

  /**
   * One transaction. A target that is locked already keeps its id.
   *
   * @throws {SojournError} `ERR_LIMIT_REACHED` when the tenant has as many as it may have.
   */
  async set(lock: Lock): Promise<Lock> {
    const target = targetOf(lock);
    const { id, tenant, kind, value, message, reason, setBy, setAt, updatedAt, expiresAt } = lock;
    const texts = [target, id, tenant, kind, textOf(value), textOf(message)];
    const rest = [reason === undefined ? null : textOf(reason), textOf(setBy), setAt, updatedAt];
    const guard = [tenant, this.#max, target];
    const values: SqlValue[] = [...texts, ...rest, expiresAt ?? null, ...guard];
    try {
      await this.#sql.all("set a lock", [tick(), { text: SET, values, writes: 1 }]);
    } catch (error) {
      if (error instanceof ContentionError) throw tooMany(this.#max);
      throw error;
    }
    const stored = await this.#first(`${ONE} WHERE target = ? AND gone_at IS NULL`, target);
    // Lifted by somebody else in this very moment.
    return stored ?? lock;
  }

  /** Also one that is gone, for as long as it is remembered. */
  find(tenant: string, id: string): Promise<StoredLock | undefined> {
    return this.#first(`${ONE} WHERE id = ? AND tenant = ?`, id, tenant);
  }

  /** @returns false when it was gone already. */
  async lift(tenant: string, id: string, at: number): Promise<boolean> {
    const values = [at, at, id, tenant];
    return this.#goes("lift a lock", { text: GO, values, writes: 1 });
  }

  /** Those whose time is over, of which the caller is the one to tell. */
  async expire(now: number): Promise<readonly Lock[]> {
    const { rows } = await this.#sql.run("expire locks", DUE, now, DUE_MAX);
    const gone: Lock[] = [];
    for (const lock of rows.flatMap(lockOf)) {
      const values = [now, now, lock.id, now];
      const ours = await this.#goes("expire a lock", { text: EXPIRE, values, writes: 1 });
      if (ours) gone.push(lock);
    }
    return gone;
  }

  /** Forget what was gone before. */
  async forget(before: number): Promise<void> {
    await this.#sql.run("forget locks", FORGET, before);
  }

  /** Newest first. */
  async page(
    { tenant, kind, value }: LockFilter,
    page: { readonly limit: number; readonly now: number; readonly after: LockPage["next"] },
  ): Promise<LockPage> {
    const { limit, now, after } = page;
    const conditions = ["tenant = ?", "gone_at IS NULL", "(expires_at IS NULL OR expires_at > ?)"];
    const values: SqlValue[] = [tenant, now];
    if (kind !== undefined) {
      conditions.push("kind = ?");
      values.push(kind);
    }
    if (value !== undefined) {
      conditions.push("value = ?");
      values.push(textOf(value));
    }
    if (after !== undefined) {
      conditions.push("(set_at < ? OR (set_at = ? AND id < ?))");
      values.push(after.setAt, after.setAt, after.id);
    }
    const text = `${ONE} WHERE ${conditions.join(" AND ")} ORDER BY set_at DESC, id DESC LIMIT ?`;
    const { rows } = await this.#sql.run("list locks", text, ...values, limit + 1);
    const found = rows.flatMap(lockOf);
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, next: last && { setAt: last.setAt, id: last.id } };
  }

  /**
   * What a process does not know yet. One look at one row while there is nothing new.
   *
   * @param since `undefined`: everything that is in force.
   */
  async changes(since: number | undefined): Promise<LockChanges> {
    const position = Number((await this.#sql.run("locks", CLOCK)).rows[0]?.["at"] ?? 0);
    if (position === since) return { position, whole: false, locks: [] };
    // A control store that was set back knows less than we do.
    const whole = since === undefined || position < since;
    const text = whole ? `${ONE} WHERE gone_at IS NULL` : `${ONE} WHERE changed > ?`;
    const { rows } = await this.#sql.run("locks", text, ...(whole ? [] : [since]));
    return { position, whole, locks: rows.flatMap(lockOf) };
  }

  async #goes(operation: string, statement: Statement): Promise<boolean> {
    try {
      await this.#sql.all(operation, [tick(), statement]);
      return true;
    } catch (error) {
      if (error instanceof ContentionError) return false;
      throw error;
    }
  }

  async #first(text: string, ...values: readonly SqlValue[]): Promise<StoredLock | undefined> {
    return first(await this.#sql.run("find a lock", text, ...values));
  }
}

/** Whoever changes anything waits here for the one before: changes become seen in their order. */
function tick(): Statement {
  return { text: TICK, values: [] };
}

function tooMany(max: number): SojournError {
  const message = `a tenant has at most ${max} locks; lift some, or lock what they share`;
  return new SojournError("ERR_LIMIT_REACHED", message);
}

function targetOf({ tenant, kind, value }: LockTarget): string {
  return createHash("sha256")
    .update(JSON.stringify([tenant, kind, value]))
    .digest("base64url");
}

/** Any text as ASCII: a database of any encoding holds it. */
function textOf(text: string): string {
  return ascii(JSON.stringify(text));
}

function first({ rows: [row] }: SqlOutcome): StoredLock | undefined {
  return row === undefined ? undefined : lockOf(row)[0];
}

/** None for a kind that a newer release has added. */
function lockOf(row: Readonly<Record<string, unknown>>): readonly StoredLock[] {
  const kind = LOCKOUT_KINDS.find((known) => known === row["kind"]);
  if (kind === undefined) return [];
  const { reason, expires_at: expiresAt, gone_at: goneAt } = row;
  return [
    {
      id: String(row["id"]),
      tenant: String(row["tenant"]),
      kind,
      value: read(row["value"]),
      message: read(row["message"]),
      reason: reason === null ? undefined : read(reason),
      setBy: read(row["set_by"]),
      setAt: Number(row["set_at"]),
      updatedAt: Number(row["updated_at"]),
      expiresAt: expiresAt === null ? undefined : Number(expiresAt),
      goneAt: goneAt === null ? undefined : Number(goneAt),
    },
  ];
}

function read(text: unknown): string {
  return JSON.parse(String(text)) as string;
}

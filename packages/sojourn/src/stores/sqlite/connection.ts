/**
 * One open database: prepared statements, the tenants' numbers, subject epochs and the log of
 * changes. Everything here is synchronous; who may call it when is the group commit's business.
 */
import { createHash, createHmac } from "node:crypto";
import type { SessionEnd } from "../../engine/record.ts";
import { CHANGE } from "../sql/change.ts";
import type { Driver, SqlRow, SqlValue, Statement } from "./driver.ts";
import { textIn, textOut } from "./text.ts";

/** Bounds on memory; a cache that is full is emptied. */
const TENANTS_CACHED_MAX = 10_000;
const STATEMENTS_CACHED_MAX = 200;
const HASH_BYTES = 16;
/** Changes a follower can be behind before it must start over; about 4 MB. */
const CHANGES_KEPT = 65_536;
const TRIM_EVERY = 1024;

/** One row of the log to be written. */
export interface Change {
  readonly what: (typeof CHANGE)[keyof typeof CHANGE];
  readonly tenant: number;
  readonly id: SqlValue;
  readonly subject: string | null;
  readonly detail?: string | null;
}

export interface SubjectState {
  readonly epoch: number;
  /** The epoch is known only under the hash of an erased subject's name. */
  readonly erased: boolean;
  /** Whether there is anything to look for in `tombstone`. */
  readonly anyTombstone: boolean;
}

const SUBJECT_STATE =
  "SELECT coalesce((SELECT epoch FROM subject_epoch WHERE tenant = ?1 AND subject = ?2), 0), " +
  "EXISTS (SELECT 1 FROM tombstone), EXISTS (SELECT 1 FROM erased_subject)";
const APPEND = "INSERT INTO change (what, tenant, id, subject, detail) VALUES (?, ?, ?, ?, ?)";
const RAISE =
  "INSERT INTO subject_epoch (tenant, subject, epoch) VALUES (?1, ?2, ?3) " +
  "ON CONFLICT (tenant, subject) DO UPDATE SET epoch = max(epoch, excluded.epoch)";

export class Connection {
  readonly driver: Driver;
  readonly #statements: Map<string, Statement> = new Map<string, Statement>();
  readonly #tenantNumbers: Map<string, number> = new Map<string, number>();
  readonly #salt: Uint8Array;
  #appended = 0;
  /** True once the running transaction has appended to the log. */
  logged = false;

  constructor(driver: Driver) {
    this.driver = driver;
    const salt = this.get("SELECT value FROM meta WHERE key = 'salt'")?.[0];
    this.#salt = salt instanceof Uint8Array ? salt : new Uint8Array();
  }

  /** A prepared statement, kept for the next time. `sql` never holds a caller's value. */
  statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= STATEMENTS_CACHED_MAX) this.#statements.clear();
    const made = this.driver.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  get(sql: string, ...values: readonly SqlValue[]): SqlRow | undefined {
    return this.statement(sql).get(...values);
  }

  all(sql: string, ...values: readonly SqlValue[]): readonly SqlRow[] {
    return this.statement(sql).all(...values);
  }

  run(sql: string, ...values: readonly SqlValue[]): number {
    return this.statement(sql).run(...values);
  }

  /** The number of a tenant. `undefined`: nothing was ever stored for it. */
  tenant(name: string): number | undefined {
    const known = this.#tenantNumbers.get(name);
    if (known !== undefined) return known;
    const found = this.get("SELECT no FROM tenant WHERE name = ?", textIn(name))?.[0];
    return typeof found === "number" ? this.#rememberTenant(name, found) : undefined;
  }

  /** The number of a tenant, given now if it has none. Only inside a write. */
  tenantMade(name: string): number {
    const known = this.tenant(name);
    if (known !== undefined) return known;
    const made = this.get("INSERT INTO tenant (name) VALUES (?) RETURNING no", textIn(name))?.[0];
    return this.#rememberTenant(name, Number(made));
  }

  tenantName(no: number): string {
    for (const [name, known] of this.#tenantNumbers) if (known === no) return name;
    const name = textOut(this.get("SELECT name FROM tenant WHERE no = ?", no)?.[0]) ?? "";
    this.#rememberTenant(name, no);
    return name;
  }

  #rememberTenant(name: string, no: number): number {
    if (this.#tenantNumbers.size >= TENANTS_CACHED_MAX) this.#tenantNumbers.clear();
    this.#tenantNumbers.set(name, no);
    return no;
  }

  /** A rolled back transaction may have given numbers that no longer count. */
  forget(): void {
    this.#tenantNumbers.clear();
    this.logged = false;
  }

  /** The subject's epoch, that of an erased one included, and whether tombstones exist. */
  subjectState(tenant: number, subject: string | null): SubjectState {
    const [epoch, tombstones, erased] = this.get(SUBJECT_STATE, tenant, textIn(subject)) ?? [];
    const anyTombstone = tombstones === 1;
    if (epoch !== 0 || erased !== 1 || subject === null) {
      return { epoch: Number(epoch), erased: false, anyTombstone };
    }
    const found = this.#erasedEpoch(this.subjectHash(tenant, subject));
    return { epoch: found, erased: found > 0, anyTombstone };
  }

  #erasedEpoch(hash: Uint8Array): number {
    return Number(this.get("SELECT epoch FROM erased_subject WHERE hash = ?", hash)?.[0] ?? 0);
  }

  raiseEpoch(tenant: number, subject: string, epoch: number): void {
    this.run(RAISE, tenant, textIn(subject), epoch);
  }

  append(change: Change): void {
    this.logged = true;
    this.#appended += 1;
    const { what, tenant, id, subject, detail } = change;
    this.run(APPEND, what, tenant, id, textIn(subject), detail ?? null);
  }

  appendEnded(ref: Omit<Change, "what" | "detail">, end: SessionEnd): void {
    this.append({ ...ref, what: CHANGE.ended, detail: JSON.stringify(end) });
  }

  /** Rows of the log up to `seq` are gone: a follower that has not read them must start over. */
  raiseFloor(seq: number): void {
    this.run("UPDATE meta SET value = max(value, ?) WHERE key = 'log_floor'", seq);
  }

  /** Keep the log bounded. Looks once in a while only; runs at the end of a transaction. */
  trimLog(): void {
    if (this.#appended < TRIM_EVERY) return;
    this.#appended = 0;
    const last = Number(this.get("SELECT max(seq) FROM change")?.[0] ?? 0);
    const floor = last - CHANGES_KEPT;
    if (floor <= 0) return;
    this.run("DELETE FROM change WHERE seq <= ?", floor);
    this.raiseFloor(floor);
  }

  /** What a tombstone keeps of an id: nothing that names the session. */
  idHash(tenant: string, id: string): Uint8Array {
    const hash = createHash("sha256")
      .update(JSON.stringify([tenant, id]))
      .digest();
    return hash.subarray(0, HASH_BYTES);
  }

  /** Keyed, since subjects can be guessed; the key is this file's own. */
  subjectHash(tenant: number, subject: string): Uint8Array {
    const text = JSON.stringify([tenant, subject]);
    return createHmac("sha256", this.#salt).update(text).digest().subarray(0, HASH_BYTES);
  }

  /** Whether an id is remembered as used up. Without `now` an outlived tombstone counts too. */
  entombed(hash: Uint8Array, now?: number): boolean {
    const until = this.get("SELECT until FROM tombstone WHERE hash = ?", hash)?.[0];
    return typeof until === "number" && (now === undefined || now < until);
  }

  entomb(hash: Uint8Array, until: number): void {
    this.run(
      "INSERT INTO tombstone (hash, until) VALUES (?1, ?2) " +
        "ON CONFLICT (hash) DO UPDATE SET until = max(until, excluded.until)",
      hash,
      until,
    );
  }
}

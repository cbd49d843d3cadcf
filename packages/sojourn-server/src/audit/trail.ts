/**
 * The trail in the control store. A batch is one transaction that moves the head by compare and
 * set: of several processes one wins and the others read again, so there is one chain.
 */
import { ContentionError } from "sojourn";
import type { ControlSql, Statement } from "../control/control-sql.ts";
import { addressesOf, forgetAddresses } from "./address-table.ts";
import { chained, genesis, newName, personKey, plain } from "./chain.ts";
import type { TrailRow } from "./chain.ts";
import type { AuditEntry } from "./entry.ts";
import type { SignedStand, Signer, Stand } from "./signer.ts";
import { HEAD, headOf, inGroups, rowOf, ROW_COLUMNS, standValues, valuesOf } from "./trail-sql.ts";

export interface TrailParts {
  readonly sql: ControlSql;
  readonly signer: Signer;
  readonly now: () => number;
}

/** A checkpoint is kept this often, whichever comes first. */
const CHECKPOINT_EVERY_ROWS = 1_000;
const CHECKPOINT_EVERY_MS = 5 * 60_000;
/** Names of entries that the trail makes itself, or looks for. */
export const UNPROVED = "audit-unproved";
export const ERASED = "audit-erased";

const ATTEMPTS_MAX = 20;
const PEOPLE_MAX = 10_000;
const RETIRED_AT_ONCE = 500;
/** A transaction; in SQLite requests wait for its end. */
const ERASED_AT_ONCE = 500;

const MOVE = `UPDATE control.audit_head SET seq = ?, chain = ?, anchor_seq = ?, anchor_hash = ?,
  hash = ?, at = ?, kid = ?, signature = ? WHERE one = 1 AND seq = ? AND hash = ?
  AND anchor_seq = ?`;
const BEGIN = `INSERT INTO control.audit_head (one, seq, chain, anchor_seq, anchor_hash, hash, at,
  kid, signature) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const KEEP = `INSERT INTO control.audit_checkpoint (seq, chain, anchor_seq, anchor_hash, hash, at,
  kid, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const LAST_ROW = "SELECT seq, hash FROM control.audit_entry ORDER BY seq DESC LIMIT 1";
const LAST_KEPT = "SELECT seq, at FROM control.audit_checkpoint ORDER BY seq DESC LIMIT 1";
const ADD_PERSON = `INSERT INTO control.audit_person (tenant, name, ref) VALUES (?, ?, ?)
  ON CONFLICT DO NOTHING`;
const FIND_PERSON = "SELECT ref FROM control.audit_person WHERE tenant = ? AND name = ?";
const DROP_PERSON = "DELETE FROM control.audit_person WHERE tenant = ? AND name = ? AND ref = ?";
const ERASE_ABOUT =
  "UPDATE control.audit_entry SET about = NULL, session = NULL WHERE subject_ref = ?";
const ERASE_ACTOR = "UPDATE control.audit_entry SET actor = NULL WHERE actor_ref = ?";
const DROP_PEOPLE = "DELETE FROM control.audit_person WHERE tenant = ?";
const TOLD = `SELECT seq FROM control.audit_entry WHERE tenant = ?
  AND (about IS NOT NULL OR actor IS NOT NULL) ORDER BY seq LIMIT ?`;
const ERASE_TOLD = `UPDATE control.audit_entry SET about = NULL, actor = NULL, session = NULL
  WHERE tenant = ? AND seq >= ? AND seq <= ?`;
const OLDEST = `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE seq > ? ORDER BY seq LIMIT ?`;
const RETIRE = "DELETE FROM control.audit_entry WHERE seq > ? AND seq <= ?";
const RETIRE_CHECKPOINTS = "DELETE FROM control.audit_checkpoint WHERE seq < ?";
/** Whom only the rows that go now speak of. */
const RETIRE_PEOPLE = `DELETE FROM control.audit_person WHERE ref IN (
    SELECT subject_ref FROM control.audit_entry WHERE seq > ? AND seq <= ? UNION
    SELECT actor_ref FROM control.audit_entry WHERE seq > ? AND seq <= ?)
  AND NOT EXISTS (SELECT 1 FROM control.audit_entry WHERE subject_ref = ref AND seq > ?)
  AND NOT EXISTS (SELECT 1 FROM control.audit_entry WHERE actor_ref = ref AND seq > ?)`;

export class Trail {
  readonly #parts: TrailParts;
  /** The last head of this process: another chain, or less of it, was put there by somebody. */
  #seen: SignedStand | undefined;
  /** References by tenant and person. */
  #people = new Map<string, string>();

  constructor(parts: TrailParts) {
    this.#parts = parts;
  }

  /** The head, begun where there is none. */
  async head(): Promise<SignedStand> {
    const found = headOf(await this.#parts.sql.run("audit head", HEAD));
    if (found !== undefined) return found;
    const { signer, now, sql } = this.#parts;
    const chain = newName();
    const [left] = (await sql.run("audit head", LAST_ROW)).rows;
    // Rows without a head: it was taken away. What comes now begins behind them.
    const seq = Number(left?.["seq"] ?? 0);
    const hash = left === undefined ? genesis(chain) : String(left["hash"]);
    const stand = { chain, anchorSeq: seq, anchorHash: hash, seq, hash, at: now() };
    await sql.run("audit begin", BEGIN, ...standValues(signer.sign(stand)));
    const begun = headOf(await sql.run("audit head", HEAD));
    if (begun === undefined) throw new ContentionError("audit begin");
    return begun;
  }

  /**
   * Add entries to the chain; those that are there already are left out.
   *
   * @returns how many are new.
   * @throws {ContentionError} when others were always first; nothing is lost, it may be repeated.
   */
  append(entries: readonly AuditEntry[]): Promise<number> {
    return this.#moving(async (head) => {
      const fresh = await this.#unknown(entries);
      if (fresh.length === 0) return { result: 0 };
      const { references, people } = await this.#references(head, fresh);
      const rows = chained(head, this.#warned(head, fresh), references);
      const last = rows.at(-1) ?? head;
      const statements = [...people, ...insertions(rows), ...addressesOf(fresh)];
      return { result: fresh.length, stand: { seq: last.seq, hash: last.hash }, statements };
    });
  }

  /**
   * Forget somebody: no row tells any more who it was, and the chain still holds. That it was
   * done is an entry itself, which says of which rows.
   *
   * @param entry Made by the caller; its detail names the reference.
   * @returns whether there was anything.
   */
  erase(
    tenant: string,
    subject: string,
    entry: (reference: string) => AuditEntry,
  ): Promise<boolean> {
    const person = [plain(tenant), personKey(subject)] as const;
    return this.#moving(async (head) => {
      const { rows } = await this.#parts.sql.run("audit erase", FIND_PERSON, ...person);
      if (rows[0] === undefined) return { result: false };
      const ref = String(rows[0]["ref"]);
      const told = entry(ref);
      const { references, people } = await this.#references(head, [told]);
      const added = chained(head, [told], references);
      const last = added.at(-1) ?? head;
      const stand = { seq: last.seq, hash: last.hash };
      const statements = [
        forgetAddresses(ref),
        { text: ERASE_ABOUT, values: [ref] },
        { text: ERASE_ACTOR, values: [ref] },
        { text: DROP_PERSON, values: [...person, ref], writes: 1 },
        ...people,
        ...insertions(added),
      ];
      return { result: true, stand, statements, forgets: true };
    });
  }

  /**
   * Forget a whole tenant: that and when something happened in it stays. The chain still holds.
   * May be done again for what was written meanwhile.
   *
   * @param entry Not of this tenant; its detail names it.
   */
  async eraseTenant(tenant: string, entry: () => AuditEntry): Promise<void> {
    const name = plain(tenant);
    const told = (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      this.#parts.sql.run("audit erase", TOLD, name, ERASED_AT_ONCE).then(({ rows }) => rows);
    if ((await told()).length === 0) return;
    // What says so comes first, so that the trail is right at every moment.
    await this.#moving(async (head) => {
      const said = [entry()];
      const { references, people } = await this.#references(head, said);
      const added = chained(head, said, references);
      const last = added.at(-1) ?? head;
      const dropped = { text: DROP_PEOPLE, values: [name] };
      const statements = [dropped, ...people, ...insertions(added)];
      return { result: true, stand: { seq: last.seq, hash: last.hash }, statements, forgets: true };
    });
    for (;;) {
      const rows = await told();
      const [from, to] = [rows[0]?.["seq"], rows.at(-1)?.["seq"]].map(Number);
      if (rows.length === 0 || from === undefined || to === undefined) return;
      await this.#parts.sql.run("audit erase", ERASE_TOLD, name, from, to);
    }
  }

  /**
   * Remove what is older from the front.
   *
   * @param held Behind this entry they stay for those who have not had them, until `patience`.
   * @returns how many rows went.
   */
  async retire(before: number, held = Infinity, patience = before): Promise<number> {
    let retired = 0;
    for (;;) {
      const gone = await this.#moving(async (head) => {
        const values = [head.anchorSeq, RETIRED_AT_ONCE];
        const { rows } = await this.#parts.sql.run("audit retire", OLDEST, ...values);
        const all = rows.map(rowOf);
        const young = all.findIndex(
          ({ at, seq }) => at >= before || (seq > held && at >= patience),
        );
        const old = all.slice(0, young < 0 ? all.length : young);
        const last = old.at(-1);
        if (last === undefined) return { result: 0 };
        const stand = { anchorSeq: last.seq, anchorHash: last.hash };
        const range = [head.anchorSeq, last.seq];
        const statements = [
          { text: RETIRE_PEOPLE, values: [...range, ...range, last.seq, last.seq] },
          { text: RETIRE, values: range, writes: old.length },
          { text: RETIRE_CHECKPOINTS, values: [last.seq] },
        ];
        return { result: old.length, stand, statements, forgets: true };
      });
      retired += gone;
      if (gone < RETIRED_AT_ONCE) return retired;
    }
  }

  /** Move the head once by what `plan` says; after a lost race it is asked again. */
  async #moving<Result>(
    plan: (head: SignedStand) => Promise<{
      readonly result: Result;
      readonly stand?: Partial<Stand>;
      readonly statements?: readonly Statement[];
      /** People may have gone with it. */
      readonly forgets?: true;
    }>,
  ): Promise<Result> {
    const { sql, signer, now } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const head = await this.head();
      const { result, stand, statements = [], forgets } = await plan(head);
      if (stand === undefined) return result;
      const { kid: _kid, signature: _signature, ...before } = head;
      const moved = signer.sign({ ...before, ...stand, at: Math.max(now(), head.at) });
      const values = [...standValues(moved), head.seq, head.hash, head.anchorSeq];
      const move = { text: MOVE, values, writes: 1 };
      try {
        // The head first: whoever comes at the same time waits for its row, and for no other.
        await sql.all("audit", [move, ...statements, ...(await this.#checkpoint(moved))]);
        this.#seen = moved;
        if (forgets === true) this.#people = new Map();
        return result;
      } catch (error) {
        // What was made up for it may not be there.
        this.#people = new Map();
        if (!(error instanceof ContentionError)) throw error;
      }
    }
    throw new ContentionError("audit");
  }

  async #checkpoint(stand: SignedStand): Promise<readonly Statement[]> {
    const [kept] = (await this.#parts.sql.run("audit checkpoint", LAST_KEPT)).rows;
    const due =
      stand.seq - Number(kept?.["seq"] ?? 0) >= CHECKPOINT_EVERY_ROWS ||
      Math.abs(stand.at - Number(kept?.["at"] ?? 0)) >= CHECKPOINT_EVERY_MS;
    return due ? [{ text: KEEP, values: standValues(stand) }] : [];
  }

  async #unknown(entries: readonly AuditEntry[]): Promise<readonly AuditEntry[]> {
    const known = new Set<string>();
    for (const { marks, values } of inGroups(entries.map(({ id }) => [id]))) {
      const text = `SELECT id FROM control.audit_entry WHERE id IN (${marks("?")})`;
      const { rows } = await this.#parts.sql.run("audit known", text, ...values);
      for (const { id } of rows) known.add(String(id));
    }
    const fresh = new Map<string, AuditEntry>();
    for (const entry of entries) if (!known.has(entry.id)) fresh.set(entry.id, entry);
    return [...fresh.values()];
  }

  /** Nobody else has moved the head, so whom this process has looked up is still there. */
  #known(head: SignedStand): Map<string, string> {
    const own = head.signature === this.#seen?.signature && this.#people.size < PEOPLE_MAX;
    if (!own) this.#people = new Map();
    return this.#people;
  }

  /** References of everybody in the entries, and the statements that keep the new ones. */
  async #references(
    head: SignedStand,
    entries: readonly AuditEntry[],
  ): Promise<{
    readonly references: (tenant: string, person: string) => string;
    readonly people: readonly Statement[];
  }> {
    const refs = this.#known(head);
    const people: Statement[] = [];
    // Kept only when all were looked up.
    const added = new Map<string, string>();
    const keyOf = (tenant: string, person: string): string => JSON.stringify([tenant, person]);
    for (const { tenant, about, actor } of entries) {
      for (const person of about.subject === undefined ? [actor] : [about.subject, actor]) {
        const key = keyOf(plain(tenant), person);
        if (refs.has(key) || added.has(key)) continue;
        const values = [plain(tenant), personKey(person)] as const;
        const { rows } = await this.#parts.sql.run("audit person", FIND_PERSON, ...values);
        const found = rows[0]?.["ref"];
        const ref = typeof found === "string" ? found : newName();
        added.set(key, ref);
        const text = ADD_PERSON;
        if (found === undefined) people.push({ text, values: [...values, ref], writes: 1 });
      }
    }
    for (const [key, ref] of added) refs.set(key, ref);
    return { references: (tenant, person) => refs.get(keyOf(tenant, person)) ?? "", people };
  }

  /**
   * A head that our secrets did not sign, or that went back, is built upon all the same: the
   * service goes on. But the next row says so for ever.
   */
  #warned(head: SignedStand, entries: readonly AuditEntry[]): readonly AuditEntry[] {
    const { signer, now } = this.#parts;
    const seen = this.#seen;
    const proof = signer.prove(head);
    const cut = seen !== undefined && (head.chain !== seen.chain || head.seq < seen.seq);
    if (proof === "proved" && !cut) return entries;
    const why = cut ? "cut" : proof;
    const about = { detail: { why, seq: head.seq, ...(cut ? { seen: seen.seq } : {}) } };
    const told = { tenant: "", name: UNPROVED, actor: "system", about };
    const warning = { id: newName(), at: now(), ...told };
    return [warning, ...entries];
  }
}

const ADD_ROWS = `INSERT INTO control.audit_entry (${ROW_COLUMNS}) VALUES `;

function insertions(rows: readonly TrailRow[]): readonly Statement[] {
  const each = `(${ROW_COLUMNS.split(",")
    .map(() => "?")
    .join(", ")})`;
  return inGroups(rows.map(valuesOf), false).map(({ marks, values }) => ({
    text: ADD_ROWS + marks(each),
    values,
  }));
}

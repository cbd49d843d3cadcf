/** Reads the trail: pages for people, and all of it in order for exports and for verifying. */
import type { ControlSql, SqlOutcome, SqlValue } from "../control/control-sql.ts";
import { AddressTable } from "./address-table.ts";
import { aboutOf, actorOf, personKey, plain } from "./chain.ts";
import type { TrailRow } from "./chain.ts";
import type { Origin, About } from "./entry.ts";
import type { SignedStand, Signer } from "./signer.ts";
import { HEAD, headOf, rowOf, ROW_COLUMNS, STAND_COLUMNS, standOf } from "./trail-sql.ts";

export interface TrailFilter {
  /** Absent: every tenant, and what the service itself did. */
  readonly tenant?: string | undefined;
  readonly subject?: string | undefined;
  readonly session?: string | undefined;
  readonly name?: string | undefined;
  readonly actor?: string | undefined;
  /** Milliseconds; inclusive. */
  readonly from?: number | undefined;
  /** Milliseconds; exclusive. */
  readonly to?: number | undefined;
}

/** An entry as it is read. */
export interface ReadEntry extends Omit<About, "from"> {
  readonly from?: Origin & { readonly full?: string };
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly tenant: string;
  readonly name: string;
  /** Absent when erased. */
  readonly actor?: string;
  /** What it was about has been erased. */
  readonly erased?: true;
  /** Not what was hashed: somebody changed it. */
  readonly tampered?: true;
}

export interface TrailPage {
  readonly items: readonly ReadEntry[];
  /** Of the last one, when there may be more. */
  readonly next: number | undefined;
}

interface Where {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

const BATCH = 500;
const FIND_PERSON = "SELECT ref FROM control.audit_person WHERE name = ?";

export class TrailReader {
  readonly #sql: ControlSql;
  readonly #addresses: AddressTable;
  readonly signer: Signer;

  constructor(sql: ControlSql, signer: Signer) {
    this.#sql = sql;
    this.#addresses = new AddressTable(sql);
    this.signer = signer;
  }

  async head(): Promise<SignedStand | undefined> {
    return headOf(await this.#sql.run("audit head", HEAD));
  }

  /** Newest first. @param before Only what is older than this entry. */
  async page(filter: TrailFilter, limit: number, before?: number): Promise<TrailPage> {
    const where = await this.#where(filter);
    if (where === undefined) return { items: [], next: undefined };
    const older = before === undefined ? "" : " AND seq < ?";
    const text =
      `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE ${where.text}${older} ` +
      "ORDER BY seq DESC LIMIT ?";
    const values = [...where.values, ...(before === undefined ? [] : [before]), limit];
    const { rows } = await this.#sql.run("audit list", text, ...values);
    const items = await this.#readable(rows);
    return { items, next: items.length === limit ? items.at(-1)?.seq : undefined };
  }

  /** The next entries behind one, oldest first. No entry ever comes in between: see `Trail`. */
  async after(seq: number, limit: number, tenant?: string): Promise<readonly ReadEntry[]> {
    const one = tenant === undefined ? "" : " AND tenant = ?";
    const text =
      `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE seq > ?${one} ` +
      "ORDER BY seq LIMIT ?";
    const values = [seq, ...(tenant === undefined ? [] : [plain(tenant)]), limit];
    const { rows } = await this.#sql.run("audit tail", text, ...values);
    return rows.map((row) => readable(rowOf(row)));
  }

  /** Oldest first, all of it, as it was when this began. */
  async *entries(filter: TrailFilter): AsyncGenerator<ReadEntry> {
    const where = await this.#where(filter);
    const head = await this.head();
    if (where === undefined || head === undefined) return;
    const text =
      `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE ${where.text} AND seq > ? ` +
      "AND seq <= ? ORDER BY seq LIMIT ?";
    for (let after = 0; ;) {
      const values = [...where.values, after, head.seq, BATCH];
      const { rows } = await this.#sql.run("audit export", text, ...values);
      yield* await this.#readable(rows);
      if (rows.length < BATCH) return;
      after = Number(rows.at(-1)?.["seq"]);
    }
  }

  /** @returns `undefined` for one that was removed when its time was over. */
  async at(seq: number): Promise<ReadEntry | undefined> {
    const text = `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE seq = ?`;
    const [row] = (await this.#sql.run("audit entry", text, seq)).rows;
    return row === undefined ? undefined : readable(rowOf(row));
  }

  /** Rows as they lie there, in order. */
  async *rows(after: number): AsyncGenerator<TrailRow> {
    const text = `SELECT ${ROW_COLUMNS} FROM control.audit_entry WHERE seq > ? ORDER BY seq LIMIT ?`;
    for (let last = after; ;) {
      const { rows } = await this.#sql.run("audit verify", text, last, BATCH);
      for (const row of rows) yield rowOf(row);
      if (rows.length < BATCH) return;
      last = Number(rows.at(-1)?.["seq"]);
    }
  }

  async checkpoints(): Promise<readonly SignedStand[]> {
    const text = `SELECT ${STAND_COLUMNS} FROM control.audit_checkpoint ORDER BY seq`;
    return (await this.#sql.run("audit checkpoints", text)).rows.map(standOf);
  }

  /** With the whole addresses that are still kept beside. */
  async #readable(rows: SqlOutcome["rows"]): Promise<readonly ReadEntry[]> {
    const entries = rows.map((row) => readable(rowOf(row)));
    const addresses = await this.#addresses.find(entries.map(({ id }) => id));
    return entries.map((entry) => {
      const full = addresses.get(entry.id);
      return full === undefined ? entry : { ...entry, from: { ...entry.from, full } };
    });
  }

  /** @returns `undefined` when nothing can match. */
  async #where(filter: TrailFilter): Promise<Where | undefined> {
    const parts: string[] = ["1 = 1"];
    const values: SqlValue[] = [];
    const add = (text: string, value: SqlValue | undefined): void => {
      if (value === undefined) return;
      parts.push(text);
      values.push(value);
    };
    const { tenant, subject, session, name, actor, from, to } = filter;
    const who = tenant === undefined ? undefined : plain(tenant);
    add("tenant = ?", who);
    add("name = ?", name === undefined ? undefined : plain(name));
    add("session = ?", session === undefined ? undefined : plain(session));
    add("at >= ?", from);
    add("at < ?", to);
    for (const [column, person] of [
      ["subject_ref", subject],
      ["actor_ref", actor],
    ] as const) {
      if (person === undefined) continue;
      const refs = await this.#references(person, who);
      if (refs.length === 0) return undefined;
      parts.push(`${column} IN (${refs.map(() => "?").join(", ")})`);
      values.push(...refs);
    }
    return { text: parts.join(" AND "), values };
  }

  async #references(person: string, tenant: string | undefined): Promise<readonly string[]> {
    const one = tenant === undefined ? "" : " AND tenant = ?";
    const values = [personKey(person), ...(tenant === undefined ? [] : [tenant])];
    const { rows } = await this.#sql.run("audit person", FIND_PERSON + one, ...values);
    return rows.map(({ ref }) => String(ref));
  }
}

function readable(row: TrailRow): ReadEntry {
  const { seq, id, at, tenant, name } = row;
  const about = aboutOf(row);
  const actor = actorOf(row);
  const erased = row.about === null;
  const tampered = (!erased && about === undefined) || (row.actor !== null && actor === undefined);
  return {
    seq,
    id,
    at,
    tenant,
    name,
    ...(actor === undefined ? {} : { actor }),
    ...about,
    ...(erased ? { erased: true } : {}),
    ...(tampered ? { tampered: true } : {}),
  };
}

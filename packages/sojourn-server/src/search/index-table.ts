/** The search index in the control store: filed by whoever has the lease, read by everybody. */
import { randomBytes } from "node:crypto";
import type { SessionRef } from "sojourn";
import { inGroups } from "../audit/trail-sql.ts";
import type { ControlSql, SqlValue, Statement } from "../control/control-sql.ts";
import type { Filing, Source } from "./terms.ts";

/** Where the index is: by whom it is fed, and as of when. */
export interface Stand {
  readonly holder: string;
  readonly untilAt: number;
  readonly position: string;
  readonly asOf: number;
  readonly build: number;
  /** Absent: complete. */
  readonly scan: string | undefined;
  readonly salt: string;
}

export interface Filed {
  readonly ref: SessionRef;
  readonly createdAt: number;
  readonly build: number;
  readonly terms: readonly number[];
}

/** A session that is to be filed, or taken out. */
export interface Refiling {
  readonly ref: SessionRef;
  readonly filing: Filing | undefined;
  readonly before: Filed | undefined;
}

export interface IndexPlace {
  readonly createdAt: number;
  readonly id: string;
}

export type Order = "newest" | "oldest";

export interface Range {
  readonly order: Order;
  readonly after: IndexPlace | undefined;
  readonly createdFrom?: number | undefined;
  readonly createdBefore?: number | undefined;
}

/** A row that was met; `hit`: it has all terms. */
export interface Candidate extends IndexPlace {
  readonly hit: boolean;
}

const SALT_BYTES = 18;
const BEGIN = `INSERT INTO control.search_feed (one, holder, until_at, position, as_of, build, scan,
  salt) VALUES (1, '', 0, '', 0, 1, '', ?) ON CONFLICT DO NOTHING`;
const STAND = `SELECT holder, until_at, position, as_of, build, scan, salt FROM control.search_feed
  WHERE one = 1`;
const CLAIM = `UPDATE control.search_feed SET holder = ?, until_at = ?
  WHERE one = 1 AND (holder = ? OR until_at < ?)`;
const ADVANCE = `UPDATE control.search_feed SET until_at = ?, position = ?, as_of = ?, build = ?,
  scan = ? WHERE one = 1 AND holder = ?`;
const LEAVE =
  "UPDATE control.search_feed SET holder = '', until_at = 0 WHERE one = 1 AND holder = ?";
const COLUMNS = "id, tenant, created_at, build, terms";
const FILE = "INSERT INTO control.search_session (id, tenant, created_at, ended_at, build, terms)";
const REFILE = ` ON CONFLICT (id, tenant) DO UPDATE SET created_at = excluded.created_at,
  ended_at = excluded.ended_at, build = excluded.build, terms = excluded.terms`;
const TAKE_OUT = "DELETE FROM control.search_session WHERE id = ? AND tenant = ?";
const ADD_TERMS = "INSERT INTO control.search_term (term, created_at, id) VALUES ";
const PROBE =
  "SELECT count(*) AS n FROM (SELECT 1 FROM control.search_term WHERE term = ? LIMIT ?) AS probed";
const OLDEST_ENDED = `SELECT ${COLUMNS} FROM control.search_session WHERE ended_at IS NOT NULL
  ORDER BY ended_at LIMIT ?`;
const BEHIND = `SELECT ${COLUMNS} FROM control.search_session WHERE id > ? ORDER BY id LIMIT ?`;
/** Terms of a removal; few sessions have more. */
const TERMS_AT_ONCE = 16;
const EARLIEST = -8_640_000_000_000_000;
const LATEST = 8_640_000_000_000_000;

export class IndexTable {
  readonly #sql: ControlSql;

  constructor(sql: ControlSql) {
    this.#sql = sql;
  }

  /** Begun where there is none. */
  async stand(): Promise<Stand> {
    let [row] = (await this.#sql.run("search stand", STAND)).rows;
    if (row === undefined) {
      const salt = randomBytes(SALT_BYTES).toString("base64url");
      await this.#sql.run("search begin", BEGIN, salt);
      [row] = (await this.#sql.run("search stand", STAND)).rows;
    }
    return standOf(row ?? {});
  }

  /** @returns whether `holder` feeds the index until then. */
  async claim(holder: string, now: number, untilAt: number): Promise<boolean> {
    const { changes } = await this.#sql.run("search claim", CLAIM, holder, untilAt, holder, now);
    return changes === 1;
  }

  async leave(holder: string): Promise<void> {
    await this.#sql.run("search leave", LEAVE, holder);
  }

  /** What is filed of these sessions. */
  async filed(refs: readonly SessionRef[]): Promise<readonly Filed[]> {
    const found: Filed[] = [];
    for (const { marks, values } of inGroups(refs.map(({ id }) => [bytesOf(id)]))) {
      const text = `SELECT ${COLUMNS} FROM control.search_session WHERE id IN (${marks("?")})`;
      found.push(...(await this.#sql.run("search filed", text, ...values)).rows.map(filedOf));
    }
    return found;
  }

  /**
   * All in one step, with how far the index is now.
   *
   * @throws {ContentionError} when another has taken over: nothing was written.
   */
  async write(refilings: readonly Refiling[], stand: Stand): Promise<void> {
    const { untilAt, position, asOf, build, scan = null, holder } = stand;
    const values = [untilAt, position, asOf, build, scan, holder];
    const advance: Statement = { text: ADVANCE, values, writes: 1 };
    const statements = [advance, ...refilings.flatMap(removal), ...additions(refilings, build)];
    await this.#sql.all("search write", statements);
  }

  /** Of the first of a source's terms, in order; at most `limit` rows are looked at. */
  async candidates(source: Source, range: Range, limit: number): Promise<readonly Candidate[]> {
    const [driver = 0, ...others] = source;
    const { order, after, createdFrom = EARLIEST, createdBefore = LATEST } = range;
    const newest = order === "newest";
    const from = after ?? { createdAt: newest ? LATEST : EARLIEST, id: "" };
    const direction = newest ? "DESC" : "ASC";
    const hits = others.map(
      () =>
        "EXISTS (SELECT 1 FROM control.search_term o WHERE o.term = ? " +
        "AND o.created_at = t.created_at AND o.id = t.id)",
    );
    const hit = hits.length === 0 ? "1" : `CASE WHEN ${hits.join(" AND ")} THEN 1 ELSE 0 END`;
    const text =
      `SELECT t.created_at, t.id, ${hit} AS hit FROM control.search_term t WHERE t.term = ? ` +
      `AND (t.created_at, t.id) ${newest ? "<" : ">"} (?, ?) AND t.created_at >= ? ` +
      `AND t.created_at < ? ORDER BY t.created_at ${direction}, t.id ${direction} LIMIT ?`;
    const bounds = [from.createdAt, bytesOf(from.id), createdFrom, createdBefore, limit];
    const { rows } = await this.#sql.run("search", text, ...others, driver, ...bounds);
    return rows.map((row) => ({
      createdAt: Number(row["created_at"]),
      id: textOf(row["id"]),
      hit: Number(row["hit"]) === 1,
    }));
  }

  /** How many rows have a term, `most` at most. */
  async probe(term: number, most: number): Promise<number> {
    return Number((await this.#sql.run("search probe", PROBE, term, most)).rows[0]?.["n"] ?? 0);
  }

  /** What is no longer in the store. */
  async takeOut(gone: readonly Filed[]): Promise<void> {
    const refilings = gone.map((before) => ({ ref: before.ref, filing: undefined, before }));
    if (refilings.length > 0) await this.#sql.all("search tidy", refilings.flatMap(removal));
  }

  async oldestEnded(limit: number): Promise<readonly Filed[]> {
    return (await this.#sql.run("search tidy", OLDEST_ENDED, limit)).rows.map(filedOf);
  }

  /** Along the key, whatever it is. */
  async behind(id: string, limit: number): Promise<readonly Filed[]> {
    return (await this.#sql.run("search tidy", BEHIND, bytesOf(id), limit)).rows.map(filedOf);
  }
}

function removal({ ref, filing, before }: Refiling): readonly Statement[] {
  if (before === undefined) return [];
  const moved = filing?.createdAt !== before.createdAt;
  const gone = before.terms.filter((term) => moved || !filing.terms.includes(term));
  const key = [before.createdAt, bytesOf(ref.id)];
  const statements: Statement[] = [];
  for (let at = 0; at < gone.length; at += TERMS_AT_ONCE) {
    const terms = gone.slice(at, at + TERMS_AT_ONCE);
    const marks = Array.from({ length: TERMS_AT_ONCE }, () => "?").join(", ");
    const values = Array.from({ length: TERMS_AT_ONCE }, (_, i) => terms[i] ?? terms[0] ?? 0);
    const text = `DELETE FROM control.search_term WHERE term IN (${marks})
      AND created_at = ? AND id = ?`;
    statements.push({ text, values: [...values, ...key] });
  }
  if (filing === undefined) {
    statements.push({ text: TAKE_OUT, values: [bytesOf(ref.id), ref.tenant] });
  }
  return statements;
}

function additions(refilings: readonly Refiling[], build: number): readonly Statement[] {
  const rows: SqlValue[][] = [];
  const terms: SqlValue[][] = [];
  for (const { ref, filing, before } of refilings) {
    if (filing === undefined) continue;
    const { createdAt, endedAt } = filing;
    const id = bytesOf(ref.id);
    rows.push([id, ref.tenant, createdAt, endedAt, build, JSON.stringify(filing.terms)]);
    const kept = before?.createdAt === createdAt ? before.terms : [];
    for (const term of filing.terms) if (!kept.includes(term)) terms.push([term, createdAt, id]);
  }
  const files = inGroups(rows, false).map(({ marks, values }) => ({
    text: `${FILE} VALUES ${marks("(?, ?, ?, ?, ?, ?)")}${REFILE}`,
    values,
  }));
  const adds = inGroups(terms, false).map(({ marks, values }) => ({
    text: `${ADD_TERMS}${marks("(?, ?, ?)")} ON CONFLICT DO NOTHING`,
    values,
  }));
  return [...files, ...adds];
}

type Row = Readonly<Record<string, unknown>>;

function standOf(row: Row): Stand {
  const text = (column: string): string => (row[column] ?? "") as string;
  return {
    holder: text("holder"),
    untilAt: Number(row["until_at"] ?? 0),
    position: text("position"),
    asOf: Number(row["as_of"] ?? 0),
    build: Number(row["build"] ?? 1),
    scan: row["scan"] === null ? undefined : text("scan"),
    salt: text("salt"),
  };
}

function filedOf(row: Row): Filed {
  return {
    ref: { tenant: String(row["tenant"]), id: textOf(row["id"]) },
    createdAt: Number(row["created_at"]),
    build: Number(row["build"]),
    terms: JSON.parse(String(row["terms"])) as number[],
  };
}

const OURS = /^[\w-]{24}$/;
const OURS_BYTES = 18;

/** As bytes, which every engine orders alike: 18 for an id of ours, more for any other. */
export function bytesOf(id: string): Uint8Array {
  if (OURS.test(id)) return Buffer.from(id, "base64url");
  return id === "" ? Buffer.alloc(0) : Buffer.concat([Buffer.alloc(OURS_BYTES), Buffer.from(id)]);
}

function textOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) return "";
  const bytes = Buffer.from(value);
  if (bytes.length === OURS_BYTES) return bytes.toString("base64url");
  return bytes.toString("utf8", OURS_BYTES);
}

/**
 * Lists by keyset on stored, immutable columns. Rows come in the order in which they are shown;
 * judging at `now` is the engine's, and one page looks at a bounded number of rows.
 */
import { inState, PageInMaking, scanPlace, scanSize, startOf } from "../../engine/listing.ts";
import type { Place } from "../../engine/listing.ts";
import type {
  Page,
  PageOptions,
  ScanOptions,
  SessionFilter,
  SessionRef,
} from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { AFTER_SUMMARY } from "../sql/summary.ts";
import { decodeSummary, SUMMARY, SUMMARY_AGAIN } from "./codec.ts";
import type { Sql } from "./database.ts";
import { requirePrimary, SUBJECT_EPOCH } from "./find.ts";
import { idIn, idOut, textIn, textInOrNull, textOut } from "./text.ts";

/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 5000;
/** Rows looked at for one count; beyond it the count is not exact. */
const COUNTED_MAX = 10_000;
const CHUNK_MAX = 1000;

interface Candidate {
  readonly session: SessionSummary;
  readonly subjectEpoch: number;
}

const NEWEST: Place = { createdAt: Number.MAX_SAFE_INTEGER, id: "" };
const OLDEST_MS: number = Number.MIN_SAFE_INTEGER;

/** Newest first by `createdAt`, then id. */
export async function pageOf(
  sql: Sql,
  filter: SessionFilter,
  page: PageOptions,
): Promise<Page<SessionSummary>> {
  const made = new PageInMaking(page.limit, SCANNED_PER_PAGE_MAX);
  const matches = inState(filter, page.now);
  const from = startOf(page.cursor, filter.createdBefore);
  for await (const { session, subjectEpoch } of candidates(sql, filter, from, made.wanted + 1)) {
    if (made.isFull) return made.done(true);
    made.add(session, matches(session, subjectEpoch) ? session : undefined);
  }
  return made.done(false);
}

/** Exact up to {@link COUNTED_MAX} rows; beyond that a lower bound, said so. */
export async function countOf(
  sql: Sql,
  filter: SessionFilter,
  now: number,
): Promise<{ readonly count: number; readonly exact: boolean }> {
  const matches = inState(filter, now);
  let count = 0;
  let scanned = 0;
  const from = startOf(undefined, filter.createdBefore);
  for await (const { session, subjectEpoch } of candidates(sql, filter, from, CHUNK_MAX)) {
    if (scanned >= COUNTED_MAX) return { count, exact: false };
    scanned += 1;
    if (matches(session, subjectEpoch)) count += 1;
  }
  return { count, exact: true };
}

const SCAN_CURSOR = /^(\d{1,10})\.(.+)$/s;
const SCAN =
  "SELECT encode(s.id, 'hex'), s.tenant, t.name, pg_is_in_recovery() " +
  "FROM sojourn.session s JOIN sojourn.tenant t ON t.no = s.tenant " +
  "WHERE (s.id, s.tenant) > ($1::bytea, $2::integer) ORDER BY s.id, s.tenant LIMIT $3";

/** Along the table's own key. */
export async function scanOf(sql: Sql, page: ScanOptions): Promise<Page<SessionRef>> {
  const { cursor } = page;
  const [no = "0", after = ""] = cursor === undefined ? [] : scanPlace(cursor, SCAN_CURSOR);
  const size = scanSize(page.limit);
  const from = cursor === undefined ? Buffer.alloc(0) : idIn(after);
  const rows = await sql.rows(SCAN, from, Number(no), size);
  requirePrimary(rows[0]?.[3]);
  const items = rows.map((row) => ({ tenant: textOut(row[2] ?? ""), id: idOut(row[0] ?? "") }));
  const last = rows.length < size ? undefined : rows.at(-1);
  return last === undefined ? { items } : { items, cursor: `${last[1]}.${idOut(last[0] ?? "")}` };
}

/** Rows a filter may match, newest first, read in chunks. */
async function* candidates(
  sql: Sql,
  filter: SessionFilter,
  from: Place | undefined,
  firstChunk: number,
): AsyncGenerator<Candidate, void, undefined> {
  const text = statementFor(filter);
  let place = from ?? NEWEST;
  let limit = firstChunk;
  for (;;) {
    const chunk = await chunkAfter(sql, text, { filter, place, limit });
    yield* chunk;
    const last = chunk.at(-1)?.session;
    if (last === undefined || chunk.length < limit) return;
    place = last;
    limit = CHUNK_MAX;
  }
}

async function chunkAfter(
  sql: Sql,
  text: string,
  range: { readonly filter: SessionFilter; readonly place: Place; readonly limit: number },
): Promise<Candidate[]> {
  const { filter, place, limit } = range;
  const rows = await sql.rows(
    text,
    textIn(filter.tenant),
    textInOrNull(filter.subject),
    textInOrNull(filter.device),
    place.createdAt,
    place.id === "" ? Buffer.alloc(0) : idIn(place.id),
    filter.createdFrom ?? OLDEST_MS,
    limit,
  );
  requirePrimary(rows[0]?.[AFTER_SUMMARY + 1]);
  return rows.map((row) => ({
    session: decodeSummary(row, filter.tenant),
    subjectEpoch: Number(row[AFTER_SUMMARY]),
  }));
}

/**
 * Live and ended rows are in indexes of their own, so each is read in order and the two are merged.
 * The order by whole seconds is that of the index by creation, which keeps no more.
 */
function statementFor(filter: SessionFilter): string {
  const { state = "live" } = filter;
  const some =
    filter.subject === undefined
      ? filter.device === undefined
        ? "AND s.created_at / 1000 <= $4::bigint / 1000 AND $2::text IS NULL AND $3::text IS NULL"
        : "AND s.device = $3 AND $2::text IS NULL"
      : "AND s.subject = $2 AND ($3::text IS NULL OR s.device = $3)";
  const part = (ended: string): string =>
    `(SELECT ${SUMMARY}, ${SUBJECT_EPOCH} AS subject_epoch, s.id AS key FROM sojourn.session s ` +
    `WHERE s.tenant = (SELECT t.no FROM sojourn.tenant t WHERE t.name = $1) ${some} AND ${ended} ` +
    "AND (s.created_at, s.id) < ($4::bigint, $5::bytea) AND s.created_at >= $6 " +
    "ORDER BY s.created_at / 1000 DESC, s.created_at DESC, s.id DESC LIMIT $7)";
  const parts = [part("s.ended_at IS NULL")];
  // A deadline or the epoch may have ended what is still stored as live.
  if (state === "any" || state === "ended") parts.push(part("s.ended_at IS NOT NULL"));
  return (
    `SELECT ${SUMMARY_AGAIN}, s.subject_epoch, pg_is_in_recovery() FROM ` +
    `(${parts.join(" UNION ALL ")}) s ORDER BY s.created_at DESC, s.key DESC LIMIT $7`
  );
}

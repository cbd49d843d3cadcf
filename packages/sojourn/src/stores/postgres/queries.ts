/**
 * Lists by keyset on stored, immutable columns. Rows come in the order in which they are shown;
 * judging at `now` is the engine's, and one page looks at a bounded number of rows.
 */
import { ArgumentError } from "../../engine/errors.ts";
import { isLive } from "../../engine/liveness.ts";
import type { Page, PageOptions, SessionFilter } from "../../engine/ports.ts";
import { assess } from "../../engine/session.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { AFTER_SUMMARY, decodeSummary, SUMMARY, SUMMARY_AGAIN } from "./codec.ts";
import type { Sql } from "./database.ts";
import { requirePrimary, SUBJECT_EPOCH } from "./find.ts";
import { idIn, textIn, textInOrNull } from "./text.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 5000;
/** Rows looked at for one count; beyond it the count is not exact. */
const COUNTED_MAX = 10_000;
const CHUNK_MAX = 1000;

interface Place {
  readonly createdAt: number;
  readonly id: string;
}

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
  const wanted = Math.min(Math.max(page.limit ?? PAGE_DEFAULT, 1), PAGE_MAX);
  const matches = matcher(filter, page.now);
  const items: SessionSummary[] = [];
  let scanned = 0;
  let last: SessionSummary | undefined;
  const from = earlier(placeOfCursor(page.cursor), filter.createdBefore);
  for await (const candidate of candidates(sql, filter, from, wanted + 1)) {
    if (last !== undefined && (items.length >= wanted || scanned >= SCANNED_PER_PAGE_MAX)) {
      return { items, cursor: `${last.createdAt}.${last.id}` };
    }
    scanned += 1;
    last = candidate.session;
    if (matches(candidate)) items.push(candidate.session);
  }
  return { items };
}

/** Exact up to {@link COUNTED_MAX} rows; beyond that a lower bound, said so. */
export async function countOf(
  sql: Sql,
  filter: SessionFilter,
  now: number,
): Promise<{ readonly count: number; readonly exact: boolean }> {
  const matches = matcher(filter, now);
  let count = 0;
  let scanned = 0;
  const from = earlier(undefined, filter.createdBefore);
  for await (const candidate of candidates(sql, filter, from, CHUNK_MAX)) {
    if (scanned >= COUNTED_MAX) return { count, exact: false };
    scanned += 1;
    if (matches(candidate)) count += 1;
  }
  return { count, exact: true };
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

/** What a filter asks of a row at `now`, creation time aside. */
function matcher(filter: SessionFilter, now: number): (candidate: Candidate) => boolean {
  const { state = "live" } = filter;
  return ({ session, subjectEpoch }) => {
    if (state === "any") return true;
    if (state === "live") return isLive(session, subjectEpoch, now);
    return assess(session, subjectEpoch, now).state === state;
  };
}

/** The earlier of a cursor's place and an exclusive upper bound of creation. */
function earlier(place: Place | undefined, createdBefore: number | undefined): Place | undefined {
  if (createdBefore === undefined) return place;
  if (place !== undefined && place.createdAt < createdBefore) return place;
  return { createdAt: createdBefore, id: "" };
}

const CURSOR: RegExp = /^(-?\d{1,16})\.(.+)$/s;

/** A cursor is a place in time, so one of another listing cannot show what is not asked for. */
function placeOfCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [, createdAt, id] = CURSOR.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ArgumentError("page.cursor", "pass a cursor as a former page gave it, or none");
  }
  return { createdAt: Number(createdAt), id };
}

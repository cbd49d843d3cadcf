/**
 * Lists by keyset on stored, immutable columns. Rows come from an index in the order in which they
 * are shown; judging at `now` is the engine's, and one page looks at a bounded number of rows.
 */
import { ArgumentError } from "../../engine/errors.ts";
import { isLive } from "../../engine/liveness.ts";
import type { Page, PageOptions, SessionFilter } from "../../engine/ports.ts";
import { assess } from "../../engine/session.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { decodeSummary, SUMMARY_COLUMNS } from "./codec.ts";
import type { Connection } from "./connection.ts";
import type { SqlValue } from "./driver.ts";
import { pack, textIn } from "./packed.ts";
import { SUBJECT_EPOCH } from "./rows.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 5000;
/** Rows looked at for one count; beyond it the count is not exact. */
const COUNTED_MAX = 10_000;
const CHUNK_MAX = 500;
const EPOCH_COLUMN = 15;

interface Place {
  readonly createdAt: number;
  readonly id: string;
}

interface Candidate {
  readonly session: SessionSummary;
  readonly subjectEpoch: number;
}

/** The index that holds the rows in order, and what it needs to be told. */
interface Source {
  readonly index: string;
  readonly where: string;
  readonly values: readonly SqlValue[];
}

const NEWEST: Place = { createdAt: Number.MAX_SAFE_INTEGER, id: "" };

/** Newest first by `createdAt`, then id. */
export function pageOf(
  db: Connection,
  filter: SessionFilter,
  page: PageOptions,
): Page<SessionSummary> {
  const wanted = Math.min(Math.max(page.limit ?? PAGE_DEFAULT, 1), PAGE_MAX);
  const matches = matcher(filter, page.now);
  const items: SessionSummary[] = [];
  let scanned = 0;
  let last: SessionSummary | undefined;
  const from = earlier(placeOfCursor(page.cursor), filter.createdBefore);
  for (const candidate of candidates(db, filter, from, wanted + 1)) {
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
export function countOf(
  db: Connection,
  filter: SessionFilter,
  now: number,
): { readonly count: number; readonly exact: boolean } {
  const matches = matcher(filter, now);
  let count = 0;
  let scanned = 0;
  const from = earlier(undefined, filter.createdBefore);
  for (const candidate of candidates(db, filter, from, CHUNK_MAX)) {
    if (scanned >= COUNTED_MAX) return { count, exact: false };
    scanned += 1;
    if (matches(candidate)) count += 1;
  }
  return { count, exact: true };
}

/** Rows a filter may match, newest first, read in chunks. */
function* candidates(
  db: Connection,
  filter: SessionFilter,
  from: Place | undefined,
  firstChunk: number,
): Generator<Candidate, void, undefined> {
  const tenant = db.tenant(filter.tenant);
  if (tenant === undefined) return;
  const sources = sourcesOf(filter, tenant);
  let place = from ?? NEWEST;
  let size = firstChunk;
  for (;;) {
    const limit = size;
    const chunks = sources.map((source) => chunkAfter(db, source, { filter, place, limit }));
    const merged = chunks.length === 1 ? (chunks[0] ?? []) : chunks.flat().toSorted(newestFirst);
    const taken = merged.slice(0, limit);
    yield* taken;
    const last = taken.at(-1)?.session;
    if (last === undefined || taken.length < limit) return;
    place = last;
    size = CHUNK_MAX;
  }
}

function chunkAfter(
  db: Connection,
  source: Source,
  range: { readonly filter: SessionFilter; readonly place: Place; readonly limit: number },
): Candidate[] {
  const { filter, place, limit } = range;
  const sql =
    `SELECT ${SUMMARY_COLUMNS}, ${SUBJECT_EPOCH} FROM session INDEXED BY ${source.index} ` +
    `WHERE tenant = ?1 AND ${source.where} AND created_at <= ?3 AND created_at >= ?5 ` +
    "AND (created_at < ?3 OR id < ?4) AND (?6 IS NULL OR device = ?6) " +
    "ORDER BY created_at DESC, id DESC LIMIT ?7";
  const rows = db.all(
    sql,
    ...source.values,
    place.createdAt,
    pack(place.id),
    filter.createdFrom ?? Number.MIN_SAFE_INTEGER,
    textIn(filter.device ?? null),
    limit,
  );
  return rows.map((row) => ({
    session: decodeSummary(row, filter.tenant),
    subjectEpoch: Number(row[EPOCH_COLUMN]),
  }));
}

function sourcesOf(filter: SessionFilter, tenant: number): readonly Source[] {
  const { subject, device, state = "live" } = filter;
  const parts: string[] = [];
  if (state !== "ended") parts.push("live");
  if (state === "any" || state === "ended") parts.push("ended");
  // A deadline or the epoch may have ended what is still stored as live.
  if (state === "ended") parts.push("live");
  if (subject === undefined && device !== undefined) {
    const where = "device IS NOT NULL AND device = ?2";
    return [{ index: "session_device", where, values: [tenant, textIn(device)] }];
  }
  return parts.map((part) => {
    const ended = part === "live" ? "ended_at IS NULL" : "ended_at IS NOT NULL";
    if (subject === undefined) {
      // `?2` is not asked for; naming it keeps the numbering of the others.
      const where = `${ended} AND ?2 IS NULL`;
      return { index: `session_tenant_${part}`, where, values: [tenant, null] };
    }
    const where = `${ended} AND subject = ?2`;
    return { index: `session_subject_${part}`, where, values: [tenant, textIn(subject)] };
  });
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

function newestFirst(a: Candidate, b: Candidate): number {
  return comparePlaces(b.session, a.session);
}

function comparePlaces(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** The earlier of a cursor's place and an exclusive upper bound of creation. */
function earlier(place: Place | undefined, createdBefore: number | undefined): Place | undefined {
  if (createdBefore === undefined) return place;
  const bound: Place = { createdAt: createdBefore, id: "" };
  return place === undefined || comparePlaces(bound, place) < 0 ? bound : place;
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

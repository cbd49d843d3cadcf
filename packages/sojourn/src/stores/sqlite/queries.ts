/**
 * Lists by keyset on stored, immutable columns. Rows come from an index in the order in which they
 * are shown; judging at `now` is the engine's, and one page looks at a bounded number of rows.
 */
import {
  comparePlaces,
  inState,
  PageInMaking,
  scanPlace,
  scanSize,
  startOf,
} from "../../engine/listing.ts";
import type { Place } from "../../engine/listing.ts";
import type {
  Page,
  PageOptions,
  ScanOptions,
  SessionFilter,
  SessionRef,
} from "../../engine/ports.ts";
import type { SessionSummary } from "../../engine/record.ts";
import { pack, unpack } from "../sql/packed.ts";
import { AFTER_SUMMARY } from "../sql/summary.ts";
import { decodeSummary, SUMMARY_COLUMNS } from "./codec.ts";
import type { Connection } from "./connection.ts";
import type { SqlValue } from "./driver.ts";
import { SUBJECT_EPOCH } from "./rows.ts";
import { textIn } from "./text.ts";

/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 5000;
/** Rows looked at for one count; beyond it the count is not exact. */
const COUNTED_MAX = 10_000;
const CHUNK_MAX = 500;

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
  const made = new PageInMaking(page.limit, SCANNED_PER_PAGE_MAX);
  const matches = inState(filter, page.now);
  const from = startOf(page.cursor, filter.createdBefore);
  for (const { session, subjectEpoch } of candidates(db, filter, from, made.wanted + 1)) {
    if (made.isFull) return made.done(true);
    made.add(session, matches(session, subjectEpoch) ? session : undefined);
  }
  return made.done(false);
}

/** Exact up to {@link COUNTED_MAX} rows; beyond that a lower bound, said so. */
export function countOf(
  db: Connection,
  filter: SessionFilter,
  now: number,
): { readonly count: number; readonly exact: boolean } {
  const matches = inState(filter, now);
  let count = 0;
  let scanned = 0;
  const from = startOf(undefined, filter.createdBefore);
  for (const { session, subjectEpoch } of candidates(db, filter, from, CHUNK_MAX)) {
    if (scanned >= COUNTED_MAX) return { count, exact: false };
    scanned += 1;
    if (matches(session, subjectEpoch)) count += 1;
  }
  return { count, exact: true };
}

const SCAN_CURSOR = /^(\d{1,15})\.(.+)$/s;
const SCAN =
  "SELECT id, tenant FROM session WHERE (id, tenant) > (?1, ?2) ORDER BY id, tenant LIMIT ?3";

/** Along the table's own key. */
export function scanOf(db: Connection, { cursor, limit }: ScanOptions): Page<SessionRef> {
  const [no = "", after = ""] = cursor === undefined ? [] : scanPlace(cursor, SCAN_CURSOR);
  const size = scanSize(limit);
  const rows = db.all(SCAN, cursor === undefined ? "" : pack(after), Number(no), size);
  const items = rows.map((row) => ({ tenant: db.tenantName(Number(row[1])), id: unpack(row[0]) }));
  const last = rows.length < size ? undefined : rows.at(-1);
  return last === undefined
    ? { items }
    : { items, cursor: `${Number(last[1])}.${unpack(last[0])}` };
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
    subjectEpoch: Number(row[AFTER_SUMMARY]),
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

function newestFirst(a: Candidate, b: Candidate): number {
  return comparePlaces(b.session, a.session);
}

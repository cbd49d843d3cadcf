/** Pages over rows: keyset cursors, filters, bounded work per page. */
import { summaryOf } from "../engine/liveness.ts";
import { ArgumentError } from "../engine/errors.ts";
import type { Page, SessionFilter } from "../engine/ports.ts";
import type { SessionSummary } from "../engine/record.ts";
import { assess } from "../engine/session.ts";
import { comparePlaces } from "./memory-order.ts";
import type { Place } from "./memory-order.ts";
import { isLiveRow, placeOf } from "./memory-table.ts";
import type { MemoryTable, Row } from "./memory-table.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 20_000;

/**
 * Take one page from rows that come newest first.
 *
 * @returns fewer items than asked for, and a cursor, when too many rows in a row did not match.
 */
export function pageOf(
  rows: Iterable<Row>,
  limit: number | undefined,
  matches: (row: Row) => boolean,
): Page<SessionSummary> {
  const wanted = Math.min(Math.max(limit ?? PAGE_DEFAULT, 1), PAGE_MAX);
  const items: SessionSummary[] = [];
  let scanned = 0;
  let last: Row | undefined;
  for (const row of rows) {
    if (last !== undefined && (items.length >= wanted || scanned >= SCANNED_PER_PAGE_MAX)) {
      return { items, cursor: cursorAfter(placeOf(last)) };
    }
    scanned += 1;
    last = row;
    if (matches(row)) items.push(summaryOf(row.stored.record));
  }
  return { items };
}

/** A subject's rows, newest first, from just before `place`. */
export function newestFirst(rows: readonly Row[], place: Place | undefined): readonly Row[] {
  const rest =
    place === undefined ? rows : rows.filter((row) => comparePlaces(placeOf(row), place) < 0);
  return rest.toSorted((a, b) => comparePlaces(placeOf(b), placeOf(a)));
}

/** Rows a filter may match, newest first: those of the subject, or of the tenant. */
export function candidates(
  table: MemoryTable,
  filter: SessionFilter,
  cursor: string | undefined,
): Iterable<Row> {
  const place = earlier(placeOfCursor(cursor), filter.createdBefore);
  const tenant = table.tenant(filter.tenant);
  if (tenant === undefined) return [];
  const rows =
    filter.subject === undefined
      ? tenant.order.before(place)
      : newestFirst(subjectRows(table, filter.tenant, filter.subject), place);
  return filter.createdFrom === undefined ? rows : notBefore(rows, filter.createdFrom);
}

function subjectRows(table: MemoryTable, tenant: string, name: string): readonly Row[] {
  const subject = table.subject(tenant, name);
  return subject === undefined ? [] : [...subject.live.toArray(), ...subject.ended.toArray()];
}

function* notBefore(rows: Iterable<Row>, createdFrom: number): Generator<Row, void, undefined> {
  for (const row of rows) {
    if (row.stored.record.createdAt < createdFrom) return;
    yield row;
  }
}

/** What a filter asks of a row at `now`, creation time aside. */
export function matcher(filter: SessionFilter, now: number): (row: Row) => boolean {
  const { device, state = "live" } = filter;
  return (row) => {
    const { record } = row.stored;
    if (device !== undefined && record.device?.id !== device) return false;
    if (state === "any") return true;
    if (state === "live") return isLiveRow(row, now);
    return assess(record, row.subject?.epoch ?? 0, now).state === state;
  };
}

function cursorAfter(place: Place): string {
  return `${place.createdAt}.${place.id}`;
}

const CURSOR: RegExp = /^(-?\d{1,16})\.(.+)$/s;

/** A cursor is a place in time, so one of another listing cannot show what is not asked for. */
export function placeOfCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [, createdAt, id] = CURSOR.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ArgumentError("page.cursor", "pass a cursor as a former page gave it, or none");
  }
  return { createdAt: Number(createdAt), id };
}

/** The earlier of a cursor's place and an exclusive upper bound of creation. */
function earlier(place: Place | undefined, createdBefore: number | undefined): Place | undefined {
  if (createdBefore === undefined) return place;
  const bound: Place = { createdAt: createdBefore, id: "" };
  return place === undefined || comparePlaces(bound, place) < 0 ? bound : place;
}

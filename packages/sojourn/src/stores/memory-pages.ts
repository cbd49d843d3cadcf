/** Pages over rows: keyset cursors, filters, bounded work per page. */
import {
  comparePlaces,
  inState,
  PageInMaking,
  scanPlace,
  scanSize,
  startOf,
} from "../engine/listing.ts";
import type { Place } from "../engine/listing.ts";
import { summaryOf } from "../engine/liveness.ts";
import type { Page, ScanOptions, SessionFilter, SessionRef } from "../engine/ports.ts";
import type { SessionSummary } from "../engine/record.ts";
import { placeOf } from "./memory-table.ts";
import type { MemoryTable, Row } from "./memory-table.ts";

/** Rows looked at for one page: a rare filter gives short pages, never a long stall. */
const SCANNED_PER_PAGE_MAX = 20_000;
const SCAN_CURSOR = /^(\d{1,9})\.(-?\d{1,16})\.(.+)$/s;

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
  const page = new PageInMaking(limit, SCANNED_PER_PAGE_MAX);
  for (const row of rows) {
    if (page.isFull) return page.done(true);
    page.add(placeOf(row), matches(row) ? summaryOf(row.stored.record) : undefined);
  }
  return page.done(false);
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
  const place = startOf(cursor, filter.createdBefore);
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

/** Tenant after tenant, each from its newest session on. */
export function scanOf(table: MemoryTable, { cursor, limit }: ScanOptions): Page<SessionRef> {
  const names = table.tenantNames;
  let index = 0;
  let place: Place | undefined;
  if (cursor !== undefined) {
    const [at = "", createdAt = "", id = ""] = scanPlace(cursor, SCAN_CURSOR);
    index = Number(at);
    place = { createdAt: Number(createdAt), id };
  }
  const items: SessionRef[] = [];
  for (; index < names.length; index += 1) {
    const tenant = names[index] ?? "";
    for (const row of table.tenant(tenant)?.order.before(place) ?? []) {
      const at = placeOf(row);
      items.push({ tenant, id: at.id });
      if (items.length < scanSize(limit)) continue;
      return { items, cursor: `${index}.${at.createdAt}.${at.id}` };
    }
    place = undefined;
  }
  return { items };
}

/** What a filter asks of a row at `now`, creation time aside. */
export function matcher(filter: SessionFilter, now: number): (row: Row) => boolean {
  const { device } = filter;
  const matches = inState(filter, now);
  return ({ stored: { record }, subject }) =>
    (device === undefined || record.device?.id === device) && matches(record, subject?.epoch ?? 0);
}

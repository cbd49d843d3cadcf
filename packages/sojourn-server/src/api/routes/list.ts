/** Backend group: sessions of a tenant, by what the store knows or by the search index. */
import type { Page, SessionFilter, SessionSummary } from "sojourn";
import type { z } from "zod";
import { present } from "../../config/present.ts";
import type { SearchFilter } from "../../search/facets.ts";
import { unwrapCursor, wrapCursor } from "../cursor.ts";
import { answers, backend } from "../documents.ts";
import { callerOf } from "../guards.ts";
import { invalid } from "../problems.ts";
import { listQuery, sessionPage } from "../schemas.ts";
import { freshnessView, searchFilter } from "../search-query.ts";
import type { App, House } from "../types.ts";
import { descriptionView, instant, summaryView } from "../views.ts";

type ListQuery = z.infer<typeof listQuery>;

/** What a list is of, and in which order: a cursor is bound to all of it. */
interface Listing {
  readonly tenant: string;
  readonly filter: SearchFilter;
  readonly sort: ListQuery["sort"];
}

/** What every store that answers queries has columns for. */
const COLUMNS: ReadonlySet<string> = new Set([
  "subject",
  "device",
  "state",
  "createdFrom",
  "createdBefore",
]);
/** Counted one by one up to here. */
const COUNTED_MAX = 10_000;
const PAGE_MAX = 200;
const ESTIMATED_MAX = 100_000;

export function listRoute(app: App, house: House): void {
  app.get(
    "/v1/sessions",
    {
      config: { scope: "sessions:read" },
      schema: {
        ...backend,
        operationId: "listSessions",
        summary: "List sessions, newest first; live ones unless `state` says otherwise",
        description:
          "Everything that is given must hold. What the session store cannot answer itself is " +
          "found by an index that lags behind it by moments; `index` then says by how much. A " +
          "page may be short, or empty: only without `nextCursor` it is the last.",
        querystring: listQuery,
        response: answers(sessionPage, "A page; `nextCursor` leads to the next."),
      },
    },
    (request) => list(house, callerOf(request).tenant, request.query),
  );
}

async function list(house: House, tenant: string, query: ListQuery): Promise<object> {
  const { cursor, limit, count, sort, ...rest } = query;
  const filter = searchFilter(rest);
  const { state, reason } = filter;
  if (reason !== undefined && state !== undefined && state !== "ended" && state !== "any") {
    throw invalid("reason", "belongs to ended sessions: leave state out, or ended");
  }
  const listing = { tenant, filter, sort };
  const bound = [tenant, sort, Object.entries(filter).toSorted(([a], [b]) => (a < b ? -1 : 1))];
  const place = cursor === undefined ? undefined : unwrapCursor(bound, cursor);
  const page = byStore(house, listing)
    ? await fromStore(house, listing, { limit, place, count })
    : await fromIndex(house, listing, { limit, place, count });
  const { next, ...shown } = page;
  return {
    ...shown,
    ...(next === undefined ? {} : { nextCursor: wrapCursor(bound, next) }),
    serverTime: instant(house.now()),
  };
}

/** Whether the store has columns for all that is asked, so that the answer is of this moment. */
function byStore(house: House, { filter, sort }: Listing): boolean {
  const { subject, state = "live" } = filter;
  const columns = Object.keys(filter).every((name) => COLUMNS.has(name));
  if (sort !== "-createdAt" || !columns) return false;
  return house.search.storeAnswers || (subject !== undefined && state === "live");
}

interface Wanted {
  readonly limit: number;
  readonly place: string | undefined;
  readonly count: ListQuery["count"];
}

interface Answered {
  readonly items: readonly object[];
  readonly index?: object;
  readonly next: string | undefined;
}

async function fromStore(
  house: House,
  { tenant, filter }: Listing,
  { limit, place, count }: Wanted,
): Promise<Answered> {
  const { subject, device, state, createdFrom, createdBefore } = filter;
  const facets = present({ subject, device, state, createdFrom, createdBefore });
  const asked: SessionFilter = { tenant, ...facets };
  const options = { limit, ...(place === undefined ? {} : { cursor: place }) };
  const page: Page<SessionSummary> = await house.sessions.query(asked, options);
  const counted = count === "none" ? undefined : await house.sessions.count(asked);
  const now = house.now();
  return {
    items: page.items.map((summary) => summaryView(summary, now)),
    ...(counted === undefined ? {} : { count: { value: counted.count, exact: counted.exact } }),
    next: page.cursor,
  };
}

async function fromIndex(
  house: House,
  listing: Listing,
  { limit, place, count }: Wanted,
): Promise<Answered> {
  const { tenant, filter, sort } = listing;
  // Asked before the pages: the answer is at least as fresh as it says.
  const freshness = await house.search.freshness();
  const order = sort === "createdAt" ? "oldest" : "newest";
  const page = await house.search.page(tenant, filter, { limit, order, cursor: place });
  const counted = await countOf(house, listing, count);
  const now = house.now();
  return {
    items: page.items.map((description) => descriptionView(description, now)),
    ...present({ count: counted }),
    index: freshnessView(freshness, now),
    next: page.cursor,
  };
}

/** `exact`: each one looked at, as long as they are not too many. */
async function countOf(
  house: House,
  { tenant, filter }: Listing,
  wanted: Wanted["count"],
): Promise<{ value: number; exact: boolean } | undefined> {
  if (wanted === "none") return undefined;
  if (wanted === "estimate") {
    const { count } = await house.search.count(tenant, filter, ESTIMATED_MAX);
    return { value: count, exact: false };
  }
  let value = 0;
  let cursor: string | undefined;
  do {
    const page = await house.search.page(tenant, filter, { limit: PAGE_MAX, cursor });
    value += page.items.length;
    ({ cursor } = page);
  } while (cursor !== undefined && value < COUNTED_MAX);
  return { value, exact: cursor === undefined };
}

/**
 * Pages of a search. The index proposes sessions, the store says what they are now: what is shown
 * is never older than the answer, and only what is very new may be missing.
 */
import { ArgumentError } from "sojourn";
import type { Description, Sessions } from "sojourn";
import { matches } from "./facets.ts";
import type { SearchFilter } from "./facets.ts";
import { bytesOf } from "./index-table.ts";
import type { Candidate, IndexPlace, IndexTable, Order, Range } from "./index-table.ts";
import type { Source, Terms } from "./terms.ts";

export interface SearchPage {
  readonly items: readonly Description[];
  readonly cursor?: string;
}

export interface PageWanted {
  /** 1–200. */
  readonly limit: number;
  readonly cursor?: string | undefined;
  /** Default: newest first. */
  readonly order?: Order | undefined;
}

/** What is asked for, and of whom. */
export interface Asked {
  readonly tenant: string;
  readonly filter: SearchFilter;
}

export interface FinderParts {
  readonly sessions: Pick<Sessions, "describe">;
  readonly table: IndexTable;
  readonly terms: Terms;
}

/** Rows looked at for one page: a rare pair of facets gives short pages, never a long stall. */
const SCANNED_MAX = 2_000;
const CHUNK = 1_000;
/** Of so many rows of the rarest term one is guessed to have the others. */
const HITS_IN = 4;
/** Sessions looked up for one page: each is a read of the store. */
const LOOKED_UP_MAX = 1_000;
/** Far enough to tell a rare term from a common one. */
const PROBED = 2_000;
const CURSOR = /^(-?\d{1,16})\.([^\n]{1,512})$/;

/** @throws {ArgumentError} for a cursor that is none. */
export async function searchPage(
  parts: FinderParts,
  asked: Asked,
  { limit, order = "newest", cursor }: PageWanted,
): Promise<SearchPage> {
  const items: Description[] = [];
  let lookedUp = 0;
  let scanned = 0;
  const from = { order, after: placeOf(cursor) };
  for await (const { rows, last } of chunks(parts, asked, from, limit)) {
    let at = 0;
    while (at < rows.length) {
      const { hits, next } = nextHits(rows, at, limit - items.length);
      items.push(...(await lookUp(parts, asked, hits)));
      at = next;
      lookedUp += hits.length;
      if (at === rows.length && last === undefined) return { items };
      if (items.length >= limit || lookedUp >= LOOKED_UP_MAX) return upTo(rows[at - 1], items);
    }
    scanned += rows.length;
    if (last !== undefined && scanned >= SCANNED_MAX) return upTo(last, items);
  }
  return { items };
}

/** At least so many sessions: what is filed, whatever has become of it; `most` at most. */
export async function searchCount(
  parts: FinderParts,
  asked: Asked,
  most: number,
): Promise<{ readonly count: number; readonly exact: boolean }> {
  const from = { order: "newest", after: undefined } as const;
  let count = 0;
  let scanned = 0;
  for await (const { rows } of chunks(parts, asked, from, CHUNK)) {
    count += rows.filter(({ hit }) => hit).length;
    scanned += rows.length;
    if (scanned >= most) return { count, exact: false };
  }
  return { count, exact: true };
}

function upTo(last: IndexPlace | undefined, items: readonly Description[]): SearchPage {
  return last === undefined ? { items } : { items, cursor: `${last.createdAt}.${last.id}` };
}

function placeOf(cursor: string | undefined): IndexPlace | undefined {
  if (cursor === undefined) return undefined;
  const [, createdAt, id] = CURSOR.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ArgumentError("page.cursor", "pass a cursor as a former page gave it, or none");
  }
  return { createdAt: Number(createdAt), id };
}

function nextHits(
  rows: readonly Candidate[],
  from: number,
  most: number,
): { readonly hits: readonly Candidate[]; readonly next: number } {
  const hits: Candidate[] = [];
  let at = from;
  for (; at < rows.length && hits.length < most; at += 1) {
    const row = rows[at];
    if (row?.hit === true) hits.push(row);
  }
  return { hits, next: at };
}

/** What is no longer there has no description, nor what another tenant has under the same term. */
async function lookUp(
  { sessions }: FinderParts,
  { tenant, filter }: Asked,
  hits: readonly Candidate[],
): Promise<readonly Description[]> {
  const looked = hits.map(({ id }) => sessions.describe(`ses_${id}`, { tenant }));
  const found = await Promise.all(looked);
  return found.filter((one) => one !== undefined).filter((one) => matches(filter, one));
}

interface Met {
  readonly rows: readonly Candidate[];
  /** Where these rows end; absent: there are no more. */
  readonly last: IndexPlace | undefined;
}

/** Rows of all sources in one order. @param first How many are likely to be enough. */
async function* chunks(
  { table, terms }: FinderParts,
  { tenant, filter }: Asked,
  from: Pick<Range, "order" | "after">,
  first: number,
): AsyncGenerator<Met> {
  const { createdFrom, createdBefore } = filter;
  const sources: Source[] = [];
  for (const source of terms.sources(tenant, filter)) {
    sources.push(await rarestFirst(table, source));
  }
  const single = sources.every((source) => source.length === 1);
  let size = single ? first + 1 : Math.min(CHUNK, first * HITS_IN);
  let { after } = from;
  for (;;) {
    const range = { order: from.order, after, createdFrom, createdBefore };
    const rows = await merged(table, sources, range, size);
    const last = rows.length < size ? undefined : rows.at(-1);
    yield { rows, last };
    if (last === undefined) return;
    after = last;
    size = CHUNK;
  }
}

/** One source after the other, so that a session that ends meanwhile is met twice, never missed. */
async function merged(
  table: IndexTable,
  sources: readonly Source[],
  range: Range,
  size: number,
): Promise<readonly Candidate[]> {
  const [first = [], ...others] = sources;
  const rows = await table.candidates(first, range, size);
  if (others.length === 0) return rows;
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const source of others) {
    for (const row of await table.candidates(source, range, size)) {
      if (byId.get(row.id)?.hit !== true) byId.set(row.id, row);
    }
  }
  const sign = range.order === "newest" ? -1 : 1;
  return [...byId.values()].toSorted((a, b) => sign * compare(a, b)).slice(0, size);
}

function compare(a: IndexPlace, b: IndexPlace): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return Buffer.compare(bytesOf(a.id), bytesOf(b.id));
}

async function rarestFirst(table: IndexTable, source: Source): Promise<Source> {
  if (source.length < 2) return source;
  const counted: { readonly term: number; readonly rows: number }[] = [];
  for (const term of source) counted.push({ term, rows: await table.probe(term, PROBED) });
  return counted.toSorted((a, b) => a.rows - b.rows).map(({ term }) => term);
}

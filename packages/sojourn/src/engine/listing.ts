/**
 * Lists of sessions by keyset on what never changes: creation, then id, newest first. What a filter
 * asks of a session, where a page begins, and when it is full.
 */
import { ArgumentError } from "./errors.ts";
import { isLive } from "./liveness.ts";
import type { Page, SessionFilter } from "./ports.ts";
import type { SessionSummary } from "./record.ts";
import { assess } from "./session.ts";

export const PAGE_MAX = 200;
const PAGE_DEFAULT = 50;
const SCAN_DEFAULT = 500;
const SCAN_MAX = 1000;
const CURSOR: RegExp = /^(-?\d{1,16})\.(.+)$/s;

/** What lists are ordered by. Neither field ever changes. */
export interface Place {
  readonly createdAt: number;
  readonly id: string;
}

/** Ascending by creation. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** How many items a page is to have. */
export function pageSize(limit: number | undefined): number {
  return Math.min(Math.max(limit ?? PAGE_DEFAULT, 1), PAGE_MAX);
}

/** How many sessions a page of a scan is to have. */
export function scanSize(limit: number | undefined): number {
  return Math.min(Math.max(limit ?? SCAN_DEFAULT, 1), SCAN_MAX);
}

/** @throws {ArgumentError} unless it is a text that the pattern takes. */
export function scanPlace(cursor: string, pattern: RegExp): readonly string[] {
  const [, ...parts] = pattern.exec(cursor) ?? [];
  if (parts.length > 0) return parts;
  throw new ArgumentError("page.cursor", "pass a cursor as a former page gave it, or none");
}

export function cursorAfter({ createdAt, id }: Place): string {
  return `${createdAt}.${id}`;
}

/** A cursor is a place in time, so one of another listing cannot show what is not asked for. */
export function placeOfCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const [, createdAt, id] = CURSOR.exec(cursor) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ArgumentError("page.cursor", "pass a cursor as a former page gave it, or none");
  }
  return { createdAt: Number(createdAt), id };
}

/** Where a list begins, exclusively: a cursor's place or the filter's bound, the earlier one. */
export function startOf(
  cursor: string | undefined,
  createdBefore: number | undefined,
): Place | undefined {
  const place = placeOfCursor(cursor);
  if (createdBefore === undefined) return place;
  const bound: Place = { createdAt: createdBefore, id: "" };
  return place === undefined || comparePlaces(bound, place) < 0 ? bound : place;
}

/** Whether a session, under its subject's epoch, is in the state that the filter asks for. */
export function inState(
  { state = "live" }: SessionFilter,
  now: number,
): (session: SessionSummary, subjectEpoch: number) => boolean {
  if (state === "any") return () => true;
  if (state === "live") return (session, subjectEpoch) => isLive(session, subjectEpoch, now);
  return (session, subjectEpoch) => assess(session, subjectEpoch, now).state === state;
}

/**
 * A page being filled with what comes newest first. It is short, and has a cursor, when too many in
 * a row did not match: a rare filter never makes a long stall.
 */
export class PageInMaking {
  readonly #items: SessionSummary[] = [];
  readonly wanted: number;
  readonly #lookedAtMax: number;
  #lookedAt = 0;
  #last: Place | undefined;

  constructor(limit: number | undefined, lookedAtMax: number) {
    this.wanted = pageSize(limit);
    this.#lookedAtMax = lookedAtMax;
  }

  get isFull(): boolean {
    return this.#items.length >= this.wanted || this.#lookedAt >= this.#lookedAtMax;
  }

  /** @param item What is at this place, where it matches. */
  add(place: Place, item: SessionSummary | undefined): void {
    this.#lookedAt += 1;
    this.#last = place;
    if (item !== undefined) this.#items.push(item);
  }

  /** @param more Whether anything follows what was added last. */
  done(more: boolean): Page<SessionSummary> {
    const items = this.#items;
    return more && this.#last ? { items, cursor: cursorAfter(this.#last) } : { items };
  }
}

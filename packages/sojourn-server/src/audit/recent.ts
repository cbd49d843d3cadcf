/** The newest entries of a tenant, back to an instant: what costs as much as it finds. */
import type { ReadEntry, TrailReader } from "./trail-reader.ts";

export interface Recent {
  /** Oldest first. */
  readonly entries: readonly ReadEntry[];
  /** False: there were more than were asked for, and the oldest of them are missing. */
  readonly complete: boolean;
}

const PAGE = 500;
/** An entry that waited in a spool comes into the trail behind younger ones. */
const LATE_MS = 60 * 60 * 1_000;

/** @param max How many at most, the newest. */
export async function recentEntries(
  trail: TrailReader,
  tenant: string,
  from: number,
  max: number,
): Promise<Recent> {
  const found: ReadEntry[] = [];
  let before: number | undefined;
  for (;;) {
    const { items, next } = await trail.page({ tenant }, PAGE, before);
    for (const entry of items) if (entry.at >= from) found.push(entry);
    const oldest = items.at(-1);
    const over = oldest === undefined || oldest.at < from - LATE_MS;
    if (found.length > max) return { entries: found.slice(0, max).toReversed(), complete: false };
    if (over || next === undefined) return { entries: found.toReversed(), complete: true };
    before = next;
  }
}

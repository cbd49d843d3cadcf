import type { Row } from "./memory-table.ts";

/** Rows of one subject, linked through the rows themselves: most subjects have one or two. */
export class RowList {
  #newest: Row | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(row: Row): void {
    row.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = row;
    this.#newest = row;
    this.#size += 1;
  }

  /** Only of the list the row is in. */
  remove(row: Row): void {
    if (row.newer !== undefined) row.newer.older = row.older;
    else this.#newest = row.older;
    if (row.older !== undefined) row.older.newer = row.newer;
    row.newer = undefined;
    row.older = undefined;
    this.#size -= 1;
  }

  /** A snapshot, the last entered first: the list may change while it is worked through. */
  toArray(): Row[] {
    const rows: Row[] = [];
    for (let row = this.#newest; row !== undefined; row = row.older) rows.push(row);
    return rows;
  }
}

/** The log of changes as statements write it: always in the transaction of the change itself. */
import type { SessionEnd } from "../../engine/record.ts";

/** Begins an `INSERT … SELECT` of rows for the log. */
export const APPEND = "INSERT INTO sojourn.change (tenant, what, id, subject, detail)";

export function endDetail(end: SessionEnd): string {
  return JSON.stringify(end);
}

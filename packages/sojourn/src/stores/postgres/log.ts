/** The log of changes as statements write it: always in the transaction of the change itself. */
import type { SessionEnd } from "../../engine/record.ts";

/** `change.what`. Stored: add, never renumber. */
export const CHANGE = {
  created: 1,
  changed: 2,
  data: 3,
  ended: 4,
  subject: 5,
  /** Like `subject`, scrubbed soon because it names somebody who was erased. */
  erased: 6,
} as const;

/** Begins an `INSERT … SELECT` of rows for the log. */
export const APPEND = "INSERT INTO sojourn.change (tenant, what, id, subject, detail)";

export function endDetail(end: SessionEnd): string {
  return JSON.stringify(end);
}

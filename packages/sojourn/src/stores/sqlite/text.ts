/** Texts that callers chose, as columns keep them. */
import type { SqlValue } from "./driver.ts";

/**
 * A caller's text as a column keeps it: Node 22 cuts text at a NUL when it reads, and `alice` must
 * never come out of a longer name. Columns of such texts are of type ANY.
 */
export function textIn(text: string | null): SqlValue {
  return text?.includes("\0") === true ? new Uint8Array(Buffer.from(text)) : text;
}

/** The text that {@link textIn} was given. */
export function textOut(value: SqlValue | undefined): string | null {
  if (value === null || value === undefined) return null;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}

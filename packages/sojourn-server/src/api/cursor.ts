/** Opaque cursors, bound to the listing they come from: one of another filter is refused. */
import { createHash } from "node:crypto";
import { invalid } from "./problems.ts";

const BINDING_CHARS = 11;

function bindingOf(listing: readonly unknown[]): string {
  const hash = createHash("sha256").update(JSON.stringify(listing)).digest("base64url");
  return hash.slice(0, BINDING_CHARS);
}

/** @param listing Tenant and filter, in a fixed order. */
export function wrapCursor(listing: readonly unknown[], cursor: string): string {
  return bindingOf(listing) + Buffer.from(cursor, "utf8").toString("base64url");
}

/** @throws {Refusal} 400 for a cursor of another listing, or of none. */
export function unwrapCursor(listing: readonly unknown[], cursor: string): string {
  if (cursor.startsWith(bindingOf(listing))) {
    return Buffer.from(cursor.slice(BINDING_CHARS), "base64url").toString("utf8");
  }
  throw invalid("cursor", "is of another listing; start again without it");
}

/** What to say of a field that does not exist. */
import { nearest } from "../config/nearest.ts";
import { createBody, listQuery, patchBody, verifyBody } from "./schemas.ts";

const BODY_FIELDS: readonly string[] = [
  ...new Set([createBody, verifyBody, patchBody].flatMap((schema) => Object.keys(schema.shape))),
];
const QUERY_FIELDS: readonly string[] = Object.keys(listQuery.shape);

/** Ids and secrets are made here: whoever tries to bring one is told so (ID-14). */
const OURS: ReadonlySet<string> = new Set(["id", "secret", "sessionId", "sid"]);

export function unknownFieldHint(path: string, context: string): string {
  const last = path.slice(path.lastIndexOf(".") + 1);
  if (context === "body" && OURS.has(last)) {
    return "does not exist; id and secret of a session are made by the service";
  }
  const guess = nearest(last, context === "querystring" ? QUERY_FIELDS : BODY_FIELDS);
  return guess === undefined ? "does not exist" : `does not exist; did you mean ${guess}?`;
}

/**
 * Every difference that is meant. The suite fails for a difference that is not here, for an entry
 * that no case shows, and for a heading that is not in the guide's page of differences.
 */
import { implementations } from "./support/implementations.ts";

export interface Intended {
  /** A heading of docs/guide/express-session-differences.md. */
  readonly heading: string;
  readonly reason: string;
  /** Matches `name of the case (kind of store)`, or the name of a probe. */
  readonly cases: RegExp;
  /** Stands in what only upstream shows. */
  readonly upstream: string;
  /** Stands in what only ours shows. */
  readonly ours: string;
}

export const PAGE = "docs/guide/express-session-differences.md";

const ENDED = "A session that ended does not come back";
const WRITES = "Parallel requests keep each other's writes";

export const intended: readonly Intended[] = [
  {
    heading: WRITES,
    reason: "upstream writes the whole session over what others wrote since it was loaded",
    cases: /^a loaded session's methods, all saved \(spied\)$/,
    upstream: '"n":1}, function)',
    ours: '"n":1,"loaded":true}, function)',
  },
  {
    heading: ENDED,
    reason: "upstream's save of an object in hand writes the row of a destroyed session anew",
    cases: /^(destroy, then save|regenerate, then the old session's save)(,.*)? \(spied\)$/,
    upstream: "save calls back",
    ours: "save calls back SessionEndedError",
  },
  {
    heading: ENDED,
    reason: "upstream's save at the end of the request writes the row of a destroyed session anew",
    cases:
      /^(the store's destroy behind the session's back, all saved|a change after the store's destroy(, maxAge and rolling|, all saved)?) \(spied\)$/,
    upstream: "id-1: {",
    ours: "get answers null, undefined",
  },
  {
    heading: "`reload` after `destroy` calls back",
    reason: "upstream throws in the store's callback, which ends the process",
    cases: /^destroy, then reload/,
    upstream: "get's callback throws TypeError",
    ours: "reload calls back Error: failed to load session",
  },
  {
    heading: "`save` and `reload` return the session",
    reason: "upstream's documentation and types say so; its wrapped methods return nothing",
    cases: /^what methods return/,
    upstream: "[false,false,true]",
    ours: "[true,true,true]",
  },
  {
    heading: "A cookie may be named like a method of objects",
    reason: "upstream finds Object.prototype's method where the cookie is missing, and throws",
    cases: /^a name of a method of objects/,
    upstream: "500 Internal Server Error",
    ours: "200 OK",
  },
  {
    heading: "HTTP/2 works",
    reason: "upstream calls a method that responses of node:http2 do not have, and throws",
    cases: /^HTTP\/2/,
    upstream: "failed TypeError",
    ours: ":status: 200",
  },
  {
    heading: "`MemoryStore` puts the cookie first",
    reason: "rows are put together key by key; no program reads an order of keys",
    cases: /^save of a bare session$/,
    upstream: '{"a":1,"cookie":',
    ours: '"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"a":1}',
  },
  {
    heading: "`MemoryStore` answers sooner",
    reason: "at the end of the turn and not in the next one; the caller has returned all the same",
    cases: /^when a MemoryStore answers$/,
    upstream: "caller,tick,answer",
    ours: "caller,answer,tick",
  },
];

/** Differences that tests of their own show, with both results. */
export const shownElsewhere: readonly string[] = [
  WRITES,
  ENDED,
  "In production, `MemoryStore` warns in its own words",
];

/** @returns what is wrong with these differences; `""` when none is, or all are meant. */
export function judged(name: string, found: readonly string[]): string {
  // Something in the place of ours has to be as upstream is, without exceptions.
  if (!implementations.isOurs) return found.join("\n");
  const entry = intended.find(({ cases }) => cases.test(name));
  if (entry === undefined) return found.join("\n");
  if (found.length === 0) return `listed under "${entry.heading}", and nothing differs`;
  const missing = (["upstream", "ours"] as const).filter(
    (side) => !found.some((line) => line.includes(`${side}: `) && line.includes(entry[side])),
  );
  if (missing.length === 0) return "";
  const said = missing.map((side) => `${side}: ${entry[side]}`);
  return [`"${entry.heading}" says otherwise:`, ...said, "found:", ...found].join("\n");
}

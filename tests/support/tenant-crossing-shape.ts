/** What an answer is, but for ids, times, and what was asked. */
import type { Answer } from "../integration/service-harness.ts";

export interface Asked {
  readonly answer: Answer;
  /** What was put into the slots: it may be told back. */
  readonly given: readonly string[];
}

/** A word like `Bearer` says nothing of anybody. */
function isLong(text: string): boolean {
  return text.length > 8;
}

const HEARD = new Set(["audit", "sample"]);
const COUNTED = new Set(["seq", "position", "ageSeconds", "jti", "nextCursor", "epoch"]);

export function shapeOf({ answer, given }: Asked): unknown {
  const { status, headers, text } = answer;
  const told = ["content-type", "cache-control", "www-authenticate", "retry-after", "allow"];
  const names = Object.keys(headers).filter((name) => !/^(date|keep-alive|etag)$/.test(name));
  return {
    status,
    names: names.filter((name) => name !== "content-length").toSorted(),
    headers: told.map((name) => masked(String(headers[name] ?? ""), given)),
    body: bodyOf(masked(text, given), String(headers["content-type"])),
  };
}

function masked(text: string, given: readonly string[]): string {
  let shown = text;
  // The longest first: one may be a part of another.
  for (const value of given.toSorted((one, two) => two.length - one.length)) {
    if (value === "") continue;
    shown = shown.replaceAll(value, "<given>").replaceAll(encodeURIComponent(value), "<given>");
  }
  return shown
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<at>")
    .replaceAll(/mark-\d+-[a-z0-9]+/g, "<mark>")
    .replaceAll(/(?:ses|lck|whk|op)_[\w-]{16,24}/g, "<id>")
    .replaceAll(/whsec_[\w+/=]+/g, "<secret>")
    .replaceAll(/"id":"[\w-]{24}"/g, '"id":"<id>"')
    .replaceAll(/"k-[\w-]{12}"/g, '"<name>"')
    .replaceAll(/sj1\w_[\w-]+/g, "<token>")
    .replaceAll(/"dpop-nonce":"[\w-]+"/g, '"dpop-nonce":"<nonce>"')
    .replaceAll(/(challenge|authorization)=\\*"[\w-]+/g, "$1=<mark>")
    .replaceAll(/eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, "<jwt>");
}

function bodyOf(text: string, type: string): unknown {
  // Lines, of which more come all the time.
  if (!/json/.test(type) || type.includes("ndjson")) return text === "" ? "" : "some text";
  return plainly(JSON.parse(text));
}

function plainly(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map((one) => plainly(one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (COUNTED.has(name) || typeof inner === "number") return [name, "<n>"];
      // Of one's own subject the trail, and the index, may have heard meanwhile.
      if (HEARD.has(name) && Array.isArray(inner)) return [name, "<entries>"];
      // Which one is the newest of one's own is no matter: only whether there is any.
      if (name === "items" && Array.isArray(inner)) return [name, inner.length > 0];
      return [name, plainly(inner)];
    }),
  );
}

/** Every text in a value that was sent. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value, ...value.split(/[ "=]/)].filter(isLong);
  return typeof value === "object" && value !== null
    ? Object.values(value).flatMap((inner) => textsOf(inner))
    : [];
}

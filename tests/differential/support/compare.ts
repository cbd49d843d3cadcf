/** Both implementations through one case, and what differs between the transcripts. */
import { implementations } from "./implementations.ts";
import { SECRET, signed } from "./text.ts";
import type { Case, StoreKind, Transcript } from "./types.ts";
import { Run } from "./world.ts";
import type { Site } from "./world.ts";

export interface Pair {
  readonly upstream: Transcript;
  readonly ours: Transcript;
}

export async function both(one: Case, kind: StoreKind, site: Site): Promise<Pair> {
  const { upstream, subject } = implementations;
  return {
    upstream: withoutRandomness(await new Run(one, kind, upstream, site).run()),
    ours: withoutRandomness(await new Run(one, kind, subject, site).run()),
  };
}

const COOKIE = /s%3A([\w-]{32})\.([A-Za-z0-9%]+)/g;
const RANDOM_ID = /(?:(?<![\w-])|(?<=s%3A))[\w-]{32}(?![\w-])/g;

/**
 * Random ids of 24 bytes become `sid-1`, `sid-2`… in the order they are first seen, and genuine
 * signatures of them `mac`. What has another length, or a wrong signature, stays and so differs.
 */
function withoutRandomness(transcript: Transcript): Transcript {
  const names = new Map<string, string>();
  const text = JSON.stringify(transcript)
    .replaceAll(COOKIE, (cookie, sid: string) => {
      return cookie === signed(sid, SECRET) ? `s%3A${sid}.mac` : cookie;
    })
    .replaceAll(RANDOM_ID, (sid) => {
      const name = names.get(sid) ?? `sid-${names.size + 1}`;
      names.set(sid, name);
      return name;
    });
  return JSON.parse(text) as Transcript;
}

/** What stands in one transcript and not in the other, by request; none when they are the same. */
export function differences({ upstream, ours }: Pair): string[] {
  const [expected, found] = [partsOf(upstream), partsOf(ours)];
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((part) => {
    const [theirs, own] = [expected.get(part) ?? [], found.get(part) ?? []];
    if (JSON.stringify(theirs) === JSON.stringify(own)) return [];
    const lines = [
      ...without(theirs, own).map((line) => `  upstream: ${cut(line)}`),
      ...without(own, theirs).map((line) => `  ours: ${cut(line)}`),
    ];
    const reordered = [`  upstream: ${cut(theirs.join(" | "))}`, `  ours: ${cut(own.join(" | "))}`];
    return [part, ...(lines.length === 0 ? reordered : lines)];
  });
}

const LINE_CHARS = 500;

function cut(line: string): string {
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}… (${line.length})` : line;
}

/** The lines of `all` that are not among `others`, each as often as it is missing. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return all.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** A transcript in parts, each under the place where it stands. */
function partsOf(transcript: Transcript): Map<string, readonly string[]> {
  const parts = new Map<string, readonly string[]>();
  parts.set("building the middleware", [transcript.refused ?? "is accepted"]);
  for (const { request, events, response } of transcript.exchanges) {
    parts.set(`${request}: events`, events);
    parts.set(`${request}: response`, response);
  }
  parts.set("outside of requests", transcript.aside);
  parts.set(
    "the store at the end",
    Object.entries(transcript.contents).map(([sid, row]) => `${sid}: ${String(row)}`),
  );
  return parts;
}

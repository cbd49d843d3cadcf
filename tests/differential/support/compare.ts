/** Both implementations through one case, and what differs between the transcripts. */
import { implementations } from "./implementations.ts";
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

/** Random ids of 24 bytes become `sid-1`, `sid-2`… in the order they are first seen; so do the
 * signatures that follow them. What has another length stays as it is, and so differs. */
function withoutRandomness(transcript: Transcript): Transcript {
  const names = new Map<string, string>();
  const text = JSON.stringify(transcript)
    .replaceAll(/(?:(?<![\w-])|(?<=s%3A))[\w-]{32}(?![\w-])/g, (sid) => {
      const name = names.get(sid) ?? `sid-${names.size + 1}`;
      names.set(sid, name);
      return name;
    })
    .replaceAll(/(s%3Asid-\d+)\.[A-Za-z0-9%]+/g, "$1.mac");
  return JSON.parse(text) as Transcript;
}

/** Every line that differs, with where it stands; none when the two are the same. */
export function differences({ upstream, ours }: Pair): string[] {
  const [expected, found] = [linesOf(upstream), linesOf(ours)];
  const places = [...new Set([...expected.keys(), ...found.keys()])];
  return places
    .filter((place) => expected.get(place) !== found.get(place))
    .map((place) => {
      const [theirs, own] = [expected.get(place), found.get(place)].map((line) => cut(line));
      return `${place}\n    upstream: ${theirs}\n    ours:     ${own}`;
    });
}

const LINE_CHARS = 600;

function cut(line: string | undefined): string {
  if (line === undefined) return "(nothing)";
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}… (${line.length})` : line;
}

/** A transcript as lines, each under the place where it stands. */
function linesOf(transcript: Transcript): Map<string, string> {
  const lines = new Map<string, string>([["refused", transcript.refused ?? ""]]);
  const add = (place: string, all: readonly string[]): void => {
    for (const [at, line] of all.entries()) lines.set(`${place} ${at + 1}`, line);
  };
  for (const { request, events, response } of transcript.exchanges) {
    add(`${request}, event`, events);
    add(`${request}, line`, response);
  }
  add("aside", transcript.aside);
  add("the order of requests", transcript.exchanges.map(({ request }) => request));
  for (const [sid, row] of Object.entries(transcript.contents)) {
    lines.set(`store, ${sid}`, String(row));
  }
  return lines;
}

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
    upstream: await new Run(one, kind, upstream, site).run(),
    ours: await new Run(one, kind, subject, site).run(),
  };
}

/** Random ids of 24 bytes become `sid-1`, `sid-2`… in the order they are first seen; so do the
 * signatures that follow them. What has another length stays as it is, and so differs. */
export function withoutRandomness(transcript: Transcript): Transcript {
  const names = new Map<string, string>();
  const text = JSON.stringify(transcript)
    .replaceAll(/(?<![\w-])[\w-]{32}(?![\w-])/g, (sid) => {
      const name = names.get(sid) ?? `sid-${names.size + 1}`;
      names.set(sid, name);
      return name;
    })
    .replaceAll(/(s%3Asid-\d+)\.[A-Za-z0-9%]+/g, "$1.mac");
  return JSON.parse(text) as Transcript;
}

/**
 * The streams of changes, one for each hash tag: entries `0-1`, `0-2`, … without a hole, so that
 * whoever meets a hole knows that something was trimmed or erased before it was read.
 */
import type { StoreChange } from "../../engine/ports.ts";
import type { Base } from "./ground.ts";
import type { Commands } from "./link.ts";
import { bucketOfKey, refOfName, tenantOfPart, tenantPart } from "./names.ts";
import type { Step } from "./position.ts";
import { endOf } from "./row.ts";
import type { Servers } from "./servers.ts";

const ENTRIES_PER_READ = 1_000;

export interface LogEntry {
  readonly seq: number;
  readonly what: string;
  readonly name: string;
  readonly subject: string | null;
  readonly detail: string;
}

type RawEntry = readonly [id: string, fields: unknown];

/** The number that an entry's id ends in. */
function sequenceOf(id: string): number {
  return Number(id.slice(id.indexOf("-") + 1));
}

function entryOf([id, raw]: RawEntry): LogEntry {
  const fields = new Map<string, string>();
  const list = Array.isArray(raw)
    ? (raw as unknown[]).flat()
    : Object.entries(raw as object).flat();
  for (let index = 0; index + 1 < list.length; index += 2) {
    fields.set(String(list[index]), String(list[index + 1]));
  }
  return {
    seq: sequenceOf(id),
    what: fields.get("w") ?? "",
    name: fields.get("n") ?? "",
    subject: fields.get("x") === "1" ? (fields.get("s") ?? "") : null,
    detail: fields.get("d") ?? "",
  };
}

/** What an answer to XREAD holds of each bucket, which RESP 2 and 3 shape differently. */
export function entriesOf(reply: unknown): readonly (readonly [number, readonly LogEntry[]])[] {
  if (reply === null || reply === undefined) return [];
  const streams = Array.isArray(reply) ? (reply as [unknown, unknown][]) : Object.entries(reply);
  return streams.map(([key, entries]) => [
    bucketOfKey(String(key)) ?? 0,
    (entries as RawEntry[]).map(entryOf),
  ]);
}

const WHATS: Readonly<Record<string, "created" | "changed" | "data" | "ended">> = {
  c: "created",
  m: "changed",
  d: "data",
  e: "ended",
};

/** The detail of a session that waits for a factor now. */
export const LOCKED = "l";

/**
 * @param step Made into a position only if somebody asks the change for it.
 * @returns `undefined` for what a newer release tells: nobody here knows what it is about.
 */
export function changeOf(entry: LogEntry, step: Step): StoreChange | undefined {
  const { name, subject, detail } = entry;
  const what = WHATS[entry.what];
  if (what === undefined && entry.what !== "s") return undefined;
  if (what === undefined) {
    const [, epoch, except] = /^(\d+)(?: (.*))?$/s.exec(detail) ?? [];
    const change = {
      kind: "subject",
      tenant: tenantOfPart(name),
      subject: subject ?? "",
      epoch: Number(epoch),
      get position(): string {
        return step.position();
      },
    } as const;
    return except === undefined ? change : Object.assign(change, { except });
  }
  const change = {
    kind: "session",
    what,
    ref: refOfName(name),
    subject,
    get position(): string {
      return step.position();
    },
  } as const;
  if (what === "data") return Object.assign(change, { keys: JSON.parse(detail) as string[] });
  if (detail === LOCKED) return Object.assign(change, { locked: true as const });
  const [, reason, at, text] = /^(\d+) (\d+) (.*)$/s.exec(detail) ?? [];
  if (reason === undefined) return change;
  return Object.assign(change, { end: endOf(Number(reason), Number(at), text ?? "") });
}

/** Hash tags that one command names where it may name several: it must not keep others waiting. */
const TAGS_PER_COMMAND = 256;

/** Buckets in groups that one command may name. */
export function groupsOf(servers: Servers, buckets: readonly number[]): readonly number[][] {
  const size = servers.together ? TAGS_PER_COMMAND : 1;
  const groups: number[][] = [];
  for (let from = 0; from < buckets.length; from += size) {
    groups.push(buckets.slice(from, from + size));
  }
  return groups;
}

/** The number of each bucket's last change, erased ones included; 0 for a log not begun. */
export async function lastSeqs(servers: Servers, { names, scripts }: Base): Promise<number[]> {
  const groups = groupsOf(servers, names.all);
  const asked = groups.map((group) =>
    servers.run(
      scripts.last,
      [names.log(group[0] ?? 0)],
      group.map((one) => names.tag(one)),
    ),
  );
  const ids = (await Promise.all(asked)).flat() as Buffer[];
  return ids.map((id) => sequenceOf(String(id)));
}

/**
 * Take a subject's name out of the log of a bucket. A reader that had not come so far meets a hole
 * and is told of a gap. Reads the whole log, which is bounded: erasures are rare, an index is not
 * worth it.
 */
export async function forgetSubject(
  commands: Commands,
  log: string,
  whom: { readonly part: string; readonly subject: string },
): Promise<void> {
  let from = "-";
  for (;;) {
    const args = ["XRANGE", log, from, "+", "COUNT", `${ENTRIES_PER_READ}`];
    const entries = (await commands.text("purgeSubject", args)) as readonly RawEntry[];
    const theirs = entries.map(entryOf).filter((entry) => {
      if (entry.subject !== whom.subject) return false;
      const part = entry.what === "s" ? entry.name : tenantPart(refOfName(entry.name).tenant);
      return part === whom.part;
    });
    if (theirs.length > 0) {
      const ids = theirs.map((entry) => `0-${entry.seq}`);
      await commands.text("purgeSubject", ["XDEL", log, ...ids]);
    }
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < ENTRIES_PER_READ) return;
    from = `(${last}`;
  }
}

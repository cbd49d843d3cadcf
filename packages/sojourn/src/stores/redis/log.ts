/**
 * The stream of changes: entries `0-1`, `0-2`, … without a hole, so that whoever meets a hole knows
 * that something was trimmed or erased before it was read.
 */
import type { StoreChange } from "../../engine/ports.ts";
import type { Link } from "./link.ts";
import { refOfName, tenantOfPart, tenantPart } from "./names.ts";
import type { Names } from "./names.ts";
import { endOf } from "./row.ts";

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
export function sequenceOf(id: string): number {
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

/** The entries in an answer to XREAD on one stream, which RESP 2 and 3 shape differently. */
export function entriesOf(reply: unknown): readonly LogEntry[] {
  if (reply === null || reply === undefined) return [];
  const streams = Array.isArray(reply)
    ? (reply as unknown[][]).map((stream) => stream[1])
    : Object.values(reply);
  return streams.flatMap((entries) => (entries as RawEntry[]).map(entryOf));
}

const WHATS: Readonly<Record<string, "created" | "changed" | "data" | "ended">> = {
  c: "created",
  m: "changed",
  d: "data",
  e: "ended",
};

export function changeOf(entry: LogEntry, position: string): StoreChange {
  const { name, subject, detail } = entry;
  const what = WHATS[entry.what];
  if (what === undefined) {
    const [, epoch, except] = /^(\d+)(?: (.*))?$/s.exec(detail) ?? [];
    const tenant = tenantOfPart(name);
    const change = { kind: "subject", tenant, subject: subject ?? "" } as const;
    const told = { ...change, epoch: Number(epoch), position };
    return except === undefined ? told : { ...told, except };
  }
  const change = { kind: "session", what, ref: refOfName(name), subject, position } as const;
  if (what === "data") return { ...change, keys: JSON.parse(detail) as string[] };
  const [, reason, at, text] = /^(\d+) (\d+) (.*)$/s.exec(detail) ?? [];
  if (reason === undefined) return change;
  return { ...change, end: endOf(Number(reason), Number(at), text ?? "") };
}

/**
 * Take a subject's name out of the log. A reader that had not come so far meets a hole and is told
 * of a gap. Reads the whole log, which is bounded: erasures are rare, an index is not worth it.
 */
export async function forgetSubject(
  link: Link,
  names: Names,
  whom: { readonly part: string; readonly subject: string },
): Promise<void> {
  let from = "-";
  for (;;) {
    const args = ["XRANGE", names.log, from, "+", "COUNT", `${ENTRIES_PER_READ}`];
    const entries = (await link.text("purgeSubject", args)) as readonly RawEntry[];
    const theirs = entries.map(entryOf).filter((entry) => {
      if (entry.subject !== whom.subject) return false;
      const part = entry.what === "s" ? entry.name : tenantPart(refOfName(entry.name).tenant);
      return part === whom.part;
    });
    if (theirs.length > 0) {
      const ids = theirs.map((entry) => `0-${entry.seq}`);
      await link.text("purgeSubject", ["XDEL", names.log, ...ids]);
    }
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < ENTRIES_PER_READ) return;
    from = `(${last}`;
  }
}

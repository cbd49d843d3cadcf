/** Invariant I4 over one session: reads show the last write of each key, and every count. */
import type { HistoryOperation } from "./history.ts";
import { nameOf, settledAt } from "./history-index.ts";
import type { SessionRow } from "./history-index.ts";
import type { Findings } from "./history-verdict.ts";

interface Key {
  readonly writes: HistoryOperation[];
  /** By value, as JSON. A value that two calls wrote stands for the later one. */
  readonly writers: Map<string, HistoryOperation>;
  /** Acknowledged writes by when they returned, each with the one of them begun last. */
  settled?: { readonly at: number[]; readonly newest: HistoryOperation[] };
}

interface Counter {
  /** By `invokedAt`. */
  readonly counts: HistoryOperation[];
  begunAt?: number[];
  /** Acknowledged ones by when they returned. */
  settled?: HistoryOperation[];
  settledAt?: number[];
}

export function checkData(row: SessionRow, stalenessMs: number, findings: Findings): void {
  const { open, answers, id } = row;
  if (open === undefined) return;
  const reads = answers.filter((by) => isRead(by) && (by.answered ?? id) === id);
  const { keys, counters } = gather(row, open, sightings(reads));
  for (const by of reads) {
    const data = by.data ?? {};
    const read = { by, since: by.invokedAt - stalenessMs, open };
    const told = (name: string, lost: Lost | undefined): void => {
      if (lost === undefined) return;
      const why = `${nameOf(by)} read ${name} of ${id} as ${lost.why}`;
      const { among } = lost;
      const culprit = among === undefined ? lost.culprit : findings.culprit(by, among);
      findings.add({
        invariant: "I4",
        shows: "read",
        by,
        culprit,
        session: id,
        why,
      });
    };
    for (const name of Object.keys(data)) {
      if (keys.has(name) || counters.has(name)) continue;
      told(name, { why: `${JSON.stringify(data[name])}, which nobody wrote` });
    }
    for (const [name, key] of keys) told(name, lostWrite(key, data[name], read));
    for (const [name, one] of counters) told(name, lostCount(one, Number(data[name] ?? 0), read));
  }
}

function isRead({ kind, answer, data }: HistoryOperation): boolean {
  return (kind === "verify" || kind === "touch") && answer === "active" && data !== undefined;
}

/** When each value of each key had been read first. */
function sightings(reads: readonly HistoryOperation[]): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  for (const { data = {}, returnedAt = Infinity } of reads) {
    for (const [name, value] of Object.entries(data)) {
      const key = JSON.stringify([name, value]);
      seen.set(key, Math.min(seen.get(key) ?? Infinity, returnedAt));
    }
  }
  return seen;
}

function gather(
  row: SessionRow,
  open: HistoryOperation,
  seen: ReadonlyMap<string, number>,
): { keys: Map<string, Key>; counters: Map<string, Counter> } {
  const keys = new Map<string, Key>();
  const counters = new Map<string, Counter>();
  for (const operation of [open, ...row.writes]) {
    for (const [name, value] of Object.entries(operation.data ?? {})) {
      if (operation.kind === "count") {
        const counter = counters.get(name) ?? { counts: [] };
        counter.counts.push(operation);
        counters.set(name, counter);
        continue;
      }
      const key = keys.get(name) ?? { writes: [], writers: new Map<string, HistoryOperation>() };
      // What has been read was done by then, whatever its writer was told.
      const seenAt = seen.get(JSON.stringify([name, value])) ?? Infinity;
      const settled = { ...operation, outcome: "ok", returnedAt: seenAt } as const;
      const write = seenAt < settledAt(operation) ? settled : operation;
      key.writes.push(write);
      key.writers.set(JSON.stringify(value), write);
      keys.set(name, key);
    }
  }
  return { keys, counters };
}

interface Read {
  readonly by: HistoryOperation;
  /** What was acknowledged before this must be seen. */
  readonly since: number;
  readonly open: HistoryOperation;
}

interface Lost {
  /** Absent where no call can be blamed, and nothing excuses it. */
  readonly culprit?: HistoryOperation;
  readonly why: string;
  /** `missing` of these were not honoured, and nobody can tell which. */
  readonly among?: { readonly calls: readonly HistoryOperation[]; readonly missing: number };
}

/** The value that was read must not have been overwritten, for certain, before the read. */
function lostWrite(key: Key, value: unknown, { since, open }: Read): Lost | undefined {
  const text = value === undefined ? undefined : JSON.stringify(value);
  const writer = text === undefined ? open : key.writers.get(text);
  if (writer === undefined) {
    return { why: `${text}, which nobody wrote` };
  }
  const { at, newest } = (key.settled ??= settle(key.writes));
  const index = below(at, since) - 1;
  const overwriter = newest[index];
  if (overwriter === undefined || overwriter.invokedAt <= settledAt(writer)) return undefined;
  if (overwriter === writer) return undefined;
  const old = text === undefined ? "absent" : `${text} of ${nameOf(writer)}`;
  return { culprit: overwriter, why: `${old}, and ${nameOf(overwriter)} was acknowledged since` };
}

function settle(writes: readonly HistoryOperation[]): NonNullable<Key["settled"]> {
  const acknowledged = writes
    .filter((one) => settledAt(one) < Infinity)
    .toSorted((a, b) => settledAt(a) - settledAt(b));
  const newest: HistoryOperation[] = [];
  for (const one of acknowledged) {
    const last = newest.at(-1);
    newest.push(last !== undefined && last.invokedAt > one.invokedAt ? last : one);
  }
  return { at: acknowledged.map(settledAt), newest };
}

/** As many as were acknowledged before it at least, as were begun before its answer at most. */
function lostCount(counter: Counter, read: number, { by, since }: Read): Lost | undefined {
  const settled = (counter.settled ??= counter.counts
    .filter((one) => settledAt(one) < Infinity)
    .toSorted((a, b) => settledAt(a) - settledAt(b)));
  const least = below((counter.settledAt ??= settled.map(settledAt)), since);
  const culprit = settled[least - 1];
  if (culprit !== undefined && read < least) {
    const among = { calls: settled.slice(0, least), missing: least - read };
    return { culprit, among, why: `${read}, and ${least} counts were acknowledged before` };
  }
  const begunAt = (counter.begunAt ??= counter.counts.map((one) => one.invokedAt));
  const most = below(begunAt, by.returnedAt ?? Infinity);
  if (read <= most) return undefined;
  const last = counter.counts[most - 1] ?? by;
  return { culprit: last, why: `${read}, and no more than ${most} counts were begun` };
}

/** How many of ascending numbers lie below a limit. */
function below(ascending: readonly number[], limit: number): number {
  let from = 0;
  let to = ascending.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ascending[middle] ?? Infinity) < limit) from = middle + 1;
    else to = middle;
  }
  return from;
}

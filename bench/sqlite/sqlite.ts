/**
 * SQLite: each kind of write beside bare SQL doing the same, reads of a large file through the
 * public API, and how large that file is.
 */
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "sojourn/stores/sqlite";
import { FULL } from "../harness.ts";
import type { Effort } from "../harness.ts";
import { atLeast, atMost, round } from "../report.ts";
import type { Goal, Section } from "../report.ts";
import { Bare, Recorder, settingsOf } from "./bare.ts";
import { duel } from "./duel.ts";
import type { Outcome, Sides } from "./duel.ts";
import { reads } from "./reads.ts";
import { DATA_BYTES, recordMaker, seed } from "./world.ts";
import type { RecordMaker } from "./world.ts";
import { writeKinds } from "./writes.ts";
import type { WriteName } from "./writes.ts";

/** In the files that are written to: small enough to leave bare SQL as fast as it gets. */
const WRITTEN_TO = 100_000;
const READ_FROM = { full: 1_000_000, quick: 100_000 } as const;
/** Percent of bare SQL. */
const ASKED: readonly (readonly [WriteName, number])[] = [
  ["open", 65],
  ["openLimited", 65],
  ["touch", 80],
  ["revoke", 80],
];

export async function sqlite(effort: Effort): Promise<Section> {
  const directory = mkdtempSync(join(tmpdir(), "sojourn-bench-"));
  try {
    const maker = await recordMaker();
    const outcomes = await writes(directory, maker, effort);
    const large = await largeFile(directory, maker, effort);
    return section(outcomes, large);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function writes(
  directory: string,
  maker: RecordMaker,
  effort: Effort,
): Promise<ReadonlyMap<WriteName, Outcome>> {
  const base = join(directory, "base.db");
  const now = Date.now();
  const seeded = await seed(base, maker, { sessions: WRITTEN_TO, now, everyNth: 5 });
  const sides = await twins(base);
  const groups = Math.max(4, Math.round(effort.sampleMs / 8));
  const outcomes = new Map<WriteName, Outcome>();
  const kinds = writeKinds({ maker, seeded, now, groups });
  for (const [name, kind] of Object.entries(kinds)) {
    outcomes.set(name as WriteName, await duel(kind, sides, effort));
  }
  requireSame(sides);
  await sides.recorder.close();
  await sides.store.close();
  sides.bare.close();
  return outcomes;
}

async function twins(base: string): Promise<Sides & { readonly path: string }> {
  const [noted, path, plain] = ["noted", "store", "bare"].map((name) => {
    const twin = base.replace("base", name);
    copyFileSync(base, twin);
    return twin;
  }) as [string, string, string];
  rmSync(base);
  const recorder = new Recorder(noted);
  const bare = new Bare(plain, await settingsOf(recorder));
  const store = new SqliteStore({ path });
  await store.health();
  return { recorder, store, bare, path };
}

/** Both sides have the same rows, or one of them did not do what the other did. */
function requireSame({ bare, path }: Sides & { readonly path: string }): void {
  const other = new Bare(path, []);
  const [ours, theirs] = [other, bare].map(({ database }) => {
    const sum =
      "SELECT count(*), sum(version), sum(seen_at - created_at), sum(ended_at - created_at), sum(data_version), " +
      "sum(generation), sum(instr(data, 'dark')), (SELECT max(seq) FROM change) FROM session";
    return JSON.stringify(database.prepare(sum).get());
  });
  other.close();
  if (ours !== theirs) throw new Error(`the twins differ: ${ours} and ${theirs}`);
}

async function largeFile(directory: string, maker: RecordMaker, effort: Effort) {
  const path = join(directory, "large.db");
  const sessions = effort.samples < FULL.samples ? READ_FROM.quick : READ_FROM.full;
  const now = Date.now();
  const start = performance.now();
  await seed(path, maker, { sessions, now, everyNth: sessions });
  const seededS = (performance.now() - start) / 1000;
  const bytes = statSync(path).size / sessions;
  return { sessions, seededS, bytes, ...(await reads({ path, maker, sessions, now }, effort)) };
}

function section(
  outcomes: ReadonlyMap<WriteName, Outcome>,
  large: Awaited<ReturnType<typeof largeFile>>,
): Section {
  const percents = [...outcomes.values()].map(
    ({ figures, percent, cpuPercent }) =>
      `${figures[0].name} ${Math.round(percent)} (${Math.round(cpuPercent)})`,
  );
  const goals: Goal[] = ASKED.map(([name, percent]) => {
    const outcome = outcomes.get(name);
    const what = `${outcome?.figures[0].name ?? name} ÷ bare SQL`;
    return atLeast(what, outcome?.percent ?? Number.NaN, percent, "%");
  });
  const count = large.sessions.toLocaleString("en");
  goals.push(atMost(`page of 50 of one subject among ${count}`, large.pageMs, 2, "ms"));
  goals.push(atMost(`file at ${count} sessions`, large.bytes, 450, "B per session"));
  return {
    title: "SQLite: writes of 64 callers at once beside the same statements bare; reads",
    figures: [...[...outcomes.values()].flatMap(({ figures }) => figures), ...large.figures],
    goals,
    notes: [
      `rates in percent of bare SQL (of its processor time): ${percents.join(", ")}`,
      `writes: files of ${WRITTEN_TO.toLocaleString("en")} sessions; bare SQL sends the store's ` +
        "own statements, values and transactions to node:sqlite on a twin of its file",
      `each session has ${DATA_BYTES} B of data; ${count} were stored in ${round(large.seededS)} s`,
    ],
  };
}

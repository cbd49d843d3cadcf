/** `docs/operations/faults-table.md`, made of what `npm run faults -- --json` kept. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { RunResult } from "./driver.ts";
import { pageTable } from "./table.ts";

/** A run of another time in a file of results: rows that were measured again. */
export type Kept = Pick<
  RunResult,
  "engine" | "fault" | "figures" | "recoveryMs" | "violations" | "unanswered"
> & { readonly again?: boolean };

export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly seed: number;
  /** Load of one run; the fault lies in its middle third. */
  readonly seconds: number;
  readonly stalenessMs: number;
  readonly results: readonly Kept[];
}

/** The machine in words that say nothing else of it. */
export function machine(): string {
  const file = "/etc/os-release";
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const [, name = process.platform] = /^NAME="?([^"\n]+?)(?: GNU\/Linux)?"?$/m.exec(text) ?? [];
  const [, version = ""] = /^VERSION_ID="?([^"\n]+?)"?$/m.exec(text) ?? [];
  const node = process.versions.node.split(".")[0];
  return `${availableParallelism()} cores, ${`${name} ${version}`.trim()}, Node ${node}`;
}

/** `rows` in the place of those of the same engine and fault, and marked as of another run. */
export function merged(report: Report, rows: readonly Kept[]): Report {
  const nameOf = ({ engine, fault }: Kept): string => `${engine} ${fault}`;
  const fresh = new Map(rows.map((row) => [nameOf(row), { ...row, again: true }]));
  const results = report.results.map((row) => fresh.get(nameOf(row)) ?? row);
  const known = new Set(report.results.map(nameOf));
  const added = [...fresh.values()].filter((row) => !known.has(nameOf(row)));
  return { ...report, results: [...results, ...added] };
}

const PAGE_COLUMNS = 118;

/** Lines of at most {@link PAGE_COLUMNS}, as the other pages have them. */
function wrapped(text: string): string {
  let line = "";
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    if (line.length + word.length >= PAGE_COLUMNS) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

function total(results: readonly Kept[], of: (row: Kept) => number): number {
  return results.reduce((sum, row) => sum + of(row), 0);
}

/** Rows that were measured again are named: they belong to another run. */
function againNote(results: readonly Kept[]): readonly string[] {
  const again = results.filter((row) => row.again === true);
  if (again.length === 0) return [];
  const names = again.map(({ engine, fault }) => `${engine} ${fault}`).join(", ");
  const what = again.length === 1 ? "One row is" : `${again.length} rows are`;
  return ["", wrapped(`**${what} of a later run** with the same seed and settings: ${names}.`)];
}

function verdict(results: readonly Kept[]): string {
  const violations = total(results, (row) => row.violations.length);
  const logouts = total(results, (row) => row.figures.falseLogouts);
  if (violations + logouts === 0) return "**no violation and no false logout**";
  return `**${violations} violations, ${logouts} false logouts**`;
}

/** The two runs in which something lasted longest, in words. */
function longest(results: readonly Kept[], of: (row: Kept) => number): string {
  const worst = results.filter((row) => of(row) > 0).toSorted((a, b) => of(b) - of(a));
  if (worst.length === 0) return "none";
  const told = worst.slice(0, 2).map((row) => {
    const ms = of(row) < 1_000 ? `${of(row).toFixed(0)} ms` : `${(of(row) / 1_000).toFixed(1)} s`;
    return `${ms} (${row.engine} ${row.fault})`;
  });
  return told.join(", ");
}

/** The page as it is kept. */
export function page(report: Report, name: string): string {
  const { date, seed, seconds, stalenessMs, results } = report;
  const calls = total(results, (row) => row.figures.operations)
    .toLocaleString("en")
    .replaceAll(",", " ");
  const head =
    `Seed ${seed}, ${seconds} s of load in each run, in whose middle the fault strikes, three ` +
    `processes, S = ${stalenessMs}, \`storeTimeoutMs\` 1000; ${date}, ${report.machine}. ` +
    `${results.length} runs, ${calls} calls, ${verdict(results)}. [How it is done, and how to ` +
    `rerun it](faults.md); the numbers are in [\`bench/results\`](../../bench/results/${name}).`;
  return [
    "# What the faults did",
    "",
    wrapped(head),
    ...againNote(results),
    "",
    wrapped(
      "Longest times in which one process could verify nothing: " +
        `${longest(results, (row) => row.figures.longestOutageMs)}. Longest times after its ` +
        "acknowledgement at which an end was not heeded, while a failover lasted: " +
        `${longest(results, (row) => row.figures.longestStaleMs)}.`,
    ),
    "",
    ...LEGEND,
    "",
    pageTable(results),
    "",
    ...NOTES,
    "",
  ].join("\n");
}

const LEGEND = [
  "- *false logouts*: sessions answered as ended or unknown that were not. *step-ups*: sessions that were asked for a factor",
  "  after a rotation was lost in a failover.",
  "- *active again*: sessions accepted by some process after their end was acknowledged, while the failover lasted; *to the",
  "  end*: those of them that still were in the final audit; *ms*: the longest time after the acknowledgement.",
  "- *data lost*: sessions with acknowledged data missing. *outage ms*: the longest time in which one process could verify",
  "  nothing; the others may have. *back after ms*: from the end of the fault until every process had answers again.",
];

const NOTES = [
  "PgBouncer waits 15 s before it tries a server again that was killed (`server_login_retry`): hence its outage.",
  "Failovers lose writes on purpose: replication is cut for a second before the primary dies.",
];

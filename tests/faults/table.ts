/** What runs found, for people: one line each while they run, and a table at the end. */
import type { RunResult } from "./driver.ts";

const WHY_MAX = 8;

/** One run in a line, and its violations below it. */
export function story(result: RunResult): string {
  const { engine, fault, figures, violations, excused, unanswered } = result;
  const head =
    `${engine} ${fault}: ${figures.operations} calls, ${figures.unknown} unknown, ` +
    `${violations.length} violations, ${excused.length} excused` +
    (unanswered === 0 ? "" : `, ${unanswered} never answered`);
  const lines = violations
    .slice(0, WHY_MAX)
    .map(
      ({ invariant, why, times, remains }) =>
        `    ${invariant}: ${why} (${times} times${remains ? ", to the end" : ""})`,
    );
  if (violations.length > WHY_MAX) lines.push(`    and ${violations.length - WHY_MAX} more`);
  return [head, ...lines].join("\n");
}

type Columns<Row> = readonly (readonly [string, (result: Row) => string | number])[];

const COLUMNS: Columns<RunResult> = [
  ["engine", ({ engine }) => engine],
  ["fault", ({ fault }) => fault],
  ["calls", ({ figures }) => figures.operations],
  ["unknown", ({ figures }) => figures.unknown],
  ["503", ({ figures }) => figures.errors["ERR_STORE_UNAVAILABLE"] ?? 0],
  ["false logouts", ({ figures }) => figures.falseLogouts],
  ["step-ups", ({ figures }) => figures.stepUps],
  ["active again", ({ figures }) => figures.activeAgain],
  ["after heal", ({ figures }) => figures.activeAgainAfterHeal],
  ["stale ms", ({ figures }) => Math.round(figures.longestStaleMs)],
  ["lost writes", ({ figures }) => figures.lostWrites],
  ["window ms", ({ figures }) => Math.round(figures.activeAgainMs)],
  ["outage ms", ({ figures }) => Math.round(figures.longestOutageMs)],
  ["back after ms", ({ recoveryMs }) => Math.round(recoveryMs)],
  ["excused", ({ excused }) => excused.length],
  ["violations", ({ violations }) => violations.length],
];

/** What the page of the documentation shows of a run. */
type Shown = Pick<RunResult, "engine" | "fault" | "figures" | "recoveryMs" | "violations">;

const PAGE: Columns<Shown> = [
  ["engine", ({ engine }) => engine],
  ["fault", ({ fault }) => fault],
  ["calls", ({ figures }) => figures.operations],
  ["503", ({ figures }) => figures.errors["ERR_STORE_UNAVAILABLE"] ?? 0],
  ["false logouts", ({ figures }) => figures.falseLogouts],
  ["step-ups", ({ figures }) => figures.stepUps ?? 0],
  ["active again", ({ figures }) => figures.activeAgain],
  ["to the end", ({ figures }) => figures.activeAgainAfterHeal],
  ["ms", ({ figures }) => Math.round(figures.longestStaleMs)],
  ["data lost", ({ figures }) => figures.lostWrites],
  ["outage ms", ({ figures }) => Math.round(figures.longestOutageMs)],
  ["back after ms", ({ recoveryMs }) => Math.round(recoveryMs)],
  ["violations", ({ violations }) => violations.length],
];

/** As Markdown that is easy to read where it is printed. */
export function table(results: readonly RunResult[]): string {
  const { head, rows } = cells(COLUMNS, results);
  const widths = head.map((name, at) =>
    Math.max(name.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, at) => text.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** As Markdown that goes into the documentation as it is. */
export function pageTable(results: readonly Shown[]): string {
  const { head, rows } = cells(PAGE, results);
  const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function cells<Row>(
  columns: Columns<Row>,
  results: readonly Row[],
): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  const head = columns.map(([name]) => name);
  return { head, rows: results.map((row) => columns.map(([, cell]) => String(cell(row)))) };
}

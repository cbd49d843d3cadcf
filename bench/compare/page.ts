/** The comparison as a page that people read: one row for each contestant. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MACHINE } from "../report.ts";
import type { Act, Cell } from "./acts.ts";
import type { Contestant } from "./contestant.ts";

export interface Row {
  readonly contestant: Contestant;
  readonly cells: readonly Cell[];
}

export interface Comparison {
  readonly acts: readonly Act[];
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
}

const root = new URL("../../", import.meta.url);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function shown({ text, good }: Cell): string {
  return good === true ? `**${text}**` : text;
}

function pageOf({ acts, rows, rounds, date, versions }: Comparison): string {
  const numbers = acts.map((_act, index) => String(index + 1));
  return `# Comparison

\`npm run compare\` plays the same acts against each library: one small application, real HTTP on
loopback, a real Redis, each set up as its documentation shows; ${rounds} rounds; ${date};
${MACHINE}. The columns are the acts below. **Bold** is what a user would want; plain text is not,
or the question does not arise.

${table(
  ["", ...numbers],
  rows.map(({ contestant, cells }) => [contestant.name, ...cells.map(shown)]),
)}

## The acts

${acts.map(({ name, explains }, index) => `${index + 1}. **${name}.** ${explains}`).join("\n")}

## How each was set up

${table(
  ["contestant", "set-up"],
  rows.map(({ contestant }) => [contestant.name, contestant.setUp]),
)}

Versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}.

Sojourn over connect-redis keeps these promises in one process only: a store without compare-and-set
cannot give more ([what it promises](stores/express-stores.md)).
`;
}

/** Write the page and, beside the other figures, the raw counts. @returns both paths. */
export function save(comparison: Comparison): readonly string[] {
  const { acts, rows, rounds, date, versions } = comparison;
  const results = new URL("bench/results/", root);
  mkdirSync(results, { recursive: true });
  const raw = new URL(`compare-${date}.json`, results);
  const counts = rows.map(({ contestant, cells }) => ({
    contestant: contestant.name,
    cells: Object.fromEntries(acts.map((act, index) => [act.name, cells[index]])),
  }));
  const content = { date, machine: MACHINE, rounds, versions, counts };
  writeFileSync(raw, `${JSON.stringify(content, undefined, 2)}\n`);
  const page = new URL("docs/comparison.md", root);
  writeFileSync(page, pageOf(comparison));
  return [fileURLToPath(raw), fileURLToPath(page)];
}

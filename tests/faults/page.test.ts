/** The page of the documentation says what was measured, and which rows were measured later. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { merged, page } from "./page.ts";
import type { Kept, Report } from "./page.ts";

const at = (path: string): URL => new URL(`../../${path}`, import.meta.url);
const kept = readFileSync(at("docs/operations/faults-table.md"), "utf8");
const [, name = ""] = /\(\.\.\/\.\.\/bench\/results\/([\w.-]+)\)/.exec(kept) ?? [];
const report = JSON.parse(readFileSync(at(`bench/results/${name}`), "utf8")) as Report;

it("the table of the documentation is the one that the kept numbers make", () => {
  expect(kept).toBe(page(report, name));
});

it("rows that were measured again are named above the table, and no others", () => {
  const once = { ...report, results: report.results.map((row) => ({ ...row, again: false })) };
  expect(page(once, name)).not.toContain("later run");
  const [first, second] = once.results as [Kept, Kept];
  const again = { ...first, figures: { ...first.figures, operations: 4_711 } };
  const both = merged(once, [again]);
  expect(both.results).toHaveLength(once.results.length);
  const text = page(both, name);
  expect(text).toContain(`**One row is of a later run** with the same seed and settings:`);
  expect(text.replaceAll("\n", " ")).toContain(`settings: ${first.engine} ${first.fault}.`);
  expect(text).toContain(`| ${first.engine} | ${first.fault} | 4711 |`);
  expect(text).toContain(`| ${second.engine} | ${second.fault} | ${second.figures.operations} |`);
});

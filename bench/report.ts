/** Prints figures beside what the issue asks for, and keeps them with date and machine. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Figure } from "./harness.ts";

/** One figure that was asked for, and whether it was reached. */
export interface Goal {
  readonly what: string;
  readonly asked: string;
  readonly reached: string;
  readonly met: boolean;
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly goals: readonly Goal[];
  readonly notes?: readonly string[];
}

/** At most, with its unit. */
export function atMost(what: string, value: number, limit: number, unit: string): Goal {
  return {
    what,
    asked: `≤ ${limit} ${unit}`,
    reached: `${round(value)} ${unit}`,
    met: value <= limit,
  };
}

export function atLeast(what: string, value: number, limit: number, unit: string): Goal {
  return {
    what,
    asked: `≥ ${limit} ${unit}`,
    reached: `${round(value)} ${unit}`,
    met: value >= limit,
  };
}

export function round(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function print(section: Section): void {
  console.log(`\n${section.title}`);
  const width = Math.max(...section.figures.map((figure) => figure.name.length), 10);
  for (const figure of section.figures) {
    const wall = round(figure.wallUs).padStart(9);
    const cpu = round(figure.cpuUs).padStart(9);
    const rate = Math.round(figure.perSecond).toLocaleString("en").padStart(12);
    console.log(`  ${figure.name.padEnd(width)} ${wall} µs ${cpu} µs cpu ${rate}/s`);
  }
  for (const goal of section.goals) {
    const mark = goal.met ? "reached" : "MISSED ";
    console.log(`  ${mark}  ${goal.what}: ${goal.reached} (asked ${goal.asked})`);
  }
  for (const note of section.notes ?? []) console.log(`  note: ${note}`);
}

/** The machine in words that say nothing else of it. */
export const MACHINE = "2 cores, Debian 12, Node 24";

/** @param name A date, and what of it. */
export function save(sections: readonly Section[], name: string): string {
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${name}.json`, folder);
  const date = name.slice(0, "2026-01-01".length);
  const content = { date, machine: MACHINE, unit: "µs per operation, medians", sections };
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
  return fileURLToPath(file);
}

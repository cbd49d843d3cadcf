/** What it costs to have the library: its import, and what it brings along. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { execPath } from "node:process";
import { median } from "./harness.ts";
import type { Effort } from "./harness.ts";
import { atMost } from "./report.ts";
import type { Section } from "./report.ts";

const PROGRAM = `const start = performance.now();
await import("sojourn");
console.log(performance.now() - start);`;

export async function startUp(effort: Effort): Promise<Section> {
  const times: number[] = [];
  for (let round = 0; round < effort.samples; round += 1) {
    const args = ["--input-type=module", "-e", PROGRAM];
    const cwd = new URL(".", import.meta.url);
    times.push(Number(execFileSync(execPath, args, { cwd, encoding: "utf8" })));
  }
  const manifest = new URL("../packages/sojourn/package.json", import.meta.url);
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const importMs = median(times);
  const wallUs = importMs * 1000;
  return {
    title: "Having the library",
    figures: [
      {
        name: 'import "sojourn"',
        wallUs,
        cpuUs: Number.NaN,
        perSecond: 1e6 / wallUs,
        samples: times.length,
      },
    ],
    goals: [
      atMost('import { createSessions } from "sojourn"', importMs, 60, "ms"),
      atMost("runtime dependencies", Object.keys(dependencies).length, 0, "packages"),
    ],
  };
}

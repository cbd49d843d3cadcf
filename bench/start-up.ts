/** What it costs to have the library, as its users have it: packed, installed, imported. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { median } from "./harness.ts";
import type { Effort } from "./harness.ts";
import { atMost } from "./report.ts";
import type { Section } from "./report.ts";

const LIBRARY = fileURLToPath(new URL("../packages/sojourn/", import.meta.url));
const PROGRAM = `const start = performance.now();
await import("sojourn");
console.log(performance.now() - start);`;

export async function startUp(effort: Effort): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-bench-"));
  try {
    const installed = install(folder);
    const times: number[] = [];
    for (let round = 0; round <= effort.samples; round += 1) {
      const args = ["--input-type=module", "-e", PROGRAM];
      times.push(Number(execFileSync(execPath, args, { cwd: folder, encoding: "utf8" })));
    }
    // The first run reads the files from the disk.
    return section(times.slice(1), installed);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns the installed package's folder. */
function install(folder: string): string {
  const pack = ["pack", "--silent", "--pack-destination", folder];
  execFileSync("npm", pack, { cwd: LIBRARY, stdio: "ignore" });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  const target = join(folder, "node_modules", "sojourn");
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["xzf", join(folder, archive), "--strip-components=1", "-C", target]);
  return target;
}

function section(times: readonly number[], installed: string): Section {
  const { dependencies = {} } = JSON.parse(
    readFileSync(join(installed, "package.json"), "utf8"),
  ) as { dependencies?: Record<string, string> };
  const importMs = median(times);
  const wallUs = importMs * 1000;
  const perSecond = 1e6 / wallUs;
  const name = 'import "sojourn"';
  return {
    title: "Having the library",
    figures: [{ name, wallUs, cpuUs: Number.NaN, perSecond, samples: times.length }],
    goals: [
      atMost('import { createSessions } from "sojourn"', importMs, 60, "ms"),
      atMost("runtime dependencies", Object.keys(dependencies).length, 0, "packages"),
    ],
  };
}

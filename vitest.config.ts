/**
 * The test projects, one per kind of test. Tests read the library's sources, not its build:
 * `sojourn`, `sojourn/*` and `#platform` resolve to what `packages/sojourn/package.json` declares,
 * with `dist/*.js` read as `src/*.ts`. What a test starts as a process of its own uses the build.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

interface Manifest {
  exports: Record<string, string | { default: string }>;
  imports: Record<string, { node: string }>;
}

const library = new URL("./packages/sojourn/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("package.json", library), "utf8")) as Manifest;

function source(built: string): string {
  const path = built.replace(/^\.\/dist\//, "./src/").replace(/\.js$/, ".ts");
  return fileURLToPath(new URL(path, library));
}

const alias = [
  ...Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => ({
      find: new RegExp(`^sojourn${subpath.slice(1)}$`),
      replacement: source((target as { default: string }).default),
    })),
  ...Object.entries(manifest.imports).map(([name, target]) => ({
    find: new RegExp(`^${name}$`),
    replacement: source(target.node),
  })),
];

/**
 * A unit test that needs 5 s is a mistake, but on a busy machine the properties of thousands of
 * runs take three times as long.
 */
const UNIT_TEST_MS = 15_000;
/** Seconds-long runs are the rule in these projects. */
const LONG_TEST_MS = 120_000;
/** An example installs and builds a whole framework before its first test. */
const EXAMPLE_MS = 480_000;

/**
 * Test files at a time. Vitest leaves one processor free, which on two is one file at a time. Files
 * that compute take a processor each; those of these projects wait for servers and other
 * processes half of their time.
 */
const PROCESSORS = availableParallelism();
const WAITING_MIN = 3;
const WAITING = ["contract", "faults", "integration", "examples"];

/**
 * Projects whose files share the process of their worker. Most of the time of a short file goes
 * into reading and compiling the same modules again, and a property of thousands of runs is over
 * sooner in code that is compiled already. A file that replaces a global puts it back.
 */
const SHARING = ["unit", "abuse"];

function project(name: string, include: string[], testTimeout: number) {
  const waits = WAITING.includes(name);
  const maxWorkers = waits ? Math.max(WAITING_MIN, PROCESSORS) : PROCESSORS;
  // Of projects that run together, those with another number of workers take turns.
  const sequence = { groupOrder: waits ? 1 : 0 };
  const isolate = !SHARING.includes(name);
  return {
    extends: true as const,
    test: { name, include, testTimeout, hookTimeout: testTimeout, maxWorkers, isolate, sequence },
  };
}

export default defineConfig({
  resolve: { alias },
  test: {
    // Titles of cases whole: they cite requirements, and `-t` finds them.
    taskTitleValueFormatTruncate: 0,
    projects: [
      project("unit", ["packages/**/src/**/*.test.ts"], UNIT_TEST_MS),
      project("contract", ["tests/contract/**/*.test.ts"], 30_000),
      project("simulation", ["tests/simulation/**/*.test.ts"], LONG_TEST_MS),
      project("abuse", ["tests/abuse/**/*.test.ts"], 30_000),
      project("differential", ["tests/differential/**/*.test.ts"], LONG_TEST_MS),
      project("faults", ["tests/faults/**/*.test.ts"], LONG_TEST_MS),
      project("integration", ["tests/integration/**/*.test.ts"], LONG_TEST_MS),
      project("browser", ["tests/browser/**/*.test.ts"], LONG_TEST_MS),
      project("console", ["tests/console/**/*.test.ts"], LONG_TEST_MS),
      project("examples", ["tests/examples/**/*.test.ts"], EXAMPLE_MS),
      project("tidy", ["tests/tidy.test.ts", "tests/tidy/**/*.test.ts"], LONG_TEST_MS),
    ],
  },
});

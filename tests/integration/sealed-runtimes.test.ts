/** One suite of sealed sessions on every runtime they are for, by Web Crypto alone. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { afterAll, describe, expect, it } from "vitest";
import { flatModules, writeModules } from "../support/flat-modules.ts";
import { sealedCases } from "../support/sealed-cases.ts";
import type { CaseResult } from "../support/sealed-run.ts";

const PRINT = "tests/support/sealed-print";
const WORKER = "tests/support/sealed-worker";
const run = promisify(execFile);
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "sojourn-sealed-"));
const program = join(folder, `${PRINT}.js`);
writeModules(flatModules(`${PRINT}.ts`), folder);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const passed = sealedCases.map(({ name }) => ({ name }));

/** The programs are files of packages: nothing is downloaded when they are first used. */
const RUNTIMES = [
  { name: "Node 24", file: () => process.execPath, args: [] },
  { name: "Node 22", file: () => require.resolve("node22/bin/node"), args: [] },
  { name: "Deno", file: denoBinary, args: ["run", "--no-config", "--no-remote", "--quiet"] },
  { name: "Bun", file: bunBinary, args: ["run"] },
];

function denoBinary(): string {
  const deno = createRequire(require.resolve("deno/package.json"));
  return deno.resolve(`@deno/${process.platform}-${process.arch}-glibc/deno`);
}

function bunBinary(): string {
  const bun = createRequire(require.resolve("bun/package.json"));
  return bun.resolve(`@oven/bun-${process.platform}-${process.arch}/bin/bun`);
}

describe("sealed sessions keep every promise", () => {
  it.each(RUNTIMES)("on $name", async ({ file, args }) => {
    const { stdout } = await run(file(), [...args, program], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(passed);
  });

  it("on workerd", async () => {
    const worker = flatModules(`${WORKER}.ts`);
    const main = `${WORKER}.js`;
    const ordered = [...worker].sort((a, b) => Number(b.path === main) - Number(a.path === main));
    const flare = new Miniflare({
      modulesRoot: "/",
      modules: ordered.map(({ path, text }) => ({
        type: "ESModule" as const,
        path: `/${path}`,
        contents: text,
      })),
      compatibilityDate: "2026-07-01",
    });
    try {
      const response = await flare.dispatchFetch("http://127.0.0.1/");
      expect((await response.json()) as readonly CaseResult[]).toEqual(passed);
    } finally {
      await flare.dispose();
    }
  });

  it("without a module of Node, so that nothing but the web platform was used", () => {
    const text = flatModules(`${PRINT}.ts`)
      .map((module) => module.text)
      .join("\n");
    expect(text).not.toMatch(/from\s*"node:/);
    expect(text).toContain("crypto.subtle");
  });
});

/**
 * One suite of what runs away from the store on every runtime it is for, by Web Crypto and fetch
 * alone: sealed sessions, access tokens by JWKS and feed, encrypted tokens, DPoP.
 */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edgeOrigin } from "../support/edge-origin.ts";
import type { EdgeOrigin } from "../support/edge-origin.ts";
import { edgeCases } from "../support/edge-run.ts";
import { EDGE_AUDIENCE, EDGE_BOUND_MS } from "../support/edge-service.ts";
import { flatModules, writeModules } from "../support/flat-modules.ts";

const PRINT = "tests/support/edge-print";
const WORKER = "tests/support/edge-worker";
/** A runtime that hangs is ended before the test is over, so that it is this that is told. */
const RUN_MS = 90_000;
const run = promisify(execFile);
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "sojourn-edge-"));
const program = join(folder, `${PRINT}.js`);
const modules = flatModules(`${PRINT}.ts`);
writeModules(modules, folder);

let origin: EdgeOrigin;
beforeAll(async () => {
  origin = await edgeOrigin();
});
afterAll(() => {
  origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

const passed = edgeCases.map(({ name }) => ({ name }));

/** The programs are files of packages: nothing is downloaded when they are first used. */
const DENO = ["run", "--no-config", "--no-remote", "--quiet", "--allow-net=127.0.0.1"];
const RUNTIMES = [
  { name: "Node 24", file: () => process.execPath, args: [] },
  { name: "Node 22", file: () => require.resolve("node22/bin/node"), args: [] },
  { name: "Deno", file: denoBinary, args: DENO },
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

async function withWorker(use: (flare: Miniflare) => Promise<void>, keep = false): Promise<void> {
  const main = `${WORKER}.js`;
  const ordered = flatModules(`${WORKER}.ts`).toSorted(
    (a, b) => Number(b.path === main) - Number(a.path === main),
  );
  const flare = new Miniflare({
    modulesRoot: "/",
    modules: ordered.map(({ path, text }) => ({
      type: "ESModule" as const,
      path: `/${path}`,
      contents: text,
    })),
    bindings: { ORIGIN: origin.url, KEEP: keep },
    compatibilityDate: "2026-07-01",
  });
  try {
    await use(flare);
  } finally {
    await flare.dispose();
  }
}

describe("what runs away from the store keeps every promise", () => {
  it.each(RUNTIMES)("on $name", async ({ file, args }) => {
    const options = { cwd: folder, timeout: RUN_MS, killSignal: "SIGKILL" } as const;
    const { stdout } = await run(file(), [...args, program, origin.url], options);
    expect(JSON.parse(stdout)).toEqual(passed);
  });

  it("on workerd", () =>
    withWorker(async (flare) => {
      const signal = AbortSignal.timeout(RUN_MS);
      const response = await flare.dispatchFetch("http://127.0.0.1/cases", { signal });
      expect(await response.json()).toEqual(passed);
    }));

  it("without a module of Node, so that nothing but the web platform was used", () => {
    const text = modules.map((module) => module.text).join("\n");
    expect(text).not.toMatch(/from\s*"node:/);
    expect(text).toContain("crypto.subtle");
  });
});

describe("a worker, whose requests have their I/O to themselves", () => {
  const HANGS_MS = 20_000;
  const token = async (): Promise<string> =>
    (await fetch(`${origin.url}/token?session=${"B".repeat(24)}`)).text();
  const asker = (flare: Miniflare, presented: string) => async (): Promise<unknown> => {
    const headers = { authorization: `Bearer ${presented}` };
    const signal = AbortSignal.timeout(HANGS_MS);
    const asked = await flare.dispatchFetch(`${EDGE_AUDIENCE}/notes`, { headers, signal });
    return asked.json();
  };
  const GOOD = { state: "active", subject: "alice" };

  it("answers requests that come together while nothing is known, by one question", () =>
    withWorker(async (flare) => {
      const ask = asker(flare, await token());
      origin.asked.length = 0;
      origin.delayMs = 100;
      const answers = await Promise.all([ask(), ask(), ask(), ask()]);
      origin.delayMs = 0;
      expect(answers).toEqual([GOOD, GOOD, GOOD, GOOD]);
      // Keys once for tokens and once for pages.
      const asked = origin.asked.toSorted();
      expect(asked).toEqual(["/jwks.json", "/jwks.json", "/v1/revocations"]);
    }));

  it("goes on when a question was lost with the request that asked it", () =>
    withWorker(async (flare) => {
      const ask = asker(flare, await token());
      expect(await ask()).toEqual(GOOD);
      // Renewed behind an answer that does not wait for it: workerd ends it with the request.
      await sleep((EDGE_BOUND_MS * 3) / 4);
      origin.delayMs = 300;
      origin.asked.length = 0;
      expect(await ask()).toEqual(GOOD);
      await sleep(EDGE_BOUND_MS / 2);
      expect(await Promise.all([ask(), ask()])).toEqual([GOOD, GOOD]);
      origin.delayMs = 0;
      expect(origin.asked.length).toBeGreaterThan(1);
    }));

  it("renews behind its answers where a question may outlive its request", () =>
    withWorker(async (flare) => {
      const ask = asker(flare, await token());
      expect(await ask()).toEqual(GOOD);
      await sleep((EDGE_BOUND_MS * 3) / 4);
      origin.asked.length = 0;
      origin.delayMs = 100;
      expect(await ask()).toEqual(GOOD);
      await sleep(EDGE_BOUND_MS / 2);
      // Past the bound of what was known first, and nobody waits.
      origin.delayMs = 2 * EDGE_BOUND_MS;
      const began = performance.now();
      expect(await ask()).toEqual(GOOD);
      expect(performance.now() - began).toBeLessThan(EDGE_BOUND_MS);
      origin.delayMs = 0;
    }, true));
});

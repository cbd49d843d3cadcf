/**
 * The import direction is a property of the compiler's settings, so it is shown by compiling:
 * the real settings, over small sources that obey the direction or break it once.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { files, read, readJson, root } from "./repository.ts";

const LAYERS = "packages/sojourn/src";

const BELOW_SESSIONS = ["protocol", "engine", "tokens", "stores", "http", "platform", "testing"];

/** A layer may import the layers on its right. */
const DIRECTION: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  engine: ["protocol"],
  tokens: ["protocol", "engine", "platform"],
  stores: ["protocol", "engine"],
  http: ["protocol", "engine"],
  platform: ["protocol", "engine"],
  testing: ["protocol", "engine"],
  sessions: BELOW_SESSIONS,
  adapters: [...BELOW_SESSIONS, "sessions"],
  "express-session": [...BELOW_SESSIONS, "sessions"],
};

/** One module per layer and one legal import along every edge of the direction. */
const obedient = Object.fromEntries(
  Object.entries(DIRECTION).map(([layer, below]) => [
    `${LAYERS}/${layer}/here.ts`,
    [
      ...below.map((name) => `import { here as ${name} } from "../${name}/here.ts";`),
      `export const here: readonly string[] = ["${layer}", ${below.join("[0] ?? '', ")}${
        below.length > 0 ? "[0] ?? ''" : ""
      }];`,
    ].join("\n"),
  ]),
);

interface LayerConfig {
  readonly compilerOptions: { readonly lib: readonly string[]; readonly types: readonly string[] };
  readonly references?: readonly { readonly path: string }[];
}

const configs = files.filter(
  (file) =>
    ["tsconfig.base.json", ".oxlintrc.json"].includes(file) ||
    /^packages\/sojourn\/(?:.*\/)?(?:tsconfig[^/]*|package)\.json$/.test(file),
);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sojourn-layers-"));
  for (const file of configs) cpSync(join(root, file), join(folder, file), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
  for (const [file, text] of Object.entries(obedient)) write(file, text);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `${text}\n`);
}

function run(tool: string, args: readonly string[]): { ok: boolean; output: string } {
  const script = join(root, "node_modules", tool);
  const result = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: "utf8" });
  return { ok: result.status === 0, output: result.stdout + result.stderr };
}

/** Compile one layer and what it refers to, or the whole library. */
function compile(layer?: string): { ok: boolean; output: string } {
  const project = layer === undefined ? "packages/sojourn" : `${LAYERS}/${layer}`;
  return run("typescript/bin/tsc", ["-b", project]);
}

/** Rules that need types are left to the whole repository: the fixture shows the bans. */
function lint(): { ok: boolean; output: string } {
  const settings = JSON.parse(read(".oxlintrc.json")) as { options: Record<string, unknown> };
  delete settings.options["typeAware"];
  write(".oxlintrc.json", JSON.stringify(settings));
  return run("oxlint/bin/oxlint", ["packages"]);
}

describe("the compiler", () => {
  it("accepts every import along the direction", () => {
    expect(compile()).toMatchObject({ ok: true });
  });

  it.each([
    ["engine", "stores"],
    ["engine", "sessions"],
    ["protocol", "engine"],
    ["http", "tokens"],
    ["tokens", "stores"],
    ["stores", "platform"],
    ["sessions", "adapters"],
  ])("refuses %s importing %s", (layer, other) => {
    const text = `import { here } from "../${other}/here.ts";\n`;
    write(`${LAYERS}/${layer}/bad.ts`, `${text}export const bad: unknown = here;`);
    const { ok, output } = compile(layer);
    expect(ok).toBe(false);
    expect(output).toContain(`${layer}/bad.ts`);
  });

  it.each([
    ["a timer", "export const bad: unknown = setTimeout;"],
    ["the network", "export const bad: unknown = fetch;"],
    ["the process", "export const bad: unknown = process;"],
    ["Web Crypto", "export const bad: unknown = crypto;"],
    [
      "a file",
      'import { readFileSync } from "node:fs";\nexport const bad: unknown = readFileSync;',
    ],
  ])("knows nothing of %s in engine/", (_name, text) => {
    write(`${LAYERS}/engine/bad.ts`, text);
    const { ok, output } = compile("engine");
    expect(ok).toBe(false);
    expect(output).toContain("engine/bad.ts");
  });

  it("knows nothing of Node in the layers that run on every platform", () => {
    for (const layer of ["tokens", "http", "sessions", "testing"]) {
      write(`${LAYERS}/${layer}/bad.ts`, 'export const bad: unknown = Buffer.from("");');
      const { ok, output } = compile(layer);
      expect(ok).toBe(false);
      expect(output).toContain(`${layer}/bad.ts`);
      rmSync(join(folder, LAYERS, layer, "bad.ts"));
    }
  });

  it("is set up by exactly the direction above, with no layer left out", () => {
    const found = files.filter((file) =>
      /^packages\/sojourn\/src\/[^/]+\/tsconfig\.json$/.test(file),
    );
    const declared = found.map((file) => {
      const { references = [] } = readJson<LayerConfig>(file);
      const layer = file.split("/")[3];
      return [layer, references.map(({ path }) => path.replace("../", "")).toSorted()];
    });
    const wanted = Object.entries(DIRECTION).map(([name, below]) => [name, below.toSorted()]);
    expect(Object.fromEntries(declared)).toEqual(Object.fromEntries(wanted));
    const settings = ["engine", "protocol"].map((layer) =>
      readJson<LayerConfig>(`${LAYERS}/${layer}/tsconfig.json`),
    );
    for (const { compilerOptions } of settings) {
      expect(compilerOptions).toMatchObject({ lib: ["ES2023"], types: [] });
    }
  });
});

describe("the linter", () => {
  it("accepts sources that keep to the rules", () => {
    expect(lint()).toMatchObject({ ok: true });
  });

  it.each([
    ["Date in engine/", "engine/bad.ts", "export const bad: unknown = Date.now();"],
    ["Math.random in engine/", "engine/bad.ts", "export const bad: unknown = Math.random();"],
    ["Math.random in protocol/", "protocol/bad.ts", "export const bad: unknown = Math.random();"],
    ["a bare import in engine/", "engine/bad.ts", 'export { createHash } from "node:crypto";'],
    ["the package's own name", "http/bad.ts", 'export { here } from "sojourn/tokens";'],
    ["a default export", "http/bad.ts", "const bad = 1;\nexport default bad;"],
    ["console", "http/bad.ts", 'console.log("bad");\nexport {};'],
    ["any", "http/bad.ts", "export const bad: any = 1;"],
    [
      "more than four parameters",
      "http/bad.ts",
      "export const bad = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e;",
    ],
  ])("refuses %s", (_name, file, text) => {
    write(`${LAYERS}/${file}`, text);
    const { ok, output } = lint();
    expect(ok).toBe(false);
    expect(output).toContain(file);
  });
});

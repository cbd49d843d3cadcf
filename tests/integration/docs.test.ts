/**
 * The documents against the code. JavaScript and TypeScript blocks of `docs/` and of the README
 * that are marked `@run` are executed on the built library, tables are held against what they
 * describe.
 *
 * A block is marked by `// @run` on its first line, or by a comment before it that readers do not
 * see. That comment may hold code: what stands above a line `@block` runs before the block, the
 * rest after it. Blocks run as modules in a folder of their own, with `PORT=0` and a secret.
 */
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Metrics } from "../../packages/sojourn-server/src/api/metrics.ts";
import { COMMANDS } from "../../packages/sojourn-server/src/cli/run.ts";
import { SETTINGS } from "../../packages/sojourn-server/src/config/settings.ts";
import { PRESETS } from "../../packages/sojourn/src/engine/policy/presets.ts";
import { formatSpan } from "../../packages/sojourn/src/engine/policy/span.ts";
import { EVENT_NAMES } from "../../packages/sojourn/src/protocol/events.ts";
import { PROBLEM_CODES, PROBLEMS } from "../../packages/sojourn/src/protocol/problem.ts";
import { END_REASONS } from "../../packages/sojourn/src/protocol/words.ts";
import { files, read, root } from "../tidy/repository.ts";
import { folder, SECRET, startTestService, surroundings } from "./service-harness.ts";

const PAGE_LINES_MAX = 150;
const AT_ONCE = 2;
const RUN_MS_MAX = 20_000;
const TYPE_CHECK = "--noEmit --strict --target es2023 --module nodenext --types node".split(" ");

const pages = files.filter((file) => /^docs\/.*\.md$/.test(file));
const guides = pages.filter((file) => !file.startsWith("docs/decisions/"));

interface Block {
  /** `docs/guide/data.md:12` */
  readonly place: string;
  readonly language: "js" | "ts";
  readonly program: string;
  readonly marked: boolean;
  /** Says why it is not run. */
  readonly excused: boolean;
}

const FENCE =
  /(?:<!--(?<note>(?:(?!-->)[\s\S])*)-->\s*\n)?^```(?<language>js|ts)\n(?<code>[\s\S]*?)^```$/gm;

function blocksOf(file: string): Block[] {
  const text = read(file);
  return [...text.matchAll(FENCE)].map((match) => {
    const { note = "", language = "js", code = "" } = match.groups ?? {};
    const [, hidden] = /^\s*@run\b([\s\S]*)$/.exec(note) ?? [];
    const [before = "", after = ""] = hidden?.includes("@block")
      ? hidden.split(/^@block$/m)
      : ["", hidden];
    return {
      place: `${file}:${text.slice(0, match.index).split("\n").length}`,
      language: language === "ts" ? "ts" : "js",
      program: [before, code, after].join("\n"),
      marked: hidden !== undefined || code.startsWith("// @run\n"),
      excused: /^\s*not run: .{10,}/.test(note),
    };
  });
}

const blocks = ["README.md", ...guides].flatMap(blocksOf);
const runnable = blocks.filter((block) => block.marked);

const place = folder();
symlinkSync(join(root, "node_modules"), join(place.path, "node_modules"));
afterAll(() => place.remove());

/** Processes at once; the others wait their turn. */
const turns: (() => void)[] = [];
let running = 0;

async function inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => void turns.push(resolve));
  else running += 1;
  try {
    return await task();
  } finally {
    const next = turns.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

/** @returns what this Node printed, and its exit code. */
function run(
  args: readonly string[],
  home: string,
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [...args], {
    cwd: home,
    env: { ...surroundings(), SOJOURN_SECRET: SECRET, PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, said }));
  });
}

/** Write a block as a module in a folder of its own. */
function moduleOf(block: Block, home: string): string {
  mkdirSync(home);
  const file = join(home, `block.m${block.language}`);
  writeFileSync(file, block.program);
  return file;
}

describe.concurrent("the code in the documents", () => {
  it.each(runnable.map((block, index) => ({ ...block, index })))("runs: $place", async (block) => {
    const home = join(place.path, `block-${block.index}`);
    const { code, said } = await inTurn(() => run([moduleOf(block, home)], home));
    expect(code, said).toBe(0);
  });

  it("compiles where it is TypeScript", async () => {
    const typed = runnable.filter(({ language }) => language === "ts");
    const sources = typed.map((block, at) => moduleOf(block, join(place.path, `typed-${at}`)));
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const { code, said } = await inTurn(() =>
      run([compiler, ...TYPE_CHECK, ...sources], place.path),
    );
    expect(sources.length).toBeGreaterThan(0);
    expect(code, said).toBe(0);
  });
});

/** First cells of the rows of every table of a page, without their code marks. */
function firstCells(file: string): string[] {
  const rows = [...read(file).matchAll(/^\| `([^`]+)`/gm)];
  return rows.map(([, cell = ""]) => cell);
}

function spanOf(ms: number | null): string {
  return ms === null ? "none" : formatSpan(ms);
}

describe("the documents", () => {
  it("run every block of code, or say why not", () => {
    const silent = blocks.filter(({ place, marked, excused }) => {
      return place.startsWith("docs/") && !marked && !excused;
    });
    expect(silent.map((block) => block.place)).toEqual([]);
    expect(runnable.length).toBeGreaterThan(0);
  });

  it(`have pages of at most ${PAGE_LINES_MAX} lines, each reached from the index`, () => {
    const long = pages.filter((file) => read(file).trimEnd().split("\n").length > PAGE_LINES_MAX);
    expect(long).toEqual([]);
    const index = read("docs/README.md");
    const missing = guides.filter(
      (file) =>
        basename(file) !== "README.md" && !index.includes(`(${file.slice("docs/".length)})`),
    );
    expect(missing).toEqual([]);
  });

  it("show every preset as it is", () => {
    const page = read("docs/concepts/policies.md");
    for (const [name, preset] of Object.entries(PRESETS)) {
      const { idleMs, absoluteMs, concurrency } = preset;
      const sessions =
        concurrency.max === null ? "unlimited" : `${concurrency.max}, ${concurrency.onLimit}`;
      const cells = [
        `\`${name}\``,
        `${spanOf(idleMs.value)} (${spanOf(idleMs.cap)})`,
        `${spanOf(absoluteMs.value)} (${spanOf(absoluteMs.cap)})`,
        preset.onIdle,
        spanOf(preset.warnBeforeMs),
        spanOf(preset.rotateEveryMs),
        spanOf(preset.sudoMs),
        String(preset.reauthFactors),
        sessions,
        preset.cookie.sameSite,
        preset.csrf,
      ];
      expect(page).toContain(`| ${cells.join(" | ")} |`);
    }
  });

  it("list every setting of the service with its flag, variable and default", () => {
    const rows = read("docs/operations/settings.md").split("\n");
    for (const { path, flag, env, standard } of SETTINGS) {
      const cells = [path, flag === undefined ? undefined : `--${flag}`, env].map((text) =>
        text === undefined ? "–" : `\`${text}\``,
      );
      const start = `| ${cells.join(" | ")} | ${standard} |`;
      expect(
        rows.filter((row) => row.startsWith(start)),
        start,
      ).toHaveLength(1);
    }
  });

  it("list every event, end reason, problem and metric", async () => {
    expect(firstCells("docs/events.md")).toEqual(expect.arrayContaining([...EVENT_NAMES]));
    expect(firstCells("docs/concepts/standing.md")).toEqual(
      expect.arrayContaining([...END_REASONS]),
    );
    const api = read("docs/operations/http-api.md");
    const problems = PROBLEM_CODES.map((code) => `| \`${code}\` | ${PROBLEMS[code].status}`);
    expect(problems.filter((row) => !api.includes(row))).toEqual([]);
    const metrics = (await new Metrics().registry.getMetricsAsJSON()).map(({ name }) => name);
    const own = metrics.filter((name) => name.startsWith("sojourn_"));
    expect(firstCells("docs/operations/metrics-and-logs.md")).toEqual(expect.arrayContaining(own));
  });

  it("show an example of every command", () => {
    const page = read("docs/operations/cli.md") + read("docs/operations/cli-administration.md");
    expect(COMMANDS.filter(({ name }) => !page.includes(`sojourn ${name}`))).toEqual([]);
  });

  it("name every operation of the HTTP interface", async () => {
    const { bare, service } = await startTestService();
    const answer = await bare("GET", "/openapi.json");
    await service.stop();
    const paths = Object.entries(answer.json["paths"] as Record<string, object>);
    const operations = paths.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `\`${method.toUpperCase()} ${path}\``),
    );
    const page =
      read("docs/operations/http-api.md") + read("docs/operations/http-api-administration.md");
    expect(operations.length).toBeGreaterThan(20);
    const hidden = operations.filter((name) => !name.startsWith("`HEAD") && !page.includes(name));
    expect(hidden).toEqual([]);
  });
});

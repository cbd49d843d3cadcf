/**
 * The blocks of `sh` and `python` of the documents that are marked `@run`, against a service: those
 * of a page one after the other, as one program. A comment before a block may hold code: what
 * stands above a line `@block` runs before the block, the rest after it.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { files, read, root } from "../tidy/repository.ts";
import { folder, startTestService } from "./service-harness.ts";
import type { TestService } from "./service-harness.ts";

const RUN_MS_MAX = 60_000;

const PROGRAMS = {
  sh: ["bash", ["-euo", "pipefail"]],
  python: ["python3", ["-"]],
} as const;

type Language = keyof typeof PROGRAMS;

const FENCE =
  /(?:<!--\s*@run\b(?<note>(?:(?!-->)[\s\S])*)-->\s*\n)?^```(?<language>sh|python)\n(?<code>[\s\S]*?)^```$/gm;

/** All that is marked of one page, or nothing. */
function programOf(page: string, language: Language): string {
  const blocks = [...read(page).matchAll(FENCE)].filter(({ groups = {} }) => {
    return groups["language"] === language && groups["note"] !== undefined;
  });
  return blocks
    .map(({ groups: { note = "", code = "" } = {} }) => {
      const [before = "", after = ""] = note.split(/^@block$/m);
      return [before, code, after].join("\n");
    })
    .join("\n");
}

const pages = files.filter((file) => /^docs\/.*\.md$/.test(file));
const programs = pages.flatMap((page) =>
  (Object.keys(PROGRAMS) as Language[])
    .map((language) => ({ page, language, program: programOf(page, language) }))
    .filter(({ program }) => program !== ""),
);

let s: TestService;
const place = folder();

beforeAll(async () => {
  s = await startTestService({ env: { SOJOURN_RATE_LIMIT: "0" } });
});

afterAll(async () => {
  await s.service.stop();
  place.remove();
});

function run(language: Language, program: string, env: Readonly<Record<string, string>>) {
  const [command, args] = PROGRAMS[language];
  const child = spawn(command, args, {
    cwd: place.path,
    env: { PATH: process.env["PATH"] ?? "", PYTHONPATH: join(root, "clients/python"), ...env },
    timeout: RUN_MS_MAX,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => void (said += chunk.toString()));
  }
  child.stdin.end(program);
  return new Promise<{ code: number | null; said: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, said }));
  });
}

describe("programs in the documents", () => {
  it.each(programs)("run: $page, $language", async ({ language, program }) => {
    const env = {
      URL: s.service.url,
      SOJOURN_URL: s.service.url,
      SOJOURN_KEY: await s.key("default"),
      PYTHONDONTWRITEBYTECODE: "1",
    };
    const { code, said } = await run(language, program, env);
    expect(code, said).toBe(0);
  });

  it("are all of the pages that say so", () => {
    const whole = ["docs/operations/curl.md", "docs/guide/backend-python.md"];
    expect(programs.map(({ page }) => page)).toEqual(expect.arrayContaining(whole));
    const silent = whole.flatMap((page) =>
      [...read(page).matchAll(FENCE)]
        .filter(({ groups }) => groups?.["note"] === undefined)
        .map(({ index }) => `${page}:${read(page).slice(0, index).split("\n").length}`),
    );
    expect(silent).toEqual([]);
  });
});

/** The repository as data: which files belong to it, and what they say. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root: string = join(import.meta.dirname, "..", "..");

/** Tracked files, and new ones that git would track; paths from the root, with slashes. */
export const files: readonly string[] = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
  { cwd: root, encoding: "utf8" },
)
  .split("\0")
  .filter((file) => file !== "" && existsSync(join(root, file)));

export const code: readonly string[] = files.filter(
  (file) => /\.(?:ts|tsx|mjs|js|css|html)$/.test(file) && !file.includes("/fixtures/"),
);

/** Sources that are published: no tests. */
export const shipped: readonly string[] = code.filter(
  (file) => /^packages\/[^/]+\/src\//.test(file) && !/\.test\.tsx?$/.test(file),
);

export function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

export function readJson<T>(file: string): T {
  return JSON.parse(read(file)) as T;
}

/** Source text without comments. Strings stay, so a `//` inside one ends its line early. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** A comment, or one of the literals: string, template, regular expression where a value begins. */
const COMMENT_OR_LITERAL = new RegExp(
  [
    String.raw`(?<comment>\/\*[\s\S]*?\*\/|\/\/.*)`,
    String.raw`"(?:\\.|[^"\\\n])*"`,
    String.raw`'(?:\\.|[^'\\\n])*'`,
    "`(?:\\\\[\\s\\S]|[^`\\\\])*`",
    String.raw`(?<=[=(,:[!&|?{};>]\s*|\breturn\s+)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*`,
  ].join("|"),
  "g",
);

/**
 * Source text whose literals are empty and whose line breaks and comments stay: what is left of a
 * line is what can be broken. A template within a template is read as two with text between them.
 */
export function withoutLiterals(text: string): string {
  return text.replace(COMMENT_OR_LITERAL, (found: string, comment: string | undefined) => {
    return comment ?? found.replace(/[^\n]/g, "");
  });
}

/** `file:line: text` of every line that matches. Empty is what a tidy rule expects. */
export function linesMatching(
  among: readonly string[],
  pattern: RegExp,
  text: (file: string) => string = read,
): string[] {
  return among.flatMap((file) =>
    text(file)
      .split("\n")
      .map((line, index) => ({ line, place: `${file}:${index + 1}` }))
      .filter(({ line }) => pattern.test(line))
      .map(({ line, place }) => `${place}: ${line.trim()}`),
  );
}

/** The code that the framework guides show is the code that the examples run. */
import { describe, expect, it } from "vitest";
import { files, read } from "../tidy/repository.ts";

const GUIDES = ["nextjs", "react-router", "sveltekit", "h3"].map((name) => ({
  name,
  guide: `docs/guide/${name}.md`,
}));
const GUIDE_LINES_MAX = 100;

const MARK = /^\s*not run: the block is (?<file>examples\/\S+), which tests\/examples runs\s*$/;
const BLOCK =
  /(?:<!--(?<note>(?:(?!-->)[\s\S])*)-->\s*\n)?^```(?<language>\w+)\n(?<code>[\s\S]*?)^```$/gm;
/** Commands and settings are no code of the example. */
const OTHER_LANGUAGES = ["sh", "json", "nginx"];

function blocksOf(guide: string) {
  return [...read(guide).matchAll(BLOCK)]
    .map(({ groups = {} }) => groups)
    .filter(({ language = "" }) => !OTHER_LANGUAGES.includes(language))
    .map(({ note = "", code = "" }) => ({ file: MARK.exec(note)?.groups?.["file"], code }));
}

describe.each(GUIDES)("the guide to $name", ({ name, guide }) => {
  it("shows only code that stands word for word in its example", () => {
    const blocks = blocksOf(guide);
    expect(blocks.length).toBeGreaterThan(1);
    for (const { file = "no file is named", code } of blocks) {
      expect(files, code).toContain(file);
      expect(file).toMatch(new RegExp(`^examples/${name}/`));
      expect(read(file)).toContain(code);
    }
  });

  it(`has at most ${GUIDE_LINES_MAX} lines`, () => {
    expect(read(guide).trimEnd().split("\n").length).toBeLessThanOrEqual(GUIDE_LINES_MAX);
  });
});

it("each example locks versions and checksums, not the addresses they came from", () => {
  for (const { name } of GUIDES) {
    expect(read(`examples/${name}/package-lock.json`)).not.toMatch(/"resolved": "[a-z+]+:/);
    expect(read(`examples/${name}/.npmrc`)).toContain("omit-lockfile-registry-resolved=true");
  }
});

/** Rules about the repository itself: what a reviewer would otherwise have to remember. */
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import {
  code,
  files,
  linesMatching,
  read,
  readJson,
  root,
  shipped,
  withoutComments,
  withoutLiterals,
} from "./tidy/repository.ts";

const FILE_LINES_MAX = 400;
const PUBLIC_FACE_LINES_MAX = 150;
const DECISION_LINES_MAX = 80;
const LINE_COLUMNS_MAX = 100;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | { types: string; default: string }>>;
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
}

const library = readJson<Manifest>("packages/sojourn/package.json");

function lineCount(file: string): number {
  return read(file).trimEnd().split("\n").length;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

describe("source files", () => {
  it(`have at most ${FILE_LINES_MAX} lines`, () => {
    // What npm run clients writes is as long as the interface is wide.
    const written = code.filter((file) => !read(file).startsWith("/* Written by npm run "));
    expect(written.length).toBeLessThan(code.length);
    expect(written.filter((file) => lineCount(file) > FILE_LINES_MAX)).toEqual([]);
  });

  it(`have lines of at most ${LINE_COLUMNS_MAX} columns, literals and addresses excepted`, () => {
    const tooLong = new RegExp(`^.{${LINE_COLUMNS_MAX + 1},}$`, "u");
    const long = linesMatching(code, tooLong, (file) =>
      /\.(?:tsx?|m?js)$/.test(file) ? withoutLiterals(read(file)) : read(file),
    );
    expect(long.filter((line) => !line.includes("://"))).toEqual([]);
  });

  it("have kebab-case names", () => {
    const names = code.map((file) => basename(file));
    expect(names.filter((name) => !/^[.+]?[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(name))).toEqual([]);
  });

  it("switch no type check off", () => {
    const switches = /@ts-(?:ignore|nocheck)|:\s*any\b|\bas any\b|<any>/;
    expect(linesMatching(shipped, switches, (file) => withoutComments(read(file)))).toEqual([]);
    // Its types add to those of a package that may not be installed.
    const beside = "packages/sojourn/src/express-session/installed-types.ts";
    const others = shipped.filter((file) => file !== beside);
    expect(linesMatching(others, /@ts-\w/)).toEqual([]);
  });

  it("export by name, configuration of tools and what frameworks of examples ask for excepted", () => {
    const own = code.filter((file) => !/\.config\.ts$|^examples\//.test(file));
    expect(linesMatching(own, /^export default\b/)).toEqual([]);
  });

  it("carry no unfinished marks", () => {
    const marks = ["TO-DO", "FIX-ME", "XX-X", "HA-CK"].join("|").replaceAll("-", "");
    const texts = files.filter((file) => /\.(?:ts|tsx|mjs|js|sh|md|json)$/.test(file));
    const own = texts.filter((file) => !/package-lock|fixtures|requirements\.json/.test(file));
    expect(linesMatching(own, new RegExp(`\\b(?:${marks})\\b`))).toEqual([]);
  });
});

describe("engine/ and protocol/", () => {
  const pure = shipped.filter((file) =>
    /^packages\/sojourn\/src\/(?:engine|protocol)\//.test(file),
  );
  const text = (file: string) => withoutComments(read(file));

  it("exist and name no clock and no source of randomness", () => {
    expect(pure.length).toBeGreaterThan(0);
    expect(linesMatching(pure, /\bDate\b|Math\.random|performance\.now/, text)).toEqual([]);
  });

  it("import by relative path only", () => {
    expect(linesMatching(pure, /\b(?:from|import)\s*\(?\s*["'][^.]/, text)).toEqual([]);
  });
});

describe("tests", () => {
  const tests = code.filter((file) => /\.test\.tsx?$/.test(file));

  it("are titled by the rule they show, in the present tense", () => {
    expect(linesMatching(tests, /\b(?:it|test)\(\s*["'`][^"'`]*\b(?:should|works)\b/)).toEqual([]);
  });

  it("are never the only ones to run", () => {
    expect(linesMatching(tests, /\b(?:it|test|describe)\.only\(/)).toEqual([]);
  });
});

describe("the repository", () => {
  const texts = files.filter((file) => !/\.(?:png|ico|woff2|gz)$/.test(file));

  it("names no registry and no folder of the machine it was made on", () => {
    const registry = execFileSync("npm", ["config", "get", "registry"], {
      cwd: root,
      encoding: "utf8",
    });
    const host = URL.canParse(registry) ? new URL(registry).host : "";
    const folders = [root, homedir()].filter((path) => path.length > 1).map(escaped);
    const places = [`(?:^|[^\\w./-])(?:${folders.join("|")})(?:/|$)`];
    if (host !== "") places.push(escaped(host));
    expect(linesMatching(texts, new RegExp(places.join("|")))).toEqual([]);
  });

  it("locks versions and checksums, not the addresses they came from", () => {
    expect(linesMatching(["package-lock.json"], /"resolved": "[a-z+]+:/)).toEqual([]);
    expect(read(".npmrc")).toContain("omit-lockfile-registry-resolved=true");
  });

  it("pins every dependency to one version", () => {
    const loose = files
      .filter((file) => basename(file) === "package.json")
      .map((file) => readJson<Manifest>(file))
      .flatMap(({ dependencies = {}, devDependencies = {} }) => [
        ...Object.entries(dependencies),
        ...Object.entries(devDependencies),
      ])
      .filter(([, version]) => !/^(?:npm:[^@]+@)?\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  it("has only relative links in its documents that lead somewhere", () => {
    const documents = files.filter((file) => file.endsWith(".md"));
    expect(documents.flatMap(brokenLinks)).toEqual([]);
  });

  it("numbers its decisions from 0001 without a gap, each a page with a title", () => {
    const decisions = files.filter((file) => /^docs\/decisions\/\d/.test(file)).toSorted();
    expect(decisions.length).toBeGreaterThan(0);
    decisions.forEach((file, index) => {
      const number = String(index + 1).padStart(4, "0");
      expect(basename(file)).toMatch(new RegExp(`^${number}-[a-z0-9-]+\\.md$`));
      expect(read(file), file).toMatch(/^# \S/);
      expect(lineCount(file), file).toBeLessThanOrEqual(DECISION_LINES_MAX);
    });
  });
});

describe("the library package", () => {
  const targets = Object.values(library.exports ?? {}).flatMap((target) =>
    typeof target === "string" ? [target] : [target.types, target.default],
  );

  it("has no runtime dependency", () => {
    expect(library.dependencies ?? {}).toEqual({});
  });

  it("declares only subpaths and platforms that the build makes", () => {
    const platforms = Object.values(library.imports ?? {}).flatMap((by) => Object.values(by));
    const absent = [...targets, ...platforms].filter(
      (target) => !existsSync(join(root, "packages/sojourn", target)),
    );
    expect(absent).toEqual([]);
  });

  it(`shows its public face in at most ${PUBLIC_FACE_LINES_MAX} lines of re-exports`, () => {
    const face = "packages/sojourn/src/index.ts";
    expect(lineCount(face)).toBeLessThanOrEqual(PUBLIC_FACE_LINES_MAX);
    const statements = withoutComments(read(face))
      .split(";")
      .map((one) => one.trim());
    const other = statements.filter((one) => one !== "" && !/^export\b.*\bfrom\b/s.test(one));
    expect(other).toEqual([]);
  });

  it("has an index.ts only where a subpath begins", () => {
    const indexes = shipped.filter((file) => /^packages\/sojourn\/.*\/index\.ts$/.test(file));
    const begun = targets.map((target) =>
      target.replace(/^\.\/dist\//, "packages/sojourn/src/").replace(/\.js$/, ".ts"),
    );
    expect(indexes.filter((file) => !begun.includes(file))).toEqual([]);
  });
});

/** Every `[text](target)` of a document whose target is a file of ours that is not there. */
function brokenLinks(document: string): string[] {
  const prose = read(document).replace(/```[\s\S]*?```|`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target) && !leadsSomewhere(document, target))
    .map((target) => `${document}: ${target}`);
}

function leadsSomewhere(document: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? document : normalize(join(dirname(document), path));
  if (!existsSync(join(root, file))) return false;
  if (anchor === undefined || statSync(join(root, file)).isDirectory()) return true;
  return !file.endsWith(".md") || anchors(file).includes(anchor);
}

/** Heading anchors as the usual hosts of Markdown make them. */
function anchors(document: string): string[] {
  const headings = read(document).match(/^#{1,6} .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}

/**
 * The public declarations of both libraries, subpath by subpath, as one text: what
 * changes for those who import Sojourn is then a diff somebody reads.
 *
 *   node tools/api-snapshot.mjs            write docs/api/sojourn.d.txt from the build
 *   node tools/api-snapshot.mjs --check    fail when the build says something else
 *
 * It reads the compiler's declaration files as text. They are regular: a statement begins in the
 * first column and ends with a line whose first column holds its closing brace, or with `;`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { argv } from "node:process";
import { root } from "./setup.mjs";

const libraries = ["sojourn", "sojourn-client"].map((name) => join(root, "packages", name));
const snapshot = join(root, "docs", "api", "sojourn.d.txt");

/** @typedef {Map<string, string>} Declarations Exported name → its text without comments. */

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:const|let|function|class|interface|type|enum) (\w+)/;
const RENAMED = /^(?:type )?(\w+)(?: as (\w+))?$/;

/** @param {string} text A declaration file. */
function statements(text) {
  const plain = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const lines = plain.split("\n").filter((line) => line.trim() !== "");
  /** @type {string[]} */
  const found = [];
  for (const line of lines) {
    if (/^[^\s})\]]/.test(line)) found.push(line);
    else found[found.length - 1] += `\n${line}`;
  }
  return found;
}

/**
 * @param {string} from The importing declaration file.
 * @param {string} specifier
 */
function target(from, specifier) {
  return resolve(dirname(from), specifier.replace(/\.(?:js|ts)$/, ".d.ts"));
}

/**
 * @param {string} file A declaration file of the build.
 * @returns {Declarations}
 */
function declarations(file) {
  if (!existsSync(file)) throw new Error(`${file} is not there: run npm run build first`);
  const found = new Map();
  const local = new Map();
  for (const statement of statements(readFileSync(file, "utf8"))) {
    const name = DECLARED.exec(statement)?.[1];
    if (name === undefined) {
      reExports(file, statement, local, found);
    } else {
      // Overloads of one function are statements of their own.
      local.set(name, [...(local.get(name) ?? []), statement]);
      found.set(name, local.get(name).join("\n"));
    }
  }
  return found;
}

/**
 * @param {string} file
 * @param {string} statement
 * @param {Map<string, string[]>} local
 * @param {Declarations} found Gets what the statement exports.
 */
function reExports(file, statement, local, found) {
  const parts = /^export (?:type )?(\*|\{[^}]*\})(?: from ["']([^"']+)["'])?;/.exec(statement);
  if (parts === null) return;
  const [, list = "", specifier] = parts;
  const source = specifier === undefined ? undefined : declarations(target(file, specifier));
  if (list === "*") {
    for (const [name, text] of source ?? []) found.set(name, text);
    return;
  }
  for (const { from, as } of listed(list)) {
    found.set(as, source?.get(from) ?? local.get(from)?.join("\n") ?? `export { ${from} }`);
  }
}

/** @param {string} list Such as `{ a, type B, c as d }`. */
function listed(list) {
  return list
    .slice(1, -1)
    .split(",")
    .map((item) => RENAMED.exec(item.trim()) ?? [])
    .map(([, from = "", as = from]) => ({ from, as }))
    .filter(({ from }) => from !== "");
}

/** @param {string} statement */
function tidy(statement) {
  return statement
    .split("\n")
    .filter((line) => !/^\s*(?:#private;|private \w+;?)$/.test(line))
    .join("\n");
}

/** @param {string} library The folder of a package. */
function sectionsOf(library) {
  const { name, exports } = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));
  const sections = Object.entries(exports).filter(([, value]) => typeof value === "object");
  return sections.map(([subpath, value]) => {
    const found = [...declarations(join(library, value.types))].toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const title = name + subpath.slice(1);
    return [`## ${title}`, ...found.map(([, text]) => tidy(text))].join("\n\n");
  });
}

function render() {
  const head =
    "Public declarations of sojourn and sojourn-client. Written by npm run api; npm test compares.";
  return `${[head, ...libraries.flatMap(sectionsOf)].join("\n\n")}\n`;
}

const now = render();
if (!argv.includes("--check")) {
  mkdirSync(dirname(snapshot), { recursive: true });
  writeFileSync(snapshot, now);
  console.log(`Wrote ${snapshot}: ${now.split("\n").length} lines.`);
} else if (!existsSync(snapshot) || readFileSync(snapshot, "utf8") !== now) {
  const before = existsSync(snapshot) ? readFileSync(snapshot, "utf8").split("\n") : [];
  const after = now.split("\n");
  for (const line of before.filter((one) => !after.includes(one))) console.log(`- ${line}`);
  for (const line of after.filter((one) => !before.includes(one))) console.log(`+ ${line}`);
  console.error("The public declarations changed. If that is meant: npm run api, and commit it.");
  process.exitCode = 1;
}

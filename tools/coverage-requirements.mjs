/**
 * Which rows of tests/requirements/requirements.json have a passing test. A test shows a row by
 * citing it in its title: `[TO-02] ends an idle session at the deadline`. Several are allowed:
 * `[TO-02, TO-03]`. Read from the reports of the last `npm test`.
 *
 *   npm run coverage:requirements               the table
 *   npm run coverage:requirements -- --open     and the text of every open row
 *   npm run coverage:requirements -- --check    fail on an unknown id, and on a row of the
 *                                               components below that is neither covered nor
 *                                               listed with a reason in out-of-scope.json
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { argv } from "node:process";
import { projects, readReport, reports } from "./runners.mjs";
import { root } from "./setup.mjs";

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} level MUST or SHOULD.
 * @property {string} requirement
 * @property {string[]} component
 *
 * @typedef {object} Citations
 * @property {Map<string, string[]>} passed Id → titles of the passing tests that cite it.
 * @property {Map<string, string[]>} failed The same for tests that did not pass.
 */

/** Components whose rows must be covered or excused. */
const CLOSED = [
  "tok",
  "core",
  "cookie",
  "csrf",
  "http",
  "proxy",
  "policy",
  "keys",
  "store",
  "privacy",
  "audit",
  "tenant",
  "console",
  "ops",
  "self",
  "jwt",
  "as",
  "dpop",
  "dbsc",
];
/** Rows of other components that must be covered all the same. */
const CLOSED_ROWS = ["TR-09", "TR-10"];

const CITED = /\[([A-Z]{2}-\d{2}(?:,\s*[A-Z]{2}-\d{2})*)\]/g;
const REASON_CHARS_MIN = 15;

/** @param {string} name */
function read(name) {
  return JSON.parse(readFileSync(join(root, "tests", "requirements", name), "utf8"));
}

/** @returns {Citations} */
function citations() {
  const passed = new Map();
  const failed = new Map();
  for (const project of projects) {
    const suites = readReport(join(reports, `${project}.json`))?.testResults ?? [];
    for (const test of suites.flatMap((suite) => suite.assertionResults)) {
      const into = test.status === "passed" ? passed : failed;
      for (const [, list = ""] of test.fullName.matchAll(CITED)) {
        for (const id of list.split(/,\s*/)) into.set(id, [...(into.get(id) ?? []), test.fullName]);
      }
    }
  }
  return { passed, failed };
}

/**
 * @param {readonly Row[]} rows
 * @param {Record<string, string>} excused
 * @param {Citations} cited
 * @returns {string[]} one line per problem; empty when all is well.
 */
function problems(rows, excused, { passed, failed }) {
  const ids = new Set(rows.map((row) => row.id));
  const found = [];
  for (const [id, titles] of [...passed, ...failed]) {
    if (!ids.has(id)) found.push(`${id} is cited but does not exist: ${titles[0]}`);
  }
  for (const [id, reason] of Object.entries(excused)) {
    if (!ids.has(id)) found.push(`${id} in out-of-scope.json does not exist`);
    if (reason.length < REASON_CHARS_MIN) found.push(`${id} in out-of-scope.json needs a reason`);
    if (passed.has(id)) found.push(`${id} has a passing test: take it out of out-of-scope.json`);
  }
  for (const row of rows.filter(isClosed)) {
    if (passed.has(row.id) || row.id in excused) continue;
    found.push(`${row.id} (${row.component.join(", ")}) is open: ${row.requirement}`);
  }
  return found;
}

/** @param {Row} row */
function isClosed(row) {
  return CLOSED_ROWS.includes(row.id) || row.component.some((name) => CLOSED.includes(name));
}

/**
 * @param {readonly Row[]} rows
 * @param {Record<string, string>} excused
 * @param {Citations} cited
 */
function printTable(rows, excused, { passed }) {
  const components = [...new Set(rows.flatMap((row) => row.component))].toSorted();
  console.log("component  rows  covered  out of scope  open");
  for (const component of components) {
    const mine = rows.filter((row) => row.component.includes(component));
    const covered = mine.filter((row) => passed.has(row.id));
    const out = mine.filter((row) => !passed.has(row.id) && row.id in excused);
    const open = mine.filter((row) => !covered.includes(row) && !out.includes(row));
    const counts = [
      component.padEnd(9),
      String(mine.length).padStart(6),
      String(covered.length).padStart(9),
      String(out.length).padStart(14),
      String(open.length).padStart(6),
    ];
    console.log(`${counts.join("")}  ${open.map((row) => row.id).join(" ")}`.trimEnd());
  }
  const covered = rows.filter((row) => passed.has(row.id)).length;
  console.log(`note: ${covered} of ${rows.length} requirements have a passing test`);
}

const rows = /** @type {Row[]} */ (read("requirements.json"));
const excused = /** @type {Record<string, string>} */ (read("out-of-scope.json"));
const cited = citations();
printTable(rows, excused, cited);
if (cited.passed.size === 0) console.log("No report cites a row: run npm test first.");
if (argv.includes("--open")) {
  for (const row of rows.filter((one) => !cited.passed.has(one.id))) {
    console.log(`${row.id} ${row.level} ${row.requirement}`);
  }
}
if (argv.includes("--check")) {
  const found = problems(rows, excused, cited);
  for (const problem of found) console.error(problem);
  if (found.length > 0) process.exitCode = 1;
}

/**
 * Writes `packages/sojourn-server/controls.json`, the requirements as an evidence pack names them,
 * from `tests/requirements/requirements.json`.
 *
 *   node tools/controls.mjs && oxfmt packages/sojourn-server/controls.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const from = join(root, "tests/requirements/requirements.json");
const to = join(root, "packages/sojourn-server/controls.json");
/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} level
 * @property {string} source
 * @property {string} requirement
 * @property {string[]} component
 *
 * @type {readonly Row[]}
 */
const rows = JSON.parse(readFileSync(from, "utf8"));
const controls = rows.map(({ id, level, source, requirement, component: parts }) => ({
  id,
  level,
  source,
  requirement,
  parts,
}));
writeFileSync(to, `${JSON.stringify(controls, null, 2)}\n`);
